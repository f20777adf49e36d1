#!/bin/sh
# Functions and habits that have no place in our C, each with what to use instead.
set -eu
cd "$(dirname "$0")/../.."
bad=0

# Lines that begin as comments do are let be.
# $1: an extended regular expression, $2: files exempt (a grep -E pattern), $3: what to do instead
ban() {
	hits=$(git grep -nE --untracked "$1" -- 'daemon/*.[ch]' 'proto/*.[ch]' |
		grep -vE "^($2)|^[^:]*:[0-9]+:[[:space:]]*/?\*" || true)
	[ -z "$hits" ] || { printf '%s\n  -> %s\n' "$hits" "$3" && bad=1; }
}

ban '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol)\(' '^$' 'bounded ones: snprintf, struct buf, strtol with checks'
ban '\b(malloc|calloc|realloc|strdup|strndup|free)\([^)]' 'daemon/base/mem\.c' 'base/mem.h, which wipes'
ban '\b(clock_gettime|gettimeofday|time)\(' 'daemon/(base/clock|edge/process/notify)\.c' 'base/clock.h, or a time handed in'
ban '\b(rand|random|srand)\(' '^$' 'base/rnd.h'
ban '\b(system|popen)\(' '^$' 'nothing: no shell runs here'
ban '[^_]\bexit\(' 'daemon/[a-z/]+/main\.c' 'return an error; main() ends the program'
ban '\b(TODO|FIXME|XXX)\b' '^$' 'do it now, or describe it where issues are kept'
ban '\bassert\(' '^$' 'abort() with a reason where an invariant broke; errors elsewhere'
exit $bad
