#compdef connd-manager
# Written from the option table of connd-manager.
_connd_manager()
{
	local cur=${words[CURRENT]} prev=${words[CURRENT-1]} i
	local -a given=()
	if [[ $cur == --*=* ]]; then
		prev=${cur%%=*}
		compset -P '*='
	fi
	for ((i = 2; i < CURRENT; i++)); do
		case ${words[i]} in
		(--listen | --metrics | --tls-cert | --tls-key | --rate-get | --rate-post | --audit-days | --max-lifetime | --store-listen | --store-connections | --fault | --data | --key-file | --store | --organization | --workspace | --deployment | --token-out | --workspace-id | --name | --scope | --scope-id | --role | --expires-in | --id | --url | --secrets-fetching | --new-key-file | --from | --to | --host) ((i++)) ;;
		(-*) ;;
		(*) given+=(${words[i]}) ;;
		esac
	done
	case $prev in
	(--listen) _message value; return ;;
	(--metrics) _message value; return ;;
	(--tls-cert) _files; return ;;
	(--tls-key) _files; return ;;
	(--rate-get) _message value; return ;;
	(--rate-post) _message value; return ;;
	(--audit-days) _message value; return ;;
	(--max-lifetime) _message value; return ;;
	(--store-listen) _message value; return ;;
	(--store-connections) _message value; return ;;
	(--fault) _message value; return ;;
	(--data) _files -/; return ;;
	(--key-file) _files; return ;;
	(--store) _message value; return ;;
	(--organization) _message value; return ;;
	(--workspace) _message value; return ;;
	(--deployment) _message value; return ;;
	(--token-out) _files; return ;;
	(--workspace-id) _message value; return ;;
	(--name) _message value; return ;;
	(--scope) compadd -- organization workspace deployment; return ;;
	(--scope-id) _message value; return ;;
	(--role) compadd -- OWNER OPERATOR AUTHOR MEMBER; return ;;
	(--expires-in) _message value; return ;;
	(--id) _message value; return ;;
	(--url) _message value; return ;;
	(--secrets-fetching) compadd -- on off; return ;;
	(--new-key-file) _files; return ;;
	(--from) _message value; return ;;
	(--to) _message value; return ;;
	(--host) _message value; return ;;
	esac
	case "${given[1]-} ${given[2]-} " in
	("  ") if [[ $cur == -* ]]; then compadd -- --help --version --listen --metrics --log-requests --tls-cert --tls-key --rate-get --rate-post --audit-days --max-lifetime --store-listen --store-connections --fault --data --key-file --store; else compadd --  init deployment token login-link organization rotate-key backup restore migrate tls; fi ;;
	("deployment  ") compadd --  create list ;;
	("token  ") compadd --  create list revoke ;;
	("organization  ") compadd --  show set ;;
	("tls  ") compadd --  init ;;
	("init "*)
		if [[ $cur == -* ]]; then
			compadd -- --organization --workspace --deployment --token-out --data --key-file --store --help
		fi
		;;
	("deployment create "*)
		if [[ $cur == -* ]]; then
			compadd -- --workspace-id --name --data --key-file --store --help
		fi
		;;
	("deployment list "*)
		if [[ $cur == -* ]]; then
			compadd -- --data --key-file --store --help
		fi
		;;
	("token create "*)
		if [[ $cur == -* ]]; then
			compadd -- --name --scope --scope-id --role --expires-in --token-out --data --key-file --store --help
		fi
		;;
	("token list "*)
		if [[ $cur == -* ]]; then
			compadd -- --max-lifetime --data --key-file --store --help
		fi
		;;
	("token revoke "*)
		if [[ $cur == -* ]]; then
			compadd -- --id --data --key-file --store --help
		fi
		;;
	("login-link "*)
		if [[ $cur == -* ]]; then
			compadd -- --id --url --data --key-file --store --help
		fi
		;;
	("organization show "*)
		if [[ $cur == -* ]]; then
			compadd -- --data --key-file --store --help
		fi
		;;
	("organization set "*)
		if [[ $cur == -* ]]; then
			compadd -- --secrets-fetching --data --key-file --store --help
		fi
		;;
	("rotate-key "*)
		if [[ $cur == -* ]]; then
			compadd -- --new-key-file --data --key-file --store --help
		fi
		;;
	("backup "*)
		if [[ $cur == -* ]]; then
			compadd -- --data --key-file --store --help
		elif ((${#given[@]} == 1)); then
			_files
		fi
		;;
	("restore "*)
		if [[ $cur == -* ]]; then
			compadd -- --data --key-file --help
		elif ((${#given[@]} == 1)); then
			_files
		fi
		;;
	("migrate "*)
		if [[ $cur == -* ]]; then
			compadd -- --from --to --key-file --help
		fi
		;;
	("tls init "*)
		if [[ $cur == -* ]]; then
			compadd -- --host --expires-in --data --key-file --help
		fi
		;;
	esac
}
_connd_manager "$@"
