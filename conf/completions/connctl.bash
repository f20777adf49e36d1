# bash completion for connctl, written from its option table
_connctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i
	local -a given=()
	COMPREPLY=()
	# bash splits --option=value into three words.
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--format | --without | --socket | --timeout | --on-change | --user | --team | --deployment | --project | --airflow-config | --python | --context | --manager | --organization | --token-file | --ca-file | --output | --name | --connections | --variables | --workspace | --role | --expires-in | --token-out | --except | --description | --search | --linked | --updated-by | --updated-since | --updated-before | --type | --host | --login | --schema | --port | --password-file | --extra-file | --auth-type | --link | --auto-link | --unset | --to-version | --value-file | --value | --endpoint | --username | --basic-token-file | --headers-file | --labels-file | --config | --secrets-fetching | --limit | --request-id)
			[[ ${COMP_WORDS[i + 1]-} != = ]] || ((i++))
			((i++))
			;;
		-*) ;;
		*) given+=("${COMP_WORDS[i]}") ;;
		esac
	done
	case "${given[*]} : $prev" in
	("explain "*": --deployment" | "import "*": --deployment" | "token create "*": --deployment" | "init "*": --deployment" | "project create "*": --deployment" | "connection list "*": --deployment" | "connection get "*": --deployment" | "connection create "*": --deployment" | "connection set "*": --deployment" | "connection delete "*": --deployment" | "connection link "*": --deployment" | "connection unlink "*": --deployment" | "connection exclude "*": --deployment" | "connection override "*": --deployment" | "connection promote "*": --deployment" | "connection history "*": --deployment" | "connection restore "*": --deployment" | "variable list "*": --deployment" | "variable get "*": --deployment" | "variable create "*": --deployment" | "variable set "*": --deployment" | "variable delete "*": --deployment" | "variable link "*": --deployment" | "variable unlink "*": --deployment" | "variable exclude "*": --deployment" | "variable override "*": --deployment" | "variable promote "*": --deployment" | "variable history "*": --deployment" | "variable restore "*": --deployment" | "env-var list "*": --deployment" | "env-var get "*": --deployment" | "env-var create "*": --deployment" | "env-var set "*": --deployment" | "env-var delete "*": --deployment" | "env-var link "*": --deployment" | "env-var unlink "*": --deployment" | "env-var exclude "*": --deployment" | "env-var override "*": --deployment" | "env-var promote "*": --deployment" | "env-var history "*": --deployment" | "env-var restore "*": --deployment" | "metrics-export list "*": --deployment" | "metrics-export get "*": --deployment" | "metrics-export create "*": --deployment" | "metrics-export set "*": --deployment" | "metrics-export delete "*": --deployment" | "metrics-export link "*": --deployment" | "metrics-export unlink "*": --deployment" | "metrics-export exclude "*": --deployment" | "metrics-export override "*": --deployment" | "metrics-export promote "*": --deployment" | "metrics-export history "*": --deployment" | "metrics-export restore "*": --deployment" | "doctor "*": --deployment" | "sidecars "*": --deployment" | "render "*": --deployment") if [[ $cur != -* ]]; then mapfile -t COMPREPLY < <(connctl deployment list --timeout 1s 2>/dev/null | sed "s/  .*//" | while IFS= read -r i; do [[ $i != "$cur"* ]] || printf '%q\n' "$i"; done); return; fi ;;
	("import "*": --workspace" | "token create "*": --workspace" | "login "*": --workspace" | "deployment list "*": --workspace" | "deployment create "*": --workspace" | "deployment rename "*": --workspace" | "deployment delete "*": --workspace" | "project list "*": --workspace" | "project create "*": --workspace" | "project rename "*": --workspace" | "project delete "*": --workspace" | "connection list "*": --workspace" | "connection get "*": --workspace" | "connection create "*": --workspace" | "connection set "*": --workspace" | "connection delete "*": --workspace" | "connection link "*": --workspace" | "connection unlink "*": --workspace" | "connection exclude "*": --workspace" | "connection override "*": --workspace" | "connection promote "*": --workspace" | "connection history "*": --workspace" | "connection restore "*": --workspace" | "variable list "*": --workspace" | "variable get "*": --workspace" | "variable create "*": --workspace" | "variable set "*": --workspace" | "variable delete "*": --workspace" | "variable link "*": --workspace" | "variable unlink "*": --workspace" | "variable exclude "*": --workspace" | "variable override "*": --workspace" | "variable promote "*": --workspace" | "variable history "*": --workspace" | "variable restore "*": --workspace" | "env-var list "*": --workspace" | "env-var get "*": --workspace" | "env-var create "*": --workspace" | "env-var set "*": --workspace" | "env-var delete "*": --workspace" | "env-var link "*": --workspace" | "env-var unlink "*": --workspace" | "env-var exclude "*": --workspace" | "env-var override "*": --workspace" | "env-var promote "*": --workspace" | "env-var history "*": --workspace" | "env-var restore "*": --workspace" | "metrics-export list "*": --workspace" | "metrics-export get "*": --workspace" | "metrics-export create "*": --workspace" | "metrics-export set "*": --workspace" | "metrics-export delete "*": --workspace" | "metrics-export link "*": --workspace" | "metrics-export unlink "*": --workspace" | "metrics-export exclude "*": --workspace" | "metrics-export override "*": --workspace" | "metrics-export promote "*": --workspace" | "metrics-export history "*": --workspace" | "metrics-export restore "*": --workspace" | "sidecars "*": --workspace" | "diff "*": --workspace" | "audit "*": --workspace" | "render "*": --workspace") if [[ $cur != -* ]]; then mapfile -t COMPREPLY < <(connctl workspace list --timeout 1s 2>/dev/null | sed "s/  .*//" | while IFS= read -r i; do [[ $i != "$cur"* ]] || printf '%q\n' "$i"; done); return; fi ;;
	("get conn :"*) if [[ $cur != -* && $prev != --* ]]; then mapfile -t COMPREPLY < <(connctl list --timeout 500ms 2>/dev/null | sed -n "s/^connection  *//p" | while IFS= read -r i; do [[ $i != "$cur"* ]] || printf '%q\n' "$i"; done); return; fi ;;
	("get var :"*) if [[ $cur != -* && $prev != --* ]]; then mapfile -t COMPREPLY < <(connctl list --timeout 500ms 2>/dev/null | sed -n "s/^variable  *//p" | while IFS= read -r i; do [[ $i != "$cur"* ]] || printf '%q\n' "$i"; done); return; fi ;;
	("connection get :"* | "connection create :"* | "connection set :"* | "connection delete :"* | "connection link :"* | "connection unlink :"* | "connection exclude :"* | "connection override :"* | "connection promote :"* | "connection history :"* | "connection restore :"*) if [[ $cur != -* && $prev != --* ]]; then mapfile -t COMPREPLY < <(connctl connection list --timeout 1s 2>/dev/null | sed "s/  .*//" | while IFS= read -r i; do [[ $i != "$cur"* ]] || printf '%q\n' "$i"; done); return; fi ;;
	("variable get :"* | "variable create :"* | "variable set :"* | "variable delete :"* | "variable link :"* | "variable unlink :"* | "variable exclude :"* | "variable override :"* | "variable promote :"* | "variable history :"* | "variable restore :"*) if [[ $cur != -* && $prev != --* ]]; then mapfile -t COMPREPLY < <(connctl variable list --timeout 1s 2>/dev/null | sed "s/  .*//" | while IFS= read -r i; do [[ $i != "$cur"* ]] || printf '%q\n' "$i"; done); return; fi ;;
	("env-var get :"* | "env-var create :"* | "env-var set :"* | "env-var delete :"* | "env-var link :"* | "env-var unlink :"* | "env-var exclude :"* | "env-var override :"* | "env-var promote :"* | "env-var history :"* | "env-var restore :"*) if [[ $cur != -* && $prev != --* ]]; then mapfile -t COMPREPLY < <(connctl env-var list --timeout 1s 2>/dev/null | sed "s/  .*//" | while IFS= read -r i; do [[ $i != "$cur"* ]] || printf '%q\n' "$i"; done); return; fi ;;
	("metrics-export get :"* | "metrics-export create :"* | "metrics-export set :"* | "metrics-export delete :"* | "metrics-export link :"* | "metrics-export unlink :"* | "metrics-export exclude :"* | "metrics-export override :"* | "metrics-export promote :"* | "metrics-export history :"* | "metrics-export restore :"*) if [[ $cur != -* && $prev != --* ]]; then mapfile -t COMPREPLY < <(connctl metrics-export list --timeout 1s 2>/dev/null | sed "s/  .*//" | while IFS= read -r i; do [[ $i != "$cur"* ]] || printf '%q\n' "$i"; done); return; fi ;;
	esac
	case $prev in
	(--format) mapfile -t COMPREPLY < <(compgen -W "dotenv shell json" -- "$cur"); return ;;
	(--without) :; return ;;
	(--socket) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--timeout) :; return ;;
	(--on-change) mapfile -t COMPREPLY < <(compgen -W "ignore restart signal" -- "$cur"); return ;;
	(--user) :; return ;;
	(--team) :; return ;;
	(--deployment) :; return ;;
	(--project) :; return ;;
	(--airflow-config) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--python) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--context) :; return ;;
	(--manager) :; return ;;
	(--organization) :; return ;;
	(--token-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--ca-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--output) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--name) :; return ;;
	(--connections) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--variables) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--from-airflow) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--workspace) :; return ;;
	(--role) mapfile -t COMPREPLY < <(compgen -W "OWNER OPERATOR AUTHOR MEMBER" -- "$cur"); return ;;
	(--expires-in) :; return ;;
	(--token-out) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--except) :; return ;;
	(--description) :; return ;;
	(--search) :; return ;;
	(--linked) mapfile -t COMPREPLY < <(compgen -W "all restricted" -- "$cur"); return ;;
	(--updated-by) :; return ;;
	(--updated-since) :; return ;;
	(--updated-before) :; return ;;
	(--type) :; return ;;
	(--host) :; return ;;
	(--login) :; return ;;
	(--schema) :; return ;;
	(--port) :; return ;;
	(--password-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--extra-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--auth-type) :; return ;;
	(--link) :; return ;;
	(--auto-link) mapfile -t COMPREPLY < <(compgen -W "yes no" -- "$cur"); return ;;
	(--unset) :; return ;;
	(--to-version) :; return ;;
	(--value-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--value) :; return ;;
	(--endpoint) :; return ;;
	(--username) :; return ;;
	(--basic-token-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--headers-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--labels-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--config) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--secrets-fetching) mapfile -t COMPREPLY < <(compgen -W "on off" -- "$cur"); return ;;
	(--limit) :; return ;;
	(--request-id) :; return ;;
	esac
	case "${given[0]-} ${given[1]-} " in
	("  ") if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--help --version" -- "$cur"); else mapfile -t COMPREPLY < <(compgen -W " env exec explain get export import list refresh status token top trace wait watch scan redact init login context workspace deployment project connection variable env-var metrics-export doctor organization sidecars diff audit render" -- "$cur"); fi ;;
	("token  ") mapfile -t COMPREPLY < <(compgen -W " list create revoke renew" -- "$cur") ;;
	("context  ") mapfile -t COMPREPLY < <(compgen -W " list use delete" -- "$cur") ;;
	("workspace  ") mapfile -t COMPREPLY < <(compgen -W " list create rename delete" -- "$cur") ;;
	("deployment  ") mapfile -t COMPREPLY < <(compgen -W " list create rename delete" -- "$cur") ;;
	("project  ") mapfile -t COMPREPLY < <(compgen -W " list create rename delete" -- "$cur") ;;
	("connection  ") mapfile -t COMPREPLY < <(compgen -W " list get create set delete link unlink exclude override promote history restore" -- "$cur") ;;
	("variable  ") mapfile -t COMPREPLY < <(compgen -W " list get create set delete link unlink exclude override promote history restore" -- "$cur") ;;
	("env-var  ") mapfile -t COMPREPLY < <(compgen -W " list get create set delete link unlink exclude override promote history restore" -- "$cur") ;;
	("metrics-export  ") mapfile -t COMPREPLY < <(compgen -W " list get create set delete link unlink exclude override promote history restore" -- "$cur") ;;
	("organization  ") mapfile -t COMPREPLY < <(compgen -W " show set" -- "$cur") ;;
	("env "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--format --reveal --airflow --without --socket --timeout --json --help" -- "$cur")
		fi
		;;
	("exec "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--on-change --socket --timeout --airflow --without --help" -- "$cur")
		elif ((${#given[@]} == 1)); then
			:
		elif ((${#given[@]} == 2)); then
			compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		elif ((${#given[@]} >= 3)); then
			:
		fi
		;;
	("explain "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--socket --user --team --reveal --deployment --project --airflow-config --python --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 1)); then
			mapfile -t COMPREPLY < <(compgen -W "conn var" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("get "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--reveal --team --socket --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 1)); then
			mapfile -t COMPREPLY < <(compgen -W "conn var" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("export "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--socket --timeout --format --output --partial --name --reveal --help" -- "$cur")
		elif ((${#given[@]} == 1)); then
			mapfile -t COMPREPLY < <(compgen -W "connections variables" -- "$cur")
		fi
		;;
	("import "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--connections --variables --format --from-airflow= --workspace --deployment --dry-run --update --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	("list "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--socket --timeout --json --help" -- "$cur")
		fi
		;;
	("refresh "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--socket --timeout --json --help" -- "$cur")
		fi
		;;
	("status "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--socket --timeout --json --help" -- "$cur")
		fi
		;;
	("token list "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	("token create "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--role --deployment --workspace --expires-in --token-out --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("token revoke "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("token renew "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--timeout --manager --organization --token-file --ca-file --insecure-http --json --help" -- "$cur")
		fi
		;;
	("top "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--socket --timeout --json --help" -- "$cur")
		fi
		;;
	("trace "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--follow --socket --timeout --json --help" -- "$cur")
		fi
		;;
	("wait "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--socket --timeout --json --help" -- "$cur")
		fi
		;;
	("watch "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--socket --timeout --json --help" -- "$cur")
		elif ((${#given[@]} >= 1)); then
			:
		fi
		;;
	("scan "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--except --socket --timeout --json --help" -- "$cur")
		elif ((${#given[@]} >= 1)); then
			compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi
		;;
	("redact "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--except --keys --socket --timeout --json --help" -- "$cur")
		fi
		;;
	("init "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--local --deployment --force --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	("login "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--manager --token-file --organization --workspace --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 1)); then
			:
		fi
		;;
	("context list "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--json --help" -- "$cur")
		fi
		;;
	("context use "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("context delete "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("workspace list "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	("workspace create "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--description --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("workspace rename "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		elif ((${#given[@]} == 3)); then
			:
		fi
		;;
	("workspace delete "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("deployment list "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	("deployment create "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--description --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("deployment rename "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		elif ((${#given[@]} == 3)); then
			:
		fi
		;;
	("deployment delete "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("project list "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	("project create "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--description --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("project rename "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		elif ((${#given[@]} == 3)); then
			:
		fi
		;;
	("project delete "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("connection list "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--search --linked --updated-by --updated-since --updated-before --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	("connection get "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("connection create "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--type --host --login --schema --port --password --password-file --extra-file --auth-type --link --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("connection set "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--type --host --login --schema --port --password --password-file --extra-file --auth-type --unset --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("connection delete "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("connection link "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("connection unlink "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("connection exclude "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("connection override "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --type --host --login --schema --port --password --password-file --extra-file --unset --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("connection promote "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("connection history "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("connection restore "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--to-version --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("variable list "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--search --linked --updated-by --updated-since --updated-before --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	("variable get "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("variable create "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--plain --value-file --value --link --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("variable set "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--value-file --value --unset --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("variable delete "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("variable link "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("variable unlink "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("variable exclude "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("variable override "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --value-file --value --unset --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("variable promote "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("variable history "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("variable restore "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--to-version --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("env-var list "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--search --linked --updated-by --updated-since --updated-before --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	("env-var get "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("env-var create "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--plain --value-file --value --link --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("env-var set "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--value-file --value --unset --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("env-var delete "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("env-var link "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("env-var unlink "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("env-var exclude "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("env-var override "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --value-file --value --unset --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("env-var promote "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("env-var history "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("env-var restore "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--to-version --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("metrics-export list "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--search --linked --updated-by --updated-since --updated-before --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	("metrics-export get "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("metrics-export create "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--endpoint --auth-type --username --password --password-file --basic-token-file --headers-file --labels-file --link --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("metrics-export set "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--endpoint --auth-type --username --password --password-file --basic-token-file --headers-file --labels-file --unset --description --auto-link --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("metrics-export delete "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("metrics-export link "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("metrics-export unlink "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("metrics-export exclude "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("metrics-export override "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --endpoint --auth-type --username --password --password-file --basic-token-file --headers-file --labels-file --unset --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("metrics-export promote "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("metrics-export history "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("metrics-export restore "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--to-version --deployment --workspace --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("doctor "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--user --python --deployment --config --socket --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 1)); then
			mapfile -t COMPREPLY < <(compgen -W "conn var" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("organization show "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	("organization set "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--name --secrets-fetching --yes --dry-run --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	("sidecars "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	("diff "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--socket --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 1)); then
			:
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("audit "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--follow --limit --request-id --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	("render "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--output --reveal --deployment --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 1)); then
			mapfile -t COMPREPLY < <(compgen -W "prometheus otel" -- "$cur")
		elif ((${#given[@]} >= 2)); then
			:
		fi
		;;
	esac
}
complete -F _connctl connctl
