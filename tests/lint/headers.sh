#!/bin/sh
# Every header compiles alone, so that including it is all a file needs to do.
set -eu
cd "$(dirname "$0")/../.."
bad=0
flags="-std=gnu17 -D_GNU_SOURCE -I. -Idaemon -Wall -Wextra $(pkg-config --cflags libpq)"
for h in $(git ls-files -co --exclude-standard 'daemon/*.h' 'proto/*.h'); do
	[ -f "$h" ] || continue
	# shellcheck disable=SC2086  # several words
	echo "#include \"${h#daemon/}\"" |
		"${CC:-cc}" $flags -fsyntax-only -x c - ||
		{ echo "$h: does not compile alone" && bad=1; }
done
exit $bad
