#!/bin/bash
# usage: tests/fuzz/run.sh SECONDS FUZZER...
#        tests/fuzz/run.sh --inputs FUZZER...
# Runs each fuzzer for that long, as many at once as there are CPUs, from the seeds and what earlier
# runs found (kept beside the fuzzer in corpus/NAME). An input that breaks one is left there as
# crash-NAME-*, and its output is shown.
# --inputs: runs fuzzers that were built without libFuzzer once on each seed and on the inputs that
# once broke them, tests/fuzz/found/NAME.
set -u
cd "$(dirname "$0")/../.." || exit
export ASAN_OPTIONS=${ASAN_OPTIONS-detect_leaks=1:allocator_may_return_null=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}

# The last line of a log in which the fuzzer counted its runs.
runs() { grep -oE '^#[0-9]+' "$1" | tail -n 1 | tr -d '#'; }

start() { # how long, fuzzer, its name, its directory
	local inputs=()
	mkdir -p "$4/corpus/$3" "$4/seeds/$3"
	[ ! -d "tests/fuzz/found/$3" ] || inputs=("tests/fuzz/found/$3")
	inputs+=("$4/seeds/$3")
	if [ "$1" = --inputs ]; then
		"$2" "${inputs[@]}"
	else
		"$2" -max_total_time="$1" -timeout=60 -rss_limit_mb=1024 -max_len=8192 \
			-artifact_prefix="$4/crash-$3-" "$4/corpus/$3" "${inputs[@]}"
	fi
}

one() { # how long, fuzzer
	local name=${2##*/fuzz_} dir=${2%/*} log n
	log=$dir/$name.log
	if start "$1" "$2" "$name" "$dir" >"$log" 2>&1; then
		n=$(runs "$log")
		echo "$name: ${n:-$(tail -n 1 "$log")}${n:+ runs}"
	else
		printf '%s\n%s: failed\n' "$(tail -n 60 "$log")" "$name"
		return 1
	fi
}

if [ "$1" = --one ]; then
	one "$2" "$3"
	exit
fi
how_long=$1
shift
python3 tests/fuzz/seeds.py proto/vectors "${1%/*}/seeds" || exit
said=$(printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 tests/fuzz/run.sh --one "$how_long")
echo "$said"
failed=$(grep -c ': failed$' <<<"$said")
passed=$(($# - failed))
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
