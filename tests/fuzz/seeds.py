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
# where it is split, then a request
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
# path, query or Prefer field, then the text
QUERIES = [
    b"\0/v1/organizations/corg0000000000000000000a1/environment-objects/%C3%A4",
    b"\1objectType=CONNECTION&objectKey=a%20b&resolveLinked=true&limit=1000&sorts=createdAt:desc",
    b'\2respond-async, wait=30; x="y"',
]
# a kind, then a file as `airflow ... export` writes it
EXPORTS = [
    b"""\0{"db":{"conn_type":"postgres","description":"d","login":"l","password":"p","host":"h",
"port":5432,"schema":"s","extra":"{\\"a\\": 9223372036854775807}"},"u":"postgres://l:p@h:1/s?a=b",
"n":{"conn_type":null}}""",
    b"""\1{"v":"text","n":1,"o":{"value":{"a":[1,2]},"description":"d"},"t":true,"z":null}""",
    b"""\2a: &x {conn_type: !!str http, host: 'h', port: 80, extra: {n: 0x1F, y: yes, t: 1:30.5}}
b: "http://https://u%40:p@H%2F:1/s?__extra__={%22a%22%3A1}"
c: [d://h?x=1&y=+z#f]
? e
: |
  f
g: {<<: [*x, {z: &y [1]}], y: *y}
""",
    b"\3a: 1_0\nb: .5\nc: ~\nd: [2026-01-01, 017, -.inf]\ne: {value: x, description: y}\n",
    b'\4# c\nu=http://u:p@[::1]:1/s?a=%5B1%5D\nj={"conn_type":"x"}\n',
    b'\4export AIRFLOW_CONN_A=\'a://h\'\r\nAIRFLOW_CONN_B="b://h\\""\nAIRFLOW_VAR_C=\nX=y\n',
    b'\5AIRFLOW_VAR_A="$x\\$"\n',
]
# whole texts, and edits of the issued token: operation, position, byte
TOKENS = [
    b"\0eyJhbGciOiJFZERTQSJ9.e30.AAAA",
    b"\1\0\0x",
    b"\1\4\0A\4\1A",
    b"\1\1\7.",
    b"\1\3\50\0",
]
API = "/v1/organizations/$o"
OBJECTS = API + "/environment-objects"
# method, token, target, body; see fuzz_api.c
CALLS = [
    ["go" + OBJECTS + "?resolveLinked=true&showSecrets=true&deploymentId=$d&limit=1000"],
    ["gm" + OBJECTS + "?resolveLinked=true&showSecrets=true&deploymentId=$e"],
    ["gm" + OBJECTS + "/$2?showSecrets=true", "gm" + OBJECTS + "/$1", "gn" + OBJECTS],
    [
        'po{O}\n{"objectKey":"x","objectType":"AIRFLOW_VARIABLE","scope":"WORKSPACE",'
        '"scopeEntityId":"$w","airflowVariable":{"value":"1"},"autoLinkDeployments":true}',
        'po{O}/$m\n{"airflowVariable":{"value":"2","isSecret":true},"links":'
        '[{"scope":"DEPLOYMENT","scopeEntityId":"$d","overrides":{"airflowVariable":{"value":"3"}}}]}',
        "go{O}/$m/history",
        'po{O}/$m/restore\n{"version":1}',
        'po{O}/$m/exclude-linking\n{"scope":"DEPLOYMENT","scopeEntityId":"$e"}',
        "do{O}/$m",
        "go{A}/audit-log?limit=10",
    ],
    [
        'po{O}/$1\n{"connection":{"type":"mysql","password":"","extra":{"a":""}},"links":[]}',
        'pm{O}/$2\n{"connection":{"host":"x"}}',
        "po{O}/$3/promote\n{}",
        "go{A}/connection-auth-types",
    ],
    [
        'po{A}/workspaces\n{"name":"x"}',
        'po{A}/deployments\n{"name":"x","workspaceId":"$w"}',
        'po{A}/projects\n{"name":"x","workspaceId":"$w","deploymentId":"$d"}',
        "go{A}/deployments?sorts=name:desc&limit=2",
        "do{A}/projects/$p",
        "do{A}/deployments/$d",
        "do{A}/workspaces/$w",
    ],
    [
        'po{A}/tokens\n{"name":"x","scope":"DEPLOYMENT","scopeEntityId":"$d","role":"MEMBER"}',
        "po{A}/tokens/self/renew\n{}",
        "gm{A}/tokens/self",
        "go{A}/tokens",
        "do{A}/tokens/$m",
        'po{A}\n{"isEnvironmentSecretsFetchingAllowed":false}',
        "gm{O}?showSecrets=true&resolveLinked=true&deploymentId=$d",
    ],
    ["ho{O}", "uo{O}", "gn/openapi.yaml", "gn/", "go/v1/organizations", "gn/healthz"],
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
        "query": QUERIES,
        "import_file": EXPORTS,
        "token": TOKENS,
        "api": ["\x1e".join(c).replace("{O}", OBJECTS).replace("{A}", API).encode() for c in CALLS],
        "snapshot_content": [b"\0CONND", b"\1"],
        "frame": [b"\xff\x07" + b"\0".join(frames[:8]) + b"\0"],
    }
    for target, inputs in seeds.items():
        folder = out / target
        folder.mkdir(parents=True, exist_ok=True)
        for i, data in enumerate(inputs):
            (folder / f"{i:03}").write_bytes(data)


main(Path(sys.argv[1]), Path(sys.argv[2]))
