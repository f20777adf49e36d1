#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shim in one real Airflow (33: 3.3.2, 211: 2.11.2; providers33: 3.3.2 with other secrets
# backends), with the real connd and connd-manager of $CONND_BUILD (build/). The Airflow under test
# runs pytest itself.
# Usage: tests/airflow/run.sh 33|211|providers33 [PYTEST ARGUMENT...]
set -eu

cd "$(dirname "$0")/../.."
version=${1:?33, 211 or providers33}
shift
case $version in
providers33) venv=$version tests=tests/airflow/test_other_backends.py ;;
*) venv=airflow$version tests="python-shim/tests/test_airflow.py tests/airflow" ;;
esac
tests/airflow/venvs.sh "$venv"
# shellcheck disable=SC2086  # several paths
exec ".venvs/$venv/bin/python" -m pytest -q --timeout 300 --durations 5 $tests "$@"
