# bash completion for connd-manager, written from its option table
_connd_manager()
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
		--listen | --metrics | --tls-cert | --tls-key | --rate-get | --rate-post | --audit-days | --max-lifetime | --store-listen | --store-connections | --fault | --data | --key-file | --store | --organization | --workspace | --deployment | --token-out | --workspace-id | --name | --scope | --scope-id | --role | --expires-in | --id | --url | --secrets-fetching | --new-key-file | --from | --to | --host)
			[[ ${COMP_WORDS[i + 1]-} != = ]] || ((i++))
			((i++))
			;;
		-*) ;;
		*) given+=("${COMP_WORDS[i]}") ;;
		esac
	done
	case $prev in
	(--listen) :; return ;;
	(--metrics) :; return ;;
	(--tls-cert) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--tls-key) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--rate-get) :; return ;;
	(--rate-post) :; return ;;
	(--audit-days) :; return ;;
	(--max-lifetime) :; return ;;
	(--store-listen) :; return ;;
	(--store-connections) :; return ;;
	(--fault) :; return ;;
	(--data) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
	(--key-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--store) :; return ;;
	(--organization) :; return ;;
	(--workspace) :; return ;;
	(--deployment) :; return ;;
	(--token-out) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--workspace-id) :; return ;;
	(--name) :; return ;;
	(--scope) mapfile -t COMPREPLY < <(compgen -W "organization workspace deployment" -- "$cur"); return ;;
	(--scope-id) :; return ;;
	(--role) mapfile -t COMPREPLY < <(compgen -W "OWNER OPERATOR AUTHOR MEMBER" -- "$cur"); return ;;
	(--expires-in) :; return ;;
	(--id) :; return ;;
	(--url) :; return ;;
	(--secrets-fetching) mapfile -t COMPREPLY < <(compgen -W "on off" -- "$cur"); return ;;
	(--new-key-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	(--from) :; return ;;
	(--to) :; return ;;
	(--host) :; return ;;
	esac
	case "${given[0]-} ${given[1]-} " in
	("  ") if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--help --version --listen --metrics --log-requests --tls-cert --tls-key --rate-get --rate-post --audit-days --max-lifetime --store-listen --store-connections --fault --data --key-file --store" -- "$cur"); else mapfile -t COMPREPLY < <(compgen -W " init deployment token login-link organization rotate-key backup restore migrate tls" -- "$cur"); fi ;;
	("deployment  ") mapfile -t COMPREPLY < <(compgen -W " create list" -- "$cur") ;;
	("token  ") mapfile -t COMPREPLY < <(compgen -W " create list revoke" -- "$cur") ;;
	("organization  ") mapfile -t COMPREPLY < <(compgen -W " show set" -- "$cur") ;;
	("tls  ") mapfile -t COMPREPLY < <(compgen -W " init" -- "$cur") ;;
	("init "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--organization --workspace --deployment --token-out --data --key-file --store --help" -- "$cur")
		fi
		;;
	("deployment create "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--workspace-id --name --data --key-file --store --help" -- "$cur")
		fi
		;;
	("deployment list "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--data --key-file --store --help" -- "$cur")
		fi
		;;
	("token create "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--name --scope --scope-id --role --expires-in --token-out --data --key-file --store --help" -- "$cur")
		fi
		;;
	("token list "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--max-lifetime --data --key-file --store --help" -- "$cur")
		fi
		;;
	("token revoke "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--id --data --key-file --store --help" -- "$cur")
		fi
		;;
	("login-link "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--id --url --data --key-file --store --help" -- "$cur")
		fi
		;;
	("organization show "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--data --key-file --store --help" -- "$cur")
		fi
		;;
	("organization set "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--secrets-fetching --data --key-file --store --help" -- "$cur")
		fi
		;;
	("rotate-key "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--new-key-file --data --key-file --store --help" -- "$cur")
		fi
		;;
	("backup "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--data --key-file --store --help" -- "$cur")
		elif ((${#given[@]} == 1)); then
			compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi
		;;
	("restore "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--data --key-file --help" -- "$cur")
		elif ((${#given[@]} == 1)); then
			compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi
		;;
	("migrate "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--from --to --key-file --help" -- "$cur")
		fi
		;;
	("tls init "*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--host --expires-in --data --key-file --help" -- "$cur")
		fi
		;;
	esac
}
complete -F _connd_manager connd-manager
