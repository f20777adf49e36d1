#!/bin/bash
# usage: tests/fuzz/run.sh SECONDS FUZZER...
#        tests/fuzz/run.sh --inputs FUZZER...
# Runs each fuzzer for that long, from the seeds and what earlier runs found (kept beside the fuzzer
# in corpus/NAME). An input that breaks one is left there as crash-NAME-*, and its output is shown.
# --inputs: runs fuzzers that were built without libFuzzer once on each seed and on the inputs that
# once broke them, tests/fuzz/found/NAME.
set -u
cd "$(dirname "$0")/../.." || exit
seconds=$1
shift
export ASAN_OPTIONS=${ASAN_OPTIONS-detect_leaks=1:allocator_may_return_null=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}

# The last line of a log in which the fuzzer counted its runs.
runs() { grep -oE '^#[0-9]+' "$1" | tail -n 1 | tr -d '#'; }

one() { # fuzzer
	local name=${1##*/fuzz_} dir=${1%/*} inputs=()
	mkdir -p "$dir/corpus/$name" "$dir/seeds/$name"
	[ ! -d "tests/fuzz/found/$name" ] || inputs=("tests/fuzz/found/$name")
	inputs+=("$dir/seeds/$name")
	if [ "$seconds" = --inputs ]; then
		"$1" "${inputs[@]}" >"$dir/$name.log" 2>&1
	else
		"$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=8192 \
			-print_final_stats=1 -artifact_prefix="$dir/crash-$name-" \
			"$dir/corpus/$name" "${inputs[@]}" >"$dir/$name.log" 2>&1
	fi
}

passed=0 failed=0
for f in "$@"; do
	name=${f##*/fuzz_} dir=${f%/*}
	python3 tests/fuzz/seeds.py proto/vectors "$dir/seeds" || exit
	if one "$f"; then
		n=$(runs "$dir/$name.log")
		echo "$name: ${n:-$(tail -n 1 "$dir/$name.log")}${n:+ runs}"
		passed=$((passed + 1))
	else
		tail -n 60 "$dir/$name.log"
		echo "$name: failed"
		failed=$((failed + 1))
	fi
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
