# SPDX-License-Identifier: Apache-2.0
"""The fixture of the end-to-end suite: connd beside a manager."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from connd_testing import Connd, Manager


@pytest.fixture
def connd(manager: Manager) -> Iterator[Connd]:
    """connd for the Deployment "prod" of an empty manager, started."""
    with manager.connd() as running:
        yield running
