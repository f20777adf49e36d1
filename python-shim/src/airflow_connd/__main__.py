# SPDX-License-Identifier: Apache-2.0
"""`python -m airflow_connd`: see airflow_connd.selftest."""

import sys

from airflow_connd.selftest import main

sys.exit(main())
