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
		(--team | --socket | --timeout | --connections | --variables | --workspace | --deployment | --manager | --organization | --token-file | --ca-file) ((i++)) ;;
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
	esac
	case "${given[1]-} ${given[2]-} " in
	("  ") if [[ $cur == -* ]]; then compadd -- --help --version; else compadd --  get import list refresh status wait; fi ;;
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
	("wait "*)
		if [[ $cur == -* ]]; then
			compadd -- --socket --timeout --json --help
		fi
		;;
	esac
}
_connctl "$@"
