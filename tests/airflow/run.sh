#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shim in one real Airflow (33: 3.3.2, 211: 2.11.2), with the real connd and connd-manager of
# $CONND_BUILD (build/). The Airflow under test runs pytest itself.
# Usage: tests/airflow/run.sh 33|211 [PYTEST ARGUMENT...]
set -eu

cd "$(dirname "$0")/../.."
version=${1:?33 or 211}
shift
tests/airflow/venvs.sh "$version"
exec ".venvs/airflow$version/bin/python" -m pytest -q --timeout 300 --durations 5 \
	python-shim/tests/test_airflow.py tests/airflow "$@"
