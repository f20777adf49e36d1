#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: make.py TREE OUT.tar.gz

Packs what the release built in TREE leaves on a worker: the configuration, the snapshot with its
key and stamp, the shim, and responses of its connd. test_old_releases.py runs the present programs
on that. Run it once for each release, on its own tree. The databases of the manager are in
old_databases.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
import tempfile
import time
from pathlib import Path

TREE, OUT = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
os.environ["CONND_BUILD"] = str(TREE / "build")
sys.path.insert(0, str(TREE / "tests/lib"))

from connd_testing import Manager  # noqa: E402  # that release's own

# The port of the manager; low, so that no present test is given the same one (needs root).
PORT = 787
# The longest allowed; the test sets the clock back to the time of the snapshot.
WINDOWS = {"max_stale": "365d"}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        manager = Manager(directory)
        manager.port = PORT
        manager.serve()
        prod = manager.deployment_ids["prod"]
        extra = {"sslmode": "require", "nested": {"a": [1, "ü"]}}
        manager.create_connection(
            "warehouse", prod, type="postgres", host="db.example", port=5432, login="etl",
            password="p@ss/word", schema="dwh", extra=extra,
        )  # fmt: skip
        manager.create_variable("region", "eu-west", prod)
        key = directory / "snapshot.key"
        key.write_text("5a" * 32)
        key.chmod(0o600)
        (directory / "snap").mkdir()
        snapshot = directory / "snap/connd.snapshot"
        sections = {
            "freshness": WINDOWS,
            "snapshot": {"path": str(snapshot), "key_file": str(key)},
            "access": {"allow": "* conn:* var:*"},
        }
        connd = manager.connd(sections=sections)
        connd.start()
        facts = {
            "directory": name,
            "written": int(time.time()),
            "warehouse": connd.connection("warehouse"),
            "region": connd.variable("region"),
        }
        while not snapshot.exists():
            time.sleep(0.1)
        connd.stop()
        manager.stop()
        (directory / "facts.json").write_text(json.dumps(facts, indent=1))
        with tarfile.open(OUT, "w:gz") as packed:
            for path in ("connd.conf", "connd.token", "snapshot.key", "snap", "facts.json"):
                packed.add(directory / path, path)
            for path in (TREE / "python-shim/src/airflow_connd").glob("*.py"):
                packed.add(path, f"airflow_connd/{path.name}")


if __name__ == "__main__":
    main()
