# fish completion for connd, written from its option table
function __connd_words
	set -l skip 0
	for word in (commandline -opc)[2..-1]
		if test $skip = 1
			set skip 0
			continue
		end
		switch $word
			case -- --config
				set skip 1
			case '-*'
			case '*'
				echo $word
		end
	end
end
function __connd_at
	set -l words (__connd_words)
	set -l verb (string split -n ' ' -- $argv[1])
	set -l n (count $verb)
	test (count $words) -ge $n; or return 1
	if test $n -gt 0
		test "$words[1..$n]" = "$argv[1]"; or return 1
	end
	test (count $argv) -lt 2; or test (count $words) -eq (math $n + $argv[2])
end
complete -c connd -f
complete -c connd -s h -l help -d 'Prints the help'
complete -c connd -l version -d 'Prints the version'
complete -c connd -n '__connd_at "" 0' -l config -r -F -d 'The configuration: connd.conf(5)'
complete -c connd -n '__connd_at "" 0' -l check -d 'Judges what a start would judge, reports each fault, and exits'
complete -c connd -n '__connd_at "" 0' -l online -d 'With --check: asks the manager, too, with one real list request, and says what it answered and what to do about it: a wrong id, a refused token, an organization that does not allow fetching secrets'
