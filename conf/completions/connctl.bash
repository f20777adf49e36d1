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
		--team | --socket | --timeout | --connections | --variables | --workspace | --deployment | --manager | --organization | --token-file | --ca-file)
			[[ ${COMP_WORDS[i + 1]-} != = ]] || ((i++))
			((i++))
			;;
		-*) ;;
		*) given+=("${COMP_WORDS[i]}") ;;
		esac
	done
	case $prev in
	(--team) :; return ;;
	(--socket) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--timeout) :; return ;;
	(--connections) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--variables) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--from-airflow) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--workspace) :; return ;;
	(--deployment) :; return ;;
	(--manager) :; return ;;
	(--organization) :; return ;;
	(--token-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--ca-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	esac
	case "${given[0]-} ${given[1]-} " in
	("  ") if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--help --version" -- "$cur"); else mapfile -t COMPREPLY < <(compgen -W " get import list refresh status wait" -- "$cur"); fi ;;
	("get "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--reveal --team --socket --timeout --json --help" -- "$cur")
		elif ((${#given[@]} == 1)); then
			mapfile -t COMPREPLY < <(compgen -W "conn var" -- "$cur")
		elif ((${#given[@]} == 2)); then
			:
		fi
		;;
	("import "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--connections --variables --from-airflow= --workspace --deployment --dry-run --update --timeout --manager --organization --token-file --ca-file --insecure-http --json --help" -- "$cur")
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
	("wait "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--socket --timeout --json --help" -- "$cur")
		fi
		;;
	esac
}
complete -F _connctl connctl
