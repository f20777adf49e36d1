# fish completion for connd-manager, written from its option table
function __connd_manager_words
	set -l skip 0
	for word in (commandline -opc)[2..-1]
		if test $skip = 1
			set skip 0
			continue
		end
		switch $word
			case -- --listen --metrics --tls-cert --tls-key --rate-get --rate-post --audit-days --max-lifetime --store-listen --store-connections --fault --data --key-file --store --organization --workspace --deployment --token-out --workspace-id --name --scope --scope-id --role --expires-in --id --url --secrets-fetching --new-key-file --from --to --host
				set skip 1
			case '-*'
			case '*'
				echo $word
		end
	end
end
function __connd_manager_at
	set -l words (__connd_manager_words)
	set -l verb (string split -n ' ' -- $argv[1])
	set -l n (count $verb)
	test (count $words) -ge $n; or return 1
	if test $n -gt 0
		test "$words[1..$n]" = "$argv[1]"; or return 1
	end
	test (count $argv) -lt 2; or test (count $words) -eq (math $n + $argv[2])
end
complete -c connd-manager -f
complete -c connd-manager -s h -l help -d 'Prints the help'
complete -c connd-manager -l version -d 'Prints the version'
complete -c connd-manager -n '__connd_manager_at "" 0' -l listen -x -d 'Where to serve; four places at most'
complete -c connd-manager -n '__connd_manager_at "" 0' -l metrics -x -d 'Serves /metrics (OpenMetrics) and /healthz there: plain HTTP, without a token, on connections that are counted apart from the API'\''s'
complete -c connd-manager -n '__connd_manager_at "" 0' -l log-requests -d 'Logs every request: its id (as in X-Request-Id and in the body of a refusal), method, path without the query, status, time and the token'\''s id'
complete -c connd-manager -n '__connd_manager_at "" 0' -l tls-cert -r -F -d 'Serves HTTPS with this certificate and its chain, in PEM'
complete -c connd-manager -n '__connd_manager_at "" 0' -l tls-key -r -F -d 'The key of --tls-cert, in PEM'
complete -c connd-manager -n '__connd_manager_at "" 0' -l rate-get -x -d 'How often one token, with its renewals, may read something'
complete -c connd-manager -n '__connd_manager_at "" 0' -l rate-post -x -d 'The same for changes'
complete -c connd-manager -n '__connd_manager_at "" 0' -l audit-days -x -d 'How long the audit log, old versions of objects and revoked tokens are kept'
complete -c connd-manager -n '__connd_manager_at "" 0' -l max-lifetime -x -d 'How long a token can be renewed, counted from its creation; s, m, h and d are units'
complete -c connd-manager -n '__connd_manager_at "" 0' -l store-listen -x -d 'Where to listen for what other managers change, when --store leads through a pooler such as pgbouncer: the database itself'
complete -c connd-manager -n '__connd_manager_at "" 0' -l store-connections -x -d 'How many connections to the database of --store there are at most; 64 is the limit'
complete -c connd-manager -n '__connd_manager_at "" 0' -l fault -x -d 'For rehearsals: what goes wrong'
complete -c connd-manager -n '__connd_manager_at "" 0' -l data -x -a '(__fish_complete_directories)' -d 'The data directory'
complete -c connd-manager -n '__connd_manager_at "" 0' -l key-file -r -F -d 'The key that seals the stored values: 32 bytes, raw or as 64 hex digits'
complete -c connd-manager -n '__connd_manager_at "" 0' -l store -x -d 'The PostgreSQL database, as postgresql://USER@HOST/DATABASE, with parameters as libpq takes them'
complete -c connd-manager -n '__connd_manager_at "" 0' -a init -d 'make a data directory'
complete -c connd-manager -n '__connd_manager_at "init"' -l organization -x -d 'The organization'
complete -c connd-manager -n '__connd_manager_at "init"' -l workspace -x -d 'Its first Workspace'
complete -c connd-manager -n '__connd_manager_at "init"' -l deployment -x -d 'A Deployment of that Workspace; a hundred at most'
complete -c connd-manager -n '__connd_manager_at "init"' -l token-out -r -F -d 'Writes the token into a new file of mode 0600 instead of printing it'
complete -c connd-manager -n '__connd_manager_at "init"' -l data -x -a '(__fish_complete_directories)' -d 'The data directory'
complete -c connd-manager -n '__connd_manager_at "init"' -l key-file -r -F -d 'The key that seals the stored values: 32 bytes, raw or as 64 hex digits'
complete -c connd-manager -n '__connd_manager_at "init"' -l store -x -d 'The PostgreSQL database, as postgresql://USER@HOST/DATABASE, with parameters as libpq takes them'
complete -c connd-manager -n '__connd_manager_at "" 0' -a deployment -d 'More verbs'
complete -c connd-manager -n '__connd_manager_at "deployment" 0' -a create -d 'make a Deployment'
complete -c connd-manager -n '__connd_manager_at "deployment create"' -l workspace-id -x -d 'Its Workspace'
complete -c connd-manager -n '__connd_manager_at "deployment create"' -l name -x -d 'Its name, one of a kind in the Workspace'
complete -c connd-manager -n '__connd_manager_at "deployment create"' -l data -x -a '(__fish_complete_directories)' -d 'The data directory'
complete -c connd-manager -n '__connd_manager_at "deployment create"' -l key-file -r -F -d 'The key that seals the stored values: 32 bytes, raw or as 64 hex digits'
complete -c connd-manager -n '__connd_manager_at "deployment create"' -l store -x -d 'The PostgreSQL database, as postgresql://USER@HOST/DATABASE, with parameters as libpq takes them'
complete -c connd-manager -n '__connd_manager_at "deployment" 0' -a list -d 'list Deployments'
complete -c connd-manager -n '__connd_manager_at "deployment list"' -l data -x -a '(__fish_complete_directories)' -d 'The data directory'
complete -c connd-manager -n '__connd_manager_at "deployment list"' -l key-file -r -F -d 'The key that seals the stored values: 32 bytes, raw or as 64 hex digits'
complete -c connd-manager -n '__connd_manager_at "deployment list"' -l store -x -d 'The PostgreSQL database, as postgresql://USER@HOST/DATABASE, with parameters as libpq takes them'
complete -c connd-manager -n '__connd_manager_at "" 0' -a token -d 'More verbs'
complete -c connd-manager -n '__connd_manager_at "token" 0' -a create -d 'issue a token'
complete -c connd-manager -n '__connd_manager_at "token create"' -l name -x -d 'Its name in lists and in the audit log'
complete -c connd-manager -n '__connd_manager_at "token create"' -l scope -x -a 'organization workspace deployment' -d 'What kind of place it is for'
complete -c connd-manager -n '__connd_manager_at "token create"' -l scope-id -x -d 'That place'
complete -c connd-manager -n '__connd_manager_at "token create"' -l role -x -a 'OWNER OPERATOR AUTHOR MEMBER' -d 'What it may do there: MEMBER and AUTHOR read, which is what connd needs; OPERATOR also changes objects, Deployments and projects; OWNER also issues tokens'
complete -c connd-manager -n '__connd_manager_at "token create"' -l expires-in -x -d 'When it expires'
complete -c connd-manager -n '__connd_manager_at "token create"' -l token-out -r -F -d 'Writes the token into a new file of mode 0600 instead of printing it'
complete -c connd-manager -n '__connd_manager_at "token create"' -l data -x -a '(__fish_complete_directories)' -d 'The data directory'
complete -c connd-manager -n '__connd_manager_at "token create"' -l key-file -r -F -d 'The key that seals the stored values: 32 bytes, raw or as 64 hex digits'
complete -c connd-manager -n '__connd_manager_at "token create"' -l store -x -d 'The PostgreSQL database, as postgresql://USER@HOST/DATABASE, with parameters as libpq takes them'
complete -c connd-manager -n '__connd_manager_at "token" 0' -a list -d 'list tokens'
complete -c connd-manager -n '__connd_manager_at "token list"' -l max-lifetime -x -d 'Without a running server: what familyEndsAt is counted with'
complete -c connd-manager -n '__connd_manager_at "token list"' -l data -x -a '(__fish_complete_directories)' -d 'The data directory'
complete -c connd-manager -n '__connd_manager_at "token list"' -l key-file -r -F -d 'The key that seals the stored values: 32 bytes, raw or as 64 hex digits'
complete -c connd-manager -n '__connd_manager_at "token list"' -l store -x -d 'The PostgreSQL database, as postgresql://USER@HOST/DATABASE, with parameters as libpq takes them'
complete -c connd-manager -n '__connd_manager_at "token" 0' -a revoke -d 'revoke a token'
complete -c connd-manager -n '__connd_manager_at "token revoke"' -l id -x -d 'The token; "token list" shows ids'
complete -c connd-manager -n '__connd_manager_at "token revoke"' -l data -x -a '(__fish_complete_directories)' -d 'The data directory'
complete -c connd-manager -n '__connd_manager_at "token revoke"' -l key-file -r -F -d 'The key that seals the stored values: 32 bytes, raw or as 64 hex digits'
complete -c connd-manager -n '__connd_manager_at "token revoke"' -l store -x -d 'The PostgreSQL database, as postgresql://USER@HOST/DATABASE, with parameters as libpq takes them'
complete -c connd-manager -n '__connd_manager_at "" 0' -a login-link -d 'make a link that signs in to the page'
complete -c connd-manager -n '__connd_manager_at "login-link"' -l id -x -d 'The token to sign in as; "token list" shows ids'
complete -c connd-manager -n '__connd_manager_at "login-link"' -l url -x -d 'The manager as the browser reaches it, as https://manager.example:8443'
complete -c connd-manager -n '__connd_manager_at "login-link"' -l data -x -a '(__fish_complete_directories)' -d 'The data directory'
complete -c connd-manager -n '__connd_manager_at "login-link"' -l key-file -r -F -d 'The key that seals the stored values: 32 bytes, raw or as 64 hex digits'
complete -c connd-manager -n '__connd_manager_at "login-link"' -l store -x -d 'The PostgreSQL database, as postgresql://USER@HOST/DATABASE, with parameters as libpq takes them'
complete -c connd-manager -n '__connd_manager_at "" 0' -a organization -d 'More verbs'
complete -c connd-manager -n '__connd_manager_at "organization" 0' -a show -d 'show the organization'
complete -c connd-manager -n '__connd_manager_at "organization show"' -l data -x -a '(__fish_complete_directories)' -d 'The data directory'
complete -c connd-manager -n '__connd_manager_at "organization show"' -l key-file -r -F -d 'The key that seals the stored values: 32 bytes, raw or as 64 hex digits'
complete -c connd-manager -n '__connd_manager_at "organization show"' -l store -x -d 'The PostgreSQL database, as postgresql://USER@HOST/DATABASE, with parameters as libpq takes them'
complete -c connd-manager -n '__connd_manager_at "organization" 0' -a set -d 'switch the fetching of secrets'
complete -c connd-manager -n '__connd_manager_at "organization set"' -l secrets-fetching -x -a 'on off' -d 'Whether anybody may fetch secrets over the API at all'
complete -c connd-manager -n '__connd_manager_at "organization set"' -l data -x -a '(__fish_complete_directories)' -d 'The data directory'
complete -c connd-manager -n '__connd_manager_at "organization set"' -l key-file -r -F -d 'The key that seals the stored values: 32 bytes, raw or as 64 hex digits'
complete -c connd-manager -n '__connd_manager_at "organization set"' -l store -x -d 'The PostgreSQL database, as postgresql://USER@HOST/DATABASE, with parameters as libpq takes them'
complete -c connd-manager -n '__connd_manager_at "" 0' -a rotate-key -d 'change the key that seals the values'
complete -c connd-manager -n '__connd_manager_at "rotate-key"' -l new-key-file -r -F -d 'The key to change to, when DIR/manager.key is not used: serve with --key-file FILE from then on'
complete -c connd-manager -n '__connd_manager_at "rotate-key"' -l data -x -a '(__fish_complete_directories)' -d 'The data directory'
complete -c connd-manager -n '__connd_manager_at "rotate-key"' -l key-file -r -F -d 'The key that seals the stored values: 32 bytes, raw or as 64 hex digits'
complete -c connd-manager -n '__connd_manager_at "rotate-key"' -l store -x -d 'The PostgreSQL database, as postgresql://USER@HOST/DATABASE, with parameters as libpq takes them'
complete -c connd-manager -n '__connd_manager_at "" 0' -a backup -d 'copy the database'
complete -c connd-manager -n '__connd_manager_at "backup" 0'  -r -F
complete -c connd-manager -n '__connd_manager_at "backup"' -l data -x -a '(__fish_complete_directories)' -d 'The data directory'
complete -c connd-manager -n '__connd_manager_at "backup"' -l key-file -r -F -d 'The key that seals the stored values: 32 bytes, raw or as 64 hex digits'
complete -c connd-manager -n '__connd_manager_at "backup"' -l store -x -d 'The PostgreSQL database, as postgresql://USER@HOST/DATABASE, with parameters as libpq takes them'
complete -c connd-manager -n '__connd_manager_at "" 0' -a restore -d 'make the database from a backup'
complete -c connd-manager -n '__connd_manager_at "restore" 0'  -r -F
complete -c connd-manager -n '__connd_manager_at "restore"' -l data -x -a '(__fish_complete_directories)' -d 'The data directory'
complete -c connd-manager -n '__connd_manager_at "restore"' -l key-file -r -F -d 'The key that seals the stored values: 32 bytes, raw or as 64 hex digits'
complete -c connd-manager -n '__connd_manager_at "" 0' -a migrate -d 'copy the store into another database'
complete -c connd-manager -n '__connd_manager_at "migrate"' -l from -x -d 'The database to copy: that of a data directory, or a PostgreSQL one as postgresql://USER@HOST/DATABASE'
complete -c connd-manager -n '__connd_manager_at "migrate"' -l to -x -d 'Where to copy it: a data directory that exists, or an empty PostgreSQL database'
complete -c connd-manager -n '__connd_manager_at "migrate"' -l key-file -r -F -d 'The key of both'
complete -c connd-manager -n '__connd_manager_at "" 0' -a tls -d 'More verbs'
complete -c connd-manager -n '__connd_manager_at "tls" 0' -a init -d 'make a certificate'
complete -c connd-manager -n '__connd_manager_at "tls init"' -l host -x -d 'A DNS name or an address to put into the certificate, besides this machine'\''s own'
complete -c connd-manager -n '__connd_manager_at "tls init"' -l expires-in -x -d 'How long it is good'
complete -c connd-manager -n '__connd_manager_at "tls init"' -l data -x -a '(__fish_complete_directories)' -d 'The data directory'
complete -c connd-manager -n '__connd_manager_at "tls init"' -l key-file -r -F -d 'The key that seals the stored values: 32 bytes, raw or as 64 hex digits'
