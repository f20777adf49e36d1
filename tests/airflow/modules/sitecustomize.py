# SPDX-License-Identifier: Apache-2.0
"""Counts how often each process of an Airflow under test builds the backend (PROBE_BUILT)."""

import os

if os.environ.get("PROBE_BUILT"):
    from airflow_connd.backend import Lookups

    _init = Lookups.__init__

    def _counted(self, **kwargs):
        if os.environ.get("PROBE_BUILT"):
            with open(os.environ["PROBE_BUILT"], "a") as out:
                out.write(f"{os.getpid()}\n")
        _init(self, **kwargs)

    Lookups.__init__ = _counted
