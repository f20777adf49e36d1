#!/bin/bash
# usage: tests/lint/run.sh [CHECK...]
# Runs the static checks, all without arguments, as many at once as there are CPUs. A check that
# passes is one line with its time; one that does not is its whole output.
# shellcheck disable=SC2317  # the functions are called by name
set -u
cd "$(dirname "$0")/../.." || exit
bin=.venvs/dev/bin
jobs=$(nproc)

files() { # what is tracked or new, and not deleted
	git ls-files -co --exclude-standard -- "$@" | while read -r f; do [ ! -f "$f" ] || echo "$f"; done
}

# Longest first.
all=(tidy format mypy python page shell units layers banned headers options man generated deps voice security)

# Stamps in build/release: only what changed is looked at again. "static" adds the slower tools; it is
# a stage of make test, not one of the checks that run without arguments.
check_tidy() { make -s -k -j"$jobs" WERROR=-Werror tidy; }
check_static() { make -s -k -j"$jobs" WERROR=-Werror analyzer cppcheck; }
check_format() {
	local bad
	bad=$(files '*.c' '*.h' | xargs clang-format --dry-run -Werror 2>&1 |
		sed -n 's/^\([^: ]*\):[0-9].* error: .*/\1: run clang-format -i/p' | sort -u)
	echo "$bad"
	[ -z "$bad" ]
}
check_mypy() { # from its folder, whose pyproject.toml configures it
	(cd python-shim && "../$bin/mypy" --cache-dir ../build/.mypy_cache src)
}
check_python() {
	"$bin/ruff" check --quiet --output-format=concise . && "$bin/ruff" format --check --quiet .
}
check_page() { # the wheel has a program for one architecture only
	[ "$(uname -m)" = x86_64 ] || { echo "not checked on $(uname -m)" && return; }
	"$bin/biome" ci --error-on-warnings --config-path=tests/lint/biome.json daemon/manager/ui
}
check_shell() {
	files | while read -r f; do
		[[ $f == *.sh ]] || head -c 64 "$f" | grep -qaE '^#!.*[/ ](ba)?sh( |$)' || continue
		echo "$f"
	done | xargs shellcheck
}
check_layers() {
	tests/lint/layers.sh && tests/lint/structure.sh && tests/lint/layers_selftest.sh
}
check_banned() { tests/lint/banned.sh; }
check_headers() { tests/lint/headers.sh; }
check_options() { tests/lint/options.sh; }
check_man() { tests/lint/man.sh; }
check_generated() { make -s check-generated; }
check_units() { tests/lint/units.sh; }
check_security() { tests/lint/security.sh; }
check_voice() { tests/lint/voice.sh; }
check_deps() { tests/lint/deps.sh; }

one() {
	local t0=${EPOCHREALTIME/./} out rc ms
	out=$("check_$1" 2>&1 </dev/null)
	rc=$?
	ms=$(((${EPOCHREALTIME/./} - t0) / 1000))
	if [ $rc -eq 0 ]; then
		printf 'ok    %-8s %5d ms\n' "$1" $ms
	else
		printf 'FAIL  %-8s %5d ms\n%s\n' "$1" $ms "$out"
	fi
	return $rc
}

if [ "${1-}" = --one ]; then
	one "$2"
	exit
fi
[ $# -gt 0 ] || set -- "${all[@]}"
printf '%s\n' "$@" | xargs -P "$jobs" -n 1 tests/lint/run.sh --one
rc=$?
[ $rc -eq 0 ] && echo "lint: clean" || echo "lint: offences above"
exit $rc
