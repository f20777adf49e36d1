# SPDX-License-Identifier: Apache-2.0
"""usage: seeds.py VECTORS OUT: the golden messages as starting points for the fuzzers."""

import json
import sys
from pathlib import Path

# a type, then: stored, sent, override, what its update sends
VALUES = [
    b"""\0{"type":"a","host":"h","password":"p","port":1,"extra":{"a":"s","n":[1,{"b":null}]}}
{"type":"b","authTypeId":"t","login":"","password":"","extra":{"a":"","\\u0061b":9223372036854775807}}
{"host":"o","password":"q","extra":{"a":1}}
{"schema":"s","extra":{"n":""}}""",
    b"""\1{"value":"v","isSecret":true}
{"value":"","isSecret":false}
{"value":"o"}
{"value":""}""",
    b"""\3{"endpoint":"e","exporterType":"PROMETHEUS","basicToken":"t","headers":{"A":"1"},"labels":{}}
{"authType":"BASIC","username":"u","password":"p","sigV4AssumeArn":"x","sigV4StsRegion":"y"}
{"headers":{"B":"2"}}
{"headers":{"A":""}}""",
]
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
        "value": VALUES,
        "frame": [b"\xff\x07" + b"\0".join(frames[:8]) + b"\0"],
    }
    for target, inputs in seeds.items():
        folder = out / target
        folder.mkdir(parents=True, exist_ok=True)
        for i, data in enumerate(inputs):
            (folder / f"{i:03}").write_bytes(data)


main(Path(sys.argv[1]), Path(sys.argv[2]))
