#!/bin/bash
# Runs cmocka programs, one line each, and closes with "unit: N passed, N failed".
# A program that ran no test, or ended badly without naming one, counts as one failure.
set -u
export ASAN_OPTIONS=${ASAN_OPTIONS-detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}
export CMOCKA_MESSAGE_OUTPUT=STDOUT

# Sums the counts of "[  PASSED  ] 12 test(s)." lines; a program may run several groups.
count() {
	printf '%s\n' "$2" | awk -v tag="$1" '$0 ~ "^\\[  " tag " +\\] [0-9]+ test" {
		sub(/^\[[^]]*\] /, ""); n += $1 } END { print n + 0 }'
}

passed=0 failed=0
for t in "$@"; do
	out=$(timeout -k 5 300 "$t" 2>&1 </dev/null)
	rc=$?
	p=$(count PASSED "$out") f=$(count FAILED "$out") bad=
	if [ $((p + f)) -eq 0 ]; then
		f=1 bad="ran no test, exit status $rc"
	elif [ $rc -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1 bad="exit status $rc"
	fi
	[ "$f" -eq 0 ] || printf '%s\n' "$out"
	printf '%-40s %d passed, %d failed%s\n' "${t##*/}" "$p" "$f" "${bad:+ ($bad)}"
	passed=$((passed + p)) failed=$((failed + f))
done
echo "unit: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
