# fish completion for connctl, written from its option table
function __connctl_words
	set -l skip 0
	for word in (commandline -opc)[2..-1]
		if test $skip = 1
			set skip 0
			continue
		end
		switch $word
			case -- --team --socket --timeout --connections --variables --workspace --deployment --manager --organization --token-file --ca-file
				set skip 1
			case '-*'
			case '*'
				echo $word
		end
	end
end
function __connctl_at
	set -l words (__connctl_words)
	set -l verb (string split -n ' ' -- $argv[1])
	set -l n (count $verb)
	test (count $words) -ge $n; or return 1
	if test $n -gt 0
		test "$words[1..$n]" = "$argv[1]"; or return 1
	end
	test (count $argv) -lt 2; or test (count $words) -eq (math $n + $argv[2])
end
complete -c connctl -f
complete -c connctl -s h -l help -d 'Prints the help'
complete -c connctl -l version -d 'Prints the version'
complete -c connctl -n '__connctl_at "" 0' -a get -d 'one connection or variable, its secrets masked'
complete -c connctl -n '__connctl_at "get" 0'  -x -a 'conn var'
complete -c connctl -n '__connctl_at "get"' -l reveal -d 'Prints exactly the text that Airflow receives, secrets included, and one newline'
complete -c connctl -n '__connctl_at "get"' -l team -x -d 'Asks as a task of this team: TEAM___KEY is tried before KEY'
complete -c connctl -n '__connctl_at "get"' -l socket -r -F -d 'Where connd listens'
complete -c connctl -n '__connctl_at "get"' -l timeout -x -d 'How long to wait for the whole response: 500ms, 3s, 2m'
complete -c connctl -n '__connctl_at "get"' -l json -d 'Prints JSON'
complete -c connctl -n '__connctl_at "" 0' -a import -d 'bring connections and variables from Airflow to a manager'
complete -c connctl -n '__connctl_at "import"' -l connections -r -F -d 'What "airflow connections export FILE.json" wrote'
complete -c connctl -n '__connctl_at "import"' -l variables -r -F -d 'What "airflow variables export FILE.json" wrote'
complete -c connctl -n '__connctl_at "import"' -l from-airflow -d 'Runs both exports now, without a shell, into a directory that nobody else may enter and that is removed afterwards'
complete -c connctl -n '__connctl_at "import"' -l workspace -x -d 'Makes objects of this Workspace, linked to each --deployment'
complete -c connctl -n '__connctl_at "import"' -l deployment -x -d 'A Deployment to link to'
complete -c connctl -n '__connctl_at "import"' -l dry-run -d 'Says what would be done, and does nothing'
complete -c connctl -n '__connctl_at "import"' -l update -d 'Changes keys that exist with other values, which are skipped otherwise'
complete -c connctl -n '__connctl_at "import"' -l timeout -x -d 'How long one request to the manager may take'
complete -c connctl -n '__connctl_at "import"' -l manager -x -d 'https://HOST[:PORT]'
complete -c connctl -n '__connctl_at "import"' -l organization -x -d 'The organization'
complete -c connctl -n '__connctl_at "import"' -l token-file -r -F -d 'The token, in a file that nobody else may read'
complete -c connctl -n '__connctl_at "import"' -l ca-file -r -F -d 'Trusts these authorities only'
complete -c connctl -n '__connctl_at "import"' -l insecure-http -d 'Allows plain http to another machine'
complete -c connctl -n '__connctl_at "import"' -l json -d 'Prints JSON'
complete -c connctl -n '__connctl_at "" 0' -a list -d 'the keys of all connections and variables'
complete -c connctl -n '__connctl_at "list"' -l socket -r -F -d 'Where connd listens'
complete -c connctl -n '__connctl_at "list"' -l timeout -x -d 'How long to wait for the whole response: 500ms, 3s, 2m'
complete -c connctl -n '__connctl_at "list"' -l json -d 'Prints JSON'
complete -c connctl -n '__connctl_at "" 0' -a refresh -d 'have connd ask the manager now'
complete -c connctl -n '__connctl_at "refresh"' -l socket -r -F -d 'Where connd listens'
complete -c connctl -n '__connctl_at "refresh"' -l timeout -x -d 'How long to wait for the whole response: 500ms, 3s, 2m'
complete -c connctl -n '__connctl_at "refresh"' -l json -d 'Prints JSON'
complete -c connctl -n '__connctl_at "" 0' -a status -d 'what connd holds and how fresh it is'
complete -c connctl -n '__connctl_at "status"' -l socket -r -F -d 'Where connd listens'
complete -c connctl -n '__connctl_at "status"' -l timeout -x -d 'How long to wait for the whole response: 500ms, 3s, 2m'
complete -c connctl -n '__connctl_at "status"' -l json -d 'Prints JSON'
complete -c connctl -n '__connctl_at "" 0' -a wait -d 'wait until connd is ready'
complete -c connctl -n '__connctl_at "wait"' -l socket -r -F -d 'Where connd listens'
complete -c connctl -n '__connctl_at "wait"' -l timeout -x -d 'How long the whole wait may take'
complete -c connctl -n '__connctl_at "wait"' -l json -d 'Prints JSON'
