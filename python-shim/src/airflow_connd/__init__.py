# SPDX-License-Identifier: Apache-2.0
"""Airflow's secrets backend for connd, the connection daemon.

    [secrets]
    backend = airflow_connd.ConndBackend

Importing this package does not import Airflow. Airflow accesses the class while Airflow itself is
only half imported, and the class needs a base class of Airflow, so it is built on first access.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_connd.backend import Lookups as ConndBackend

__version__ = "0.1.0"
__all__ = ["ConndBackend", "__version__"]


def __getattr__(name: str) -> Any:
    if name != "ConndBackend":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from airflow_connd.backend import airflow_class

    cls = airflow_class()
    globals()[name] = cls
    return cls
