#compdef connctl
# Written from the option table of connctl.
_connctl()
{
	local cur=${words[CURRENT]} prev=${words[CURRENT-1]} i
	local -a given=()
	if [[ $cur == --*=* ]]; then
		prev=${cur%%=*}
		compset -P '*='
	fi
	for ((i = 2; i < CURRENT; i++)); do
		case ${words[i]} in
		(--format | --without | --socket | --timeout | --on-change | --user | --team | --deployment | --project | --airflow-config | --python | --context | --manager | --organization | --token-file | --ca-file | --output | --name | --connections | --variables | --workspace | --role | --expires-in | --token-out | --except | --description | --search | --linked | --updated-by | --updated-since | --updated-before | --type | --host | --login | --schema | --port | --password-file | --extra-file | --auth-type | --link | --auto-link | --unset | --to-version | --value-file | --value | --endpoint | --username | --basic-token-file | --headers-file | --labels-file | --config | --secrets-fetching | --limit | --request-id) ((i++)) ;;
		(-*) ;;
		(*) given+=(${words[i]}) ;;
		esac
	done
	case "${given[*]} : $prev" in
	("explain "*": --deployment" | "import "*": --deployment" | "token create "*": --deployment" | "init "*": --deployment" | "project create "*": --deployment" | "connection list "*": --deployment" | "connection get "*": --deployment" | "connection create "*": --deployment" | "connection set "*": --deployment" | "connection delete "*": --deployment" | "connection link "*": --deployment" | "connection unlink "*": --deployment" | "connection exclude "*": --deployment" | "connection override "*": --deployment" | "connection promote "*": --deployment" | "connection history "*": --deployment" | "connection restore "*": --deployment" | "variable list "*": --deployment" | "variable get "*": --deployment" | "variable create "*": --deployment" | "variable set "*": --deployment" | "variable delete "*": --deployment" | "variable link "*": --deployment" | "variable unlink "*": --deployment" | "variable exclude "*": --deployment" | "variable override "*": --deployment" | "variable promote "*": --deployment" | "variable history "*": --deployment" | "variable restore "*": --deployment" | "env-var list "*": --deployment" | "env-var get "*": --deployment" | "env-var create "*": --deployment" | "env-var set "*": --deployment" | "env-var delete "*": --deployment" | "env-var link "*": --deployment" | "env-var unlink "*": --deployment" | "env-var exclude "*": --deployment" | "env-var override "*": --deployment" | "env-var promote "*": --deployment" | "env-var history "*": --deployment" | "env-var restore "*": --deployment" | "metrics-export list "*": --deployment" | "metrics-export get "*": --deployment" | "metrics-export create "*": --deployment" | "metrics-export set "*": --deployment" | "metrics-export delete "*": --deployment" | "metrics-export link "*": --deployment" | "metrics-export unlink "*": --deployment" | "metrics-export exclude "*": --deployment" | "metrics-export override "*": --deployment" | "metrics-export promote "*": --deployment" | "metrics-export history "*": --deployment" | "metrics-export restore "*": --deployment" | "doctor "*": --deployment" | "sidecars "*": --deployment" | "render "*": --deployment") if [[ $cur != -* ]]; then compadd -- "${(@f)$(connctl deployment list --timeout 1s 2>/dev/null | sed "s/  .*//")}"; return; fi ;;
	("import "*": --workspace" | "token create "*": --workspace" | "login "*": --workspace" | "deployment list "*": --workspace" | "deployment create "*": --workspace" | "deployment rename "*": --workspace" | "deployment delete "*": --workspace" | "project list "*": --workspace" | "project create "*": --workspace" | "project rename "*": --workspace" | "project delete "*": --workspace" | "connection list "*": --workspace" | "connection get "*": --workspace" | "connection create "*": --workspace" | "connection set "*": --workspace" | "connection delete "*": --workspace" | "connection link "*": --workspace" | "connection unlink "*": --workspace" | "connection exclude "*": --workspace" | "connection override "*": --workspace" | "connection promote "*": --workspace" | "connection history "*": --workspace" | "connection restore "*": --workspace" | "variable list "*": --workspace" | "variable get "*": --workspace" | "variable create "*": --workspace" | "variable set "*": --workspace" | "variable delete "*": --workspace" | "variable link "*": --workspace" | "variable unlink "*": --workspace" | "variable exclude "*": --workspace" | "variable override "*": --workspace" | "variable promote "*": --workspace" | "variable history "*": --workspace" | "variable restore "*": --workspace" | "env-var list "*": --workspace" | "env-var get "*": --workspace" | "env-var create "*": --workspace" | "env-var set "*": --workspace" | "env-var delete "*": --workspace" | "env-var link "*": --workspace" | "env-var unlink "*": --workspace" | "env-var exclude "*": --workspace" | "env-var override "*": --workspace" | "env-var promote "*": --workspace" | "env-var history "*": --workspace" | "env-var restore "*": --workspace" | "metrics-export list "*": --workspace" | "metrics-export get "*": --workspace" | "metrics-export create "*": --workspace" | "metrics-export set "*": --workspace" | "metrics-export delete "*": --workspace" | "metrics-export link "*": --workspace" | "metrics-export unlink "*": --workspace" | "metrics-export exclude "*": --workspace" | "metrics-export override "*": --workspace" | "metrics-export promote "*": --workspace" | "metrics-export history "*": --workspace" | "metrics-export restore "*": --workspace" | "sidecars "*": --workspace" | "diff "*": --workspace" | "audit "*": --workspace" | "render "*": --workspace") if [[ $cur != -* ]]; then compadd -- "${(@f)$(connctl workspace list --timeout 1s 2>/dev/null | sed "s/  .*//")}"; return; fi ;;
	("get conn :"*) if [[ $cur != -* && $prev != --* ]]; then compadd -- "${(@f)$(connctl list --timeout 500ms 2>/dev/null | sed -n "s/^connection  *//p")}"; return; fi ;;
	("get var :"*) if [[ $cur != -* && $prev != --* ]]; then compadd -- "${(@f)$(connctl list --timeout 500ms 2>/dev/null | sed -n "s/^variable  *//p")}"; return; fi ;;
	("connection get :"* | "connection create :"* | "connection set :"* | "connection delete :"* | "connection link :"* | "connection unlink :"* | "connection exclude :"* | "connection override :"* | "connection promote :"* | "connection history :"* | "connection restore :"*) if [[ $cur != -* && $prev != --* ]]; then compadd -- "${(@f)$(connctl connection list --timeout 1s 2>/dev/null | sed "s/  .*//")}"; return; fi ;;
	("variable get :"* | "variable create :"* | "variable set :"* | "variable delete :"* | "variable link :"* | "variable unlink :"* | "variable exclude :"* | "variable override :"* | "variable promote :"* | "variable history :"* | "variable restore :"*) if [[ $cur != -* && $prev != --* ]]; then compadd -- "${(@f)$(connctl variable list --timeout 1s 2>/dev/null | sed "s/  .*//")}"; return; fi ;;
	("env-var get :"* | "env-var create :"* | "env-var set :"* | "env-var delete :"* | "env-var link :"* | "env-var unlink :"* | "env-var exclude :"* | "env-var override :"* | "env-var promote :"* | "env-var history :"* | "env-var restore :"*) if [[ $cur != -* && $prev != --* ]]; then compadd -- "${(@f)$(connctl env-var list --timeout 1s 2>/dev/null | sed "s/  .*//")}"; return; fi ;;
	("metrics-export get :"* | "metrics-export create :"* | "metrics-export set :"* | "metrics-export delete :"* | "metrics-export link :"* | "metrics-export unlink :"* | "metrics-export exclude :"* | "metrics-export override :"* | "metrics-export promote :"* | "metrics-export history :"* | "metrics-export restore :"*) if [[ $cur != -* && $prev != --* ]]; then compadd -- "${(@f)$(connctl metrics-export list --timeout 1s 2>/dev/null | sed "s/  .*//")}"; return; fi ;;
	esac
	case $prev in
	(--format) compadd -- dotenv shell json; return ;;
	(--without) _message value; return ;;
	(--socket) _files; return ;;
	(--timeout) _message value; return ;;
	(--on-change) compadd -- ignore restart signal; return ;;
	(--user) _message value; return ;;
	(--team) _message value; return ;;
	(--deployment) _message value; return ;;
	(--project) _message value; return ;;
	(--airflow-config) _files; return ;;
	(--python) _files; return ;;
	(--context) _message value; return ;;
	(--manager) _message value; return ;;
	(--organization) _message value; return ;;
	(--token-file) _files; return ;;
	(--ca-file) _files; return ;;
	(--output) _files; return ;;
	(--name) _message value; return ;;
	(--connections) _files; return ;;
	(--variables) _files; return ;;
	(--from-airflow) _files; return ;;
	(--workspace) _message value; return ;;
	(--role) compadd -- OWNER OPERATOR AUTHOR MEMBER; return ;;
	(--expires-in) _message value; return ;;
	(--token-out) _files; return ;;
	(--except) _message value; return ;;
	(--description) _message value; return ;;
	(--search) _message value; return ;;
	(--linked) compadd -- all restricted; return ;;
	(--updated-by) _message value; return ;;
	(--updated-since) _message value; return ;;
	(--updated-before) _message value; return ;;
	(--type) _message value; return ;;
	(--host) _message value; return ;;
	(--login) _message value; return ;;
	(--schema) _message value; return ;;
	(--port) _message value; return ;;
	(--password-file) _files; return ;;
	(--extra-file) _files; return ;;
	(--auth-type) _message value; return ;;
	(--link) _message value; return ;;
	(--auto-link) compadd -- yes no; return ;;
	(--unset) _message value; return ;;
	(--to-version) _message value; return ;;
	(--value-file) _files; return ;;
	(--value) _message value; return ;;
	(--endpoint) _message value; return ;;
	(--username) _message value; return ;;
	(--basic-token-file) _files; return ;;
	(--headers-file) _files; return ;;
	(--labels-file) _files; return ;;
	(--config) _files; return ;;
	(--secrets-fetching) compadd -- on off; return ;;
	(--limit) _message value; return ;;
	(--request-id) _message value; return ;;
	esac
	case "${given[1]-} ${given[2]-} " in
	("  ") if [[ $cur == -* ]]; then compadd -- --help --version; else compadd --  env exec explain get export import list refresh status token top trace wait watch scan redact init login context workspace deployment project connection variable env-var metrics-export doctor organization sidecars diff audit render; fi ;;
	("token  ") compadd --  list create revoke renew ;;
	("context  ") compadd --  list use delete ;;
	("workspace  ") compadd --  list create rename delete ;;
	("deployment  ") compadd --  list create rename delete ;;
	("project  ") compadd --  list create rename delete ;;
	("connection  ") compadd --  list get create set delete link unlink exclude override promote history restore ;;
	("variable  ") compadd --  list get create set delete link unlink exclude override promote history restore ;;
	("env-var  ") compadd --  list get create set delete link unlink exclude override promote history restore ;;
	("metrics-export  ") compadd --  list get create set delete link unlink exclude override promote history restore ;;
	("organization  ") compadd --  show set ;;
	("env "*)
		if [[ $cur == -* ]]; then
			compadd -- --format --reveal --airflow --without --socket --timeout --json --help
		fi
		;;
	("exec "*)
		if [[ $cur == -* ]]; then
			compadd -- --on-change --socket --timeout --airflow --without --help
		elif ((${#given[@]} == 1)); then
			_message value
		elif ((${#given[@]} == 2)); then
			_files
		elif ((${#given[@]} >= 3)); then
			_message value
		fi
		;;
	("explain "*)
		if [[ $cur == -* ]]; then
			compadd -- --socket --user --team --reveal --deployment --project --airflow-config --python --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 1)); then
			compadd -- conn var
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("get "*)
		if [[ $cur == -* ]]; then
			compadd -- --reveal --team --socket --timeout --json --help
		elif ((${#given[@]} == 1)); then
			compadd -- conn var
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("export "*)
		if [[ $cur == -* ]]; then
			compadd -- --socket --timeout --format --output --partial --name --reveal --help
		elif ((${#given[@]} == 1)); then
			compadd -- connections variables
		fi
		;;
	("import "*)
		if [[ $cur == -* ]]; then
			compadd -- --connections --variables --format --from-airflow= --workspace --deployment --dry-run --update --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	("list "*)
		if [[ $cur == -* ]]; then
			compadd -- --socket --timeout --json --help
		fi
		;;
	("refresh "*)
		if [[ $cur == -* ]]; then
			compadd -- --socket --timeout --json --help
		fi
		;;
	("status "*)
		if [[ $cur == -* ]]; then
			compadd -- --socket --timeout --json --help
		fi
		;;
	("token list "*)
		if [[ $cur == -* ]]; then
			compadd -- --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	("token create "*)
		if [[ $cur == -* ]]; then
			compadd -- --role --deployment --workspace --expires-in --token-out --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("token revoke "*)
		if [[ $cur == -* ]]; then
			compadd -- --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("token renew "*)
		if [[ $cur == -* ]]; then
			compadd -- --timeout --manager --organization --token-file --ca-file --insecure-http --json --help
		fi
		;;
	("top "*)
		if [[ $cur == -* ]]; then
			compadd -- --socket --timeout --json --help
		fi
		;;
	("trace "*)
		if [[ $cur == -* ]]; then
			compadd -- --follow --socket --timeout --json --help
		fi
		;;
	("wait "*)
		if [[ $cur == -* ]]; then
			compadd -- --socket --timeout --json --help
		fi
		;;
	("watch "*)
		if [[ $cur == -* ]]; then
			compadd -- --socket --timeout --json --help
		elif ((${#given[@]} >= 1)); then
			_message value
		fi
		;;
	("scan "*)
		if [[ $cur == -* ]]; then
			compadd -- --except --socket --timeout --json --help
		elif ((${#given[@]} >= 1)); then
			_files
		fi
		;;
	("redact "*)
		if [[ $cur == -* ]]; then
			compadd -- --except --keys --socket --timeout --json --help
		fi
		;;
	("init "*)
		if [[ $cur == -* ]]; then
			compadd -- --local --deployment --force --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	("login "*)
		if [[ $cur == -* ]]; then
			compadd -- --manager --token-file --organization --workspace --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 1)); then
			_message value
		fi
		;;
	("context list "*)
		if [[ $cur == -* ]]; then
			compadd -- --json --help
		fi
		;;
	("context use "*)
		if [[ $cur == -* ]]; then
			compadd -- --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("context delete "*)
		if [[ $cur == -* ]]; then
			compadd -- --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("workspace list "*)
		if [[ $cur == -* ]]; then
			compadd -- --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	("workspace create "*)
		if [[ $cur == -* ]]; then
			compadd -- --description --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("workspace rename "*)
		if [[ $cur == -* ]]; then
			compadd -- --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		elif ((${#given[@]} == 3)); then
			_message value
		fi
		;;
	("workspace delete "*)
		if [[ $cur == -* ]]; then
			compadd -- --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("deployment list "*)
		if [[ $cur == -* ]]; then
			compadd -- --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	("deployment create "*)
		if [[ $cur == -* ]]; then
			compadd -- --description --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("deployment rename "*)
		if [[ $cur == -* ]]; then
			compadd -- --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		elif ((${#given[@]} == 3)); then
			_message value
		fi
		;;
	("deployment delete "*)
		if [[ $cur == -* ]]; then
			compadd -- --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("project list "*)
		if [[ $cur == -* ]]; then
			compadd -- --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	("project create "*)
		if [[ $cur == -* ]]; then
			compadd -- --description --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("project rename "*)
		if [[ $cur == -* ]]; then
			compadd -- --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		elif ((${#given[@]} == 3)); then
			_message value
		fi
		;;
	("project delete "*)
		if [[ $cur == -* ]]; then
			compadd -- --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("connection list "*)
		if [[ $cur == -* ]]; then
			compadd -- --search --linked --updated-by --updated-since --updated-before --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	("connection get "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("connection create "*)
		if [[ $cur == -* ]]; then
			compadd -- --type --host --login --schema --port --password --password-file --extra-file --auth-type --link --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("connection set "*)
		if [[ $cur == -* ]]; then
			compadd -- --type --host --login --schema --port --password --password-file --extra-file --auth-type --unset --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("connection delete "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("connection link "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("connection unlink "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("connection exclude "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("connection override "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --type --host --login --schema --port --password --password-file --extra-file --unset --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("connection promote "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("connection history "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("connection restore "*)
		if [[ $cur == -* ]]; then
			compadd -- --to-version --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("variable list "*)
		if [[ $cur == -* ]]; then
			compadd -- --search --linked --updated-by --updated-since --updated-before --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	("variable get "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("variable create "*)
		if [[ $cur == -* ]]; then
			compadd -- --plain --value-file --value --link --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("variable set "*)
		if [[ $cur == -* ]]; then
			compadd -- --value-file --value --unset --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("variable delete "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("variable link "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("variable unlink "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("variable exclude "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("variable override "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --value-file --value --unset --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("variable promote "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("variable history "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("variable restore "*)
		if [[ $cur == -* ]]; then
			compadd -- --to-version --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("env-var list "*)
		if [[ $cur == -* ]]; then
			compadd -- --search --linked --updated-by --updated-since --updated-before --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	("env-var get "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("env-var create "*)
		if [[ $cur == -* ]]; then
			compadd -- --plain --value-file --value --link --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("env-var set "*)
		if [[ $cur == -* ]]; then
			compadd -- --value-file --value --unset --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("env-var delete "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("env-var link "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("env-var unlink "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("env-var exclude "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("env-var override "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --value-file --value --unset --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("env-var promote "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("env-var history "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("env-var restore "*)
		if [[ $cur == -* ]]; then
			compadd -- --to-version --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("metrics-export list "*)
		if [[ $cur == -* ]]; then
			compadd -- --search --linked --updated-by --updated-since --updated-before --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	("metrics-export get "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("metrics-export create "*)
		if [[ $cur == -* ]]; then
			compadd -- --endpoint --auth-type --username --password --password-file --basic-token-file --headers-file --labels-file --link --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("metrics-export set "*)
		if [[ $cur == -* ]]; then
			compadd -- --endpoint --auth-type --username --password --password-file --basic-token-file --headers-file --labels-file --unset --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("metrics-export delete "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("metrics-export link "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("metrics-export unlink "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("metrics-export exclude "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("metrics-export override "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --endpoint --auth-type --username --password --password-file --basic-token-file --headers-file --labels-file --unset --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("metrics-export promote "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("metrics-export history "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("metrics-export restore "*)
		if [[ $cur == -* ]]; then
			compadd -- --to-version --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("doctor "*)
		if [[ $cur == -* ]]; then
			compadd -- --user --python --deployment --config --socket --timeout --json --help
		elif ((${#given[@]} == 1)); then
			compadd -- conn var
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("organization show "*)
		if [[ $cur == -* ]]; then
			compadd -- --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	("organization set "*)
		if [[ $cur == -* ]]; then
			compadd -- --name --secrets-fetching --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	("sidecars "*)
		if [[ $cur == -* ]]; then
			compadd -- --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	("diff "*)
		if [[ $cur == -* ]]; then
			compadd -- --socket --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 1)); then
			_message value
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("audit "*)
		if [[ $cur == -* ]]; then
			compadd -- --follow --limit --request-id --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	("render "*)
		if [[ $cur == -* ]]; then
			compadd -- --output --reveal --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		elif ((${#given[@]} == 1)); then
			compadd -- prometheus otel
		elif ((${#given[@]} >= 2)); then
			_message value
		fi
		;;
	esac
}
_connctl "$@"
