# SPDX-License-Identifier: Apache-2.0
"""usage: seeds.py VECTORS OUT: the golden messages as starting points for the fuzzers."""

import json
import sys
from pathlib import Path

TYPES = ["CONNECTION", "AIRFLOW_VARIABLE", "ENVIRONMENT_VARIABLE", "METRICS_EXPORT"]


def main(vectors: Path, out: Path) -> None:
    frames, pages = [], []
    for file in sorted(vectors.glob("*.json")):
        for case in json.loads(file.read_text("utf-8"))["cases"]:
            if "frame" in case:
                frames.append(case["frame"].encode())
            else:
                pages.append(bytes([TYPES.index(case["type"])]) + case["page"].encode())
    seeds = {
        "envelope": frames,
        "scan": frames + [page[1:] for page in pages],
        "manager_page": pages,
        "config": [
            Path("conf/connd.conf").read_bytes(),
            b"[manager]\nurl = https://m\norganization = o\ndeployment = d\n[access]\nallow = *\n",
        ],
        "frame": [b"\xff\x07" + b"\0".join(frames[:8]) + b"\0"],
    }
    for target, inputs in seeds.items():
        folder = out / target
        folder.mkdir(parents=True, exist_ok=True)
        for i, data in enumerate(inputs):
            (folder / f"{i:03}").write_bytes(data)


main(Path(sys.argv[1]), Path(sys.argv[2]))
