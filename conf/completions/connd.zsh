#compdef connd
# Written from the option table of connd.
_connd()
{
	local cur=${words[CURRENT]} prev=${words[CURRENT-1]} i
	local -a given=()
	if [[ $cur == --*=* ]]; then
		prev=${cur%%=*}
		compset -P '*='
	fi
	for ((i = 2; i < CURRENT; i++)); do
		case ${words[i]} in
		(--config) ((i++)) ;;
		(-*) ;;
		(*) given+=(${words[i]}) ;;
		esac
	done
	case $prev in
	(--config) _files; return ;;
	esac
	case "${given[1]-} ${given[2]-} " in
	("  ") if [[ $cur == -* ]]; then compadd -- --help --version --config --check --online; else compadd -- ; fi ;;
	esac
}
_connd "$@"
