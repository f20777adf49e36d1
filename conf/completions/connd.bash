# bash completion for connd, written from its option table
_connd()
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
		--config)
			[[ ${COMP_WORDS[i + 1]-} != = ]] || ((i++))
			((i++))
			;;
		-*) ;;
		*) given+=("${COMP_WORDS[i]}") ;;
		esac
	done
	case $prev in
	(--config) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	esac
	case "${given[0]-} ${given[1]-} " in
	("  ") if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--help --version --config --check --online" -- "$cur"); else mapfile -t COMPREPLY < <(compgen -W "" -- "$cur"); fi ;;
	esac
}
complete -F _connd connd
