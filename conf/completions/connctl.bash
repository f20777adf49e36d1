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
		--team | --socket | --timeout | --connections | --variables | --workspace | --deployment | --manager | --organization | --token-file | --ca-file | --context | --description | --name | --secrets-fetching | --limit)
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
	(--context) :; return ;;
	(--description) :; return ;;
	(--name) :; return ;;
	(--secrets-fetching) mapfile -t COMPREPLY < <(compgen -W "on off" -- "$cur"); return ;;
	(--limit) :; return ;;
	esac
	case "${given[0]-} ${given[1]-} " in
	("  ") if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--help --version" -- "$cur"); else mapfile -t COMPREPLY < <(compgen -W " get import list refresh status token top trace wait login context workspace deployment project organization audit" -- "$cur"); fi ;;
	("token  ") mapfile -t COMPREPLY < <(compgen -W " renew" -- "$cur") ;;
	("context  ") mapfile -t COMPREPLY < <(compgen -W " list use delete" -- "$cur") ;;
	("workspace  ") mapfile -t COMPREPLY < <(compgen -W " list create rename delete" -- "$cur") ;;
	("deployment  ") mapfile -t COMPREPLY < <(compgen -W " list create rename delete" -- "$cur") ;;
	("project  ") mapfile -t COMPREPLY < <(compgen -W " list create rename delete" -- "$cur") ;;
	("organization  ") mapfile -t COMPREPLY < <(compgen -W " show set" -- "$cur") ;;
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
	("audit "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--follow --limit --workspace --context --manager --organization --token-file --ca-file --insecure-http --timeout --json --help" -- "$cur")
		fi
		;;
	esac
}
complete -F _connctl connctl
