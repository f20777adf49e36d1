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
		(--team | --socket | --timeout | --connections | --variables | --workspace | --deployment | --manager | --organization | --token-file | --ca-file | --context | --description | --name | --secrets-fetching | --limit) ((i++)) ;;
		(-*) ;;
		(*) given+=(${words[i]}) ;;
		esac
	done
	case $prev in
	(--team) _message value; return ;;
	(--socket) _files; return ;;
	(--timeout) _message value; return ;;
	(--connections) _files; return ;;
	(--variables) _files; return ;;
	(--from-airflow) _files; return ;;
	(--workspace) _message value; return ;;
	(--deployment) _message value; return ;;
	(--manager) _message value; return ;;
	(--organization) _message value; return ;;
	(--token-file) _files; return ;;
	(--ca-file) _files; return ;;
	(--context) _message value; return ;;
	(--description) _message value; return ;;
	(--name) _message value; return ;;
	(--secrets-fetching) compadd -- on off; return ;;
	(--limit) _message value; return ;;
	esac
	case "${given[1]-} ${given[2]-} " in
	("  ") if [[ $cur == -* ]]; then compadd -- --help --version; else compadd --  get import list refresh status token top trace wait login context workspace deployment project organization audit; fi ;;
	("token  ") compadd --  renew ;;
	("context  ") compadd --  list use delete ;;
	("workspace  ") compadd --  list create rename delete ;;
	("deployment  ") compadd --  list create rename delete ;;
	("project  ") compadd --  list create rename delete ;;
	("organization  ") compadd --  show set ;;
	("get "*)
		if [[ $cur == -* ]]; then
			compadd -- --reveal --team --socket --timeout --json --help
		elif ((${#given[@]} == 1)); then
			compadd -- conn var
		elif ((${#given[@]} == 2)); then
			_message value
		fi
		;;
	("import "*)
		if [[ $cur == -* ]]; then
			compadd -- --connections --variables --from-airflow= --workspace --deployment --dry-run --update --timeout --manager --organization --token-file --ca-file --insecure-http --json --help
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
	("audit "*)
		if [[ $cur == -* ]]; then
			compadd -- --follow --limit --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help
		fi
		;;
	esac
}
_connctl "$@"
