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
# where it is cut, then a request
REQUESTS = [
    b"\0\12POST /a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x=1\r\nabc\r\n0\r\nT: x\r\n\r\n",
    b"\0\50POST /a HTTP/1.0\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc",
    b"\0\5GET http://h/a%20b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\nGET / HTTP/1.1\r\n",
]
# a type and whether it is secret, then a body
BODIES = [
    b"""\0{"objectKey":"db","objectType":"CONNECTION","scope":"WORKSPACE",
"scopeEntityId":"cwsp0000000000000000000a1","description":"d","autoLinkDeployments":true,
"connection":{"type":"postgres","authTypeId":"cauthpostgres000000000000","host":"h","port":5432,
"extra":{"a":1,"b":{"c":[1,2]}}},"links":[{"scope":"DEPLOYMENT",
"scopeEntityId":"cdep0000000000000000000a1","overrides":{"connection":{"host":"o"},
"unsetFields":["password","extra.a"]}}],"excludeLinks":[{"scope":"DEPLOYMENT",
"scopeEntityId":"cdep0000000000000000000a2"}],"projectLinks":[{"scope":"PROJECT",
"scopeEntityId":"cprj0000000000000000000a2"}],"autoLinkProjects":false}""",
    b"""\201{"objectKey":"v","objectType":"AIRFLOW_VARIABLE","scope":"DEPLOYMENT",
"scopeEntityId":"cdep0000000000000000000a1","airflowVariable":{"value":"x","isSecret":true}}""",
    b"""\3{"objectKey":"m","objectType":"METRICS_EXPORT","scope":"PROJECT",
"scopeEntityId":"cprj0000000000000000000a2","metricsExport":{"endpoint":"e",
"exporterType":"PROMETHEUS","authType":"BASIC","headers":{"a":"b"},"labels":{}}}""",
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
        "page": pages,
        "http_parse": REQUESTS,
        "object_input": BODIES,
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
