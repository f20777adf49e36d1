#!/bin/bash
# usage: tests/run.sh [STAGE...]
# Builds, then runs the stages of the test suite, two at a time. What a stage says is kept in
# build/test/STAGE.log and printed whole when it ends. Closes with one countable line a stage.
# With AGAIN=1 what failed runs once more at the end, alone on the machine, and that run decides;
# both results are printed. Of a stage of pytest only the tests that failed run again.
# shellcheck disable=SC2317  # the functions are called by name
set -u
cd "$(dirname "$0")/.." || exit
logs=build/test
python=$PWD/.venvs/dev/bin/python

# Namespaces and mounts are root's.
again= # options for pytest
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)

pytest_in() { # tests, the directory with the programs, pytest's options
	CONND_BUILD=$PWD/$2 "$python" -m pytest -q --durations=5 "$1" "${@:3}"
}
pytest_as_root_in() { # tests, NAME=VALUE...; leaves no file of root's behind
	"${as_root[@]}" env PYTHONDONTWRITEBYTECODE=1 "PYTEST_ADDOPTS=${PYTEST_ADDOPTS-}" \
		CONND_BUILD="$PWD/build" "${@:2}" "$python" -m pytest -q --durations=5 \
		-o "cache_dir=/tmp/connd-pytest-cache/$1" "$1"
}
stage_unit() { make -s unit WERROR=-Werror; }
stage_unit_asan() { make -s unit WERROR=-Werror MODE=asan; }
stage_sim() { make -s sim WERROR=-Werror MODE=asan && make -s torture WERROR=-Werror; }
# The analyzers that are too slow to run before every commit.
stage_static() { tests/lint/run.sh static && echo "static: 1 passed, 0 failed"; }
# The fuzzers, once, on the inputs that are kept.
stage_inputs() { make -s fuzz-inputs WERROR=-Werror MODE=asan; }
stage_shim() { "$python" -m pytest -q python-shim/tests; }
# Most of these wait for a time-out or a retry: several at once.
stage_e2e() { pytest_in tests/e2e build/asan -n 6; }
# What a sanitizer would distort: how much memory there is, what is in it, how many clients fit, what
# a request costs, how programs are linked, a clock of its own.
stage_release() {
	pytest_in tests/e2e build \
		-k "test_memory or test_programs or test_manager_shares or test_manager_cost or test_old_releases"
}
# The Environment page in Chromium, from the sign-in to what connd serves.
stage_ui() { pytest_in tests/ui build -n 2; }
# Marked secrets through everything, and then searched for.
stage_canaries() { pytest_in tests/e2e/test_canaries.py build; }
# Every fault in turn, under load; make chaos is the long round of it.
stage_chaos() { make -s chaos-client && CHAOS=quick pytest_in tests/chaos build -n 5; }
# Managers on PostgreSQL: the same results as on SQLite, several at once, every kind of failure.
stage_postgres() { pytest_in tests/postgres build/asan -n 4; }
stage_system() {
	make -s dist DIST_IMAGE= && tests/airflow/venvs.sh airflow33 || return
	pytest_as_root_in tests/system
}
stage_container() { # not in dist/, which the stage system compares with its checksums
	"${as_root[@]}" make -s image IMAGE_DIR=build/image/dist || return
	pytest_as_root_in tests/container CONND_DIST="$PWD/build/image/dist"
}
stage_airflow33() { tests/airflow/run.sh 33; }
stage_airflow211() { tests/airflow/run.sh 211; }
stage_providers33() { tests/airflow/run.sh providers33; }

# The longest first: they overlap best.
stages=(airflow33 e2e airflow211 providers33 chaos container release postgres ui canaries system unit_asan static
	shim unit inputs sim)
[ $# -eq 0 ] || stages=("$@")

# "N passed, N failed" of a log: pytest's closing line, or those of the unit and scenario runners.
counts() {
	awk '/^(unit|fuzz|sim[a-z ]*|static): / { for (i = 1; i < NF; i++) {
	         if ($(i + 1) ~ /^passed/) p += $i; if ($(i + 1) ~ /^failed/) f += $i } }
	     /^=*[ ]?[0-9]+ (passed|failed|error|skipped).* in [0-9.]+s/ { line = $0 }
	     END { split(line, w, /[ ,:]+/)
	         for (i in w) { if (w[i + 1] == "passed") p = w[i]; if (w[i + 1] == "skipped") s = w[i]
	             if (w[i + 1] == "failed") f += w[i]; if (w[i + 1] ~ /^errors?$/) f += w[i] }
	         printf "%d passed, %d failed%s\n", p, f, s ? ", " s " skipped" : "" }' "$1"
}

# Runs one stage and writes its closing line to $logs/STAGE.sum.
one() {
	local name=$1 t0=$SECONDS rc said
	# Each stage remembers its own failures.
	local -x PYTEST_ADDOPTS="${PYTEST_ADDOPTS-} -o cache_dir=$PWD/build/.pytest_cache/$name $again"
	timeout -k 30 1500 bash tests/run.sh --stage "$name" >"$logs/$name.log" 2>&1 </dev/null
	rc=$?
	said=$(counts "$logs/$name.log")
	# A stage that ended badly without naming a failure, or ran nothing, has failed too.
	case $rc:$said in
	0:0\ passed,*) said+=" (ran nothing)" rc=1 ;;
	0:*) ;;
	*:*" 0 failed"*) said=${said/ 0 failed/ 1 failed}" (exit status $rc)" ;;
	esac
	printf '%-10s %s, %d s\n' "$name:" "$said" $((SECONDS - t0)) >"$logs/$name.sum"
	echo $rc >"$logs/$name.rc"
	{
		printf -- '--- %s\n' "$name"
		cat "$logs/$name.log" "$logs/$name.sum"
	} | flock "$logs" cat
}

# Runs once more what failed in a stage, and shows both results.
once_more() {
	local name=$1 first=$logs/$1.first
	mv "$logs/$name.log" "$first.log"
	mv "$logs/$name.sum" "$first.sum"
	again="--last-failed --last-failed-no-failures=none" one "$name"
	sed 's/^/the first time, /' "$first.sum" >>"$logs/$name.sum"
	grep -E '^(FAILED|ERROR) ' "$first.log" | sed 's/^/  /' >>"$logs/$name.sum"
}

if [ "${1-}" = --stage ]; then
	"stage_$2"
	exit
fi

mkdir -p $logs
rm -f $logs/*
start=$SECONDS
for mode in release asan; do
	t0=$SECONDS
	make -s -j"$(nproc)" WERROR=-Werror MODE=$mode all tests || exit 1
	echo "build $mode: $((SECONDS - t0)) s"
done

for s in "${stages[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
	one "$s" &
done
wait
if [ "${AGAIN-}" = 1 ]; then
	for s in "${stages[@]}"; do
		[ "$(cat "$logs/$s.rc")" = 0 ] || once_more "$s"
	done
fi

echo "--- summary, $((SECONDS - start)) s"
bad=0
for s in "${stages[@]}"; do
	cat "$logs/$s.sum" || bad=1
	[ "$(cat "$logs/$s.rc")" = 0 ] || bad=1
done
exit $bad
