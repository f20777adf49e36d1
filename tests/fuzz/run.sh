#!/bin/bash
# usage: tests/fuzz/run.sh SECONDS FUZZER...
# Runs each fuzzer for that long, from the golden messages and what earlier runs found (kept beside
# the fuzzer in corpus/NAME). What breaks one is left there as crash-NAME-*, and its output is shown.
set -u
cd "$(dirname "$0")/../.." || exit
seconds=$1
shift
export ASAN_OPTIONS=${ASAN_OPTIONS-detect_leaks=1:allocator_may_return_null=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}

failed=0
for f in "$@"; do
	name=${f##*/fuzz_} dir=${f%/*}
	python3 tests/fuzz/seeds.py proto/vectors "$dir/seeds" || exit
	mkdir -p "$dir/corpus/$name" "$dir/seeds/$name"
	if "$f" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=8192 \
		-artifact_prefix="$dir/crash-$name-" "$dir/corpus/$name" "$dir/seeds/$name" \
		>"$dir/$name.log" 2>&1; then
		echo "$name: $(tail -n 1 "$dir/$name.log")"
	else
		cat "$dir/$name.log"
		echo "$name: failed"
		failed=$((failed + 1))
	fi
done
echo "fuzz: $# fuzzers, $failed failed"
[ "$failed" -eq 0 ] && [ $# -gt 0 ]
