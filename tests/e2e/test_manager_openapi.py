# SPDX-License-Identifier: Apache-2.0
"""proto/openapi.yaml agrees with the file that the manager serves, with its routes, and with its
responses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from connd_testing import Manager
from manager_http import objects, send

TOP = Path(__file__).parents[2]
DESCRIPTION = TOP / "proto/openapi.yaml"
METHODS = {"get", "post", "patch", "put", "delete"}

Routes = set[tuple[str, str]]  # method, path with {} for each parameter


@pytest.fixture(scope="module")
def described() -> Any:
    return yaml.safe_load(DESCRIPTION.read_text())


def documented(described: Any) -> Routes:
    return {
        (method.upper(), "/v1" + re.sub(r"{\w+}", "{}", path))
        for path, item in described["paths"].items()
        for method in METHODS & set(item)
    }


def routed() -> Iterator[tuple[str, str]]:
    """The route table of routes.c: string literals and macros."""
    source = (TOP / "daemon/manager/api/routes.c").read_text()
    table = re.search(r"\broutes\[\] = {\n(.*?)\n};", source, re.DOTALL)
    assert table
    macros = dict(re.findall(r"^#define (\w+)\s+(.*)$", source, re.MULTILINE))

    def text(expression: str) -> str:
        words = re.findall(r'"([^"]*)"|(\w+)', expression)
        return "".join(text(macros[name]) if name else literal for literal, name in words)

    entries = re.findall(r"{ HTTP_(\w+), ([^,]+),", table[1])
    assert len(entries) == table[1].count("HTTP_")
    for method, pattern in entries:
        yield method, re.sub(r"{\w*}", "{}", text(pattern))


def test_served_as_it_is_written(manager: Manager) -> None:
    for path in ("/v1/openapi.yaml", "/spec/v1", "/spec/v1.0"):
        reply = send(manager, "GET", path, token="")
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/yaml"
        assert reply.raw == DESCRIPTION.read_bytes()
        head = send(manager, "HEAD", path, token="")
        assert (head.status, head.raw) == (200, b"")
        assert head.headers["content-length"] == reply.headers["content-length"]
        refused = send(manager, "POST", path, {}, token="")
        refused.error(405)
        assert refused.headers["allow"] == "GET, HEAD"


def test_every_route_is_described_and_every_description_is_routed(described: Any) -> None:
    # The description itself is served before routing: it needs no token.
    table = {*routed(), ("GET", "/v1/openapi.yaml")}
    assert table == documented(described)


def test_paths_have_the_methods_described(manager: Manager, described: Any) -> None:
    identifier = "c" + 24 * "0"
    by_path: dict[str, set[str]] = {}
    for method, path in documented(described):
        by_path.setdefault(path, set()).add(method)
    for path, methods in by_path.items():
        reply = send(manager, "PUT", path.replace("{}", identifier))
        reply.error(405)
        assert set(reply.headers["allow"].split(", ")) - {"HEAD"} == methods, path


def test_operations_are_complete(described: Any) -> None:
    """Every operation must have a unique name, a summary, and its possible error responses."""
    names = []
    for path, item in described["paths"].items():
        for method in METHODS & set(item):
            operation = item[method]
            names.append(operation["operationId"])
            assert operation["summary"] and operation["tags"], path
            expected = {"400", "405", "413", "414", "431"}
            if operation.get("security") != []:
                expected |= {"401", "429", "500", "503"}
            if "{organizationId}" in path:
                expected.add("404")
            assert expected <= set(operation["responses"]), (method, path)
    assert len(names) == len(set(names))


# The members of the hosted description for these schemas, by the names that generated clients use:
# members that are always in a response, and those that may be.
HOSTED_RESPONSES = {
    "EnvironmentObjectsPaginated": ("environmentObjects limit offset totalCount", ""),
    "EnvironmentObject": (
        "objectKey objectType scope scopeEntityId setFields",
        "id description autoLinkDeployments connection airflowVariable environmentVariable metricsExport"
        " links excludeLinks sourceScope sourceScopeEntityId createdAt updatedAt createdBy updatedBy",
    ),
    "EnvironmentObjectConnection": (
        "type", "connectionAuthType host login password schema port extra",
    ),
    "ConnectionAuthType": (
        "id name airflowType authMethodName description providerPackageName parameters",
        "providerLogo guidePath",
    ),
    "ConnectionAuthTypeParameter": (
        "airflowParamName friendlyName dataType description isInExtra isRequired isSecret",
        "example pattern",
    ),
    "EnvironmentObjectAirflowVariable": ("value isSecret", ""),
    "EnvironmentObjectEnvironmentVariable": ("value isSecret", ""),
    "EnvironmentObjectMetricsExport": (
        "endpoint exporterType",
        "authType basicToken username password sigV4AssumeArn sigV4StsRegion headers labels",
    ),
    "EnvironmentObjectLink": (
        "scope scopeEntityId setFields",
        "connectionOverrides airflowVariableOverrides environmentVariableOverrides metricsExportOverrides",
    ),
    "EnvironmentObjectConnectionOverrides": ("", "type host login password port schema extra"),
    "EnvironmentObjectVariableOverrides": ("value", ""),
    "EnvironmentObjectMetricsExportOverrides": (
        "", "endpoint exporterType authType basicToken username password sigV4AssumeArn sigV4StsRegion"
        " headers labels",
    ),
    "EnvironmentObjectExcludeLink": ("scope scopeEntityId", ""),
    "BasicSubjectProfile": ("id", "subjectType username fullName avatarUrl apiTokenName"),
    "CreateEnvironmentObject": ("id", ""),
    "Error": ("message requestId statusCode", "fieldErrors"),
    "FieldValidationError": ("code field message", ""),
}  # fmt: skip


def members(described: Any, name: str) -> tuple[set[str], set[str]]:
    """The required members of a schema, and all members."""
    schema = described["components"]["schemas"][name]
    if "$ref" in schema:
        return members(described, schema["$ref"].rsplit("/", 1)[1])
    return set(schema.get("required", [])), set(schema["properties"])


def test_responses_have_what_stock_clients_are_generated_from(described: Any) -> None:
    for name, (always, sometimes) in HOSTED_RESPONSES.items():
        required, known = members(described, name)
        assert set(always.split()) <= required, name
        assert set((always + " " + sometimes).split()) <= known, name


def test_objects_refuse_with_the_statuses_that_the_hosted_api_declares(described: Any) -> None:
    top = "/organizations/{organizationId}/environment-objects"
    one = top + "/{environmentObjectId}"
    for path, method, conflicts in (
        (top, "get", False), (top, "post", True), (one, "get", False), (one, "post", True),
        (one, "delete", True), (one + "/exclude-linking", "post", True),
    ):  # fmt: skip
        declared = set(described["paths"][path][method]["responses"])
        assert {"401", "403", "404", "405", "500"} | ({"409"} if conflicts else set()) <= declared


def test_the_catalogue_is_what_a_connection_may_name(manager: Manager, described: Any) -> None:
    path = f"/v1/organizations/{manager.organization}/connection-auth-types?limit=1000"
    catalogue = send(manager, "GET", path).body["connectionAuthTypes"]
    schemas = described["components"]["schemas"]
    ids = {row["id"]: row["airflowType"] for row in catalogue}
    free, *fitting = schemas["AuthTypeFits"]["anyOf"]
    fits = {
        one: variant["properties"]["type"]["enum"][0]
        for variant in fitting
        for one in variant["properties"]["authTypeId"]["enum"]
    }
    bound = {one: kind for one, kind in ids.items() if kind != "generic"}
    assert fits == bound
    assert set(free["properties"]["authTypeId"]["not"]["enum"]) == set(bound)


EXAMPLES = 8  # a phase and operation: what fits into a minute with sanitizers
EVERY_PHASE = "examples,coverage,fuzzing,stateful"


# The ids differ in each run, and so do the requests: this is fuzzing, which has its own target.
@pytest.mark.skipif(not os.environ.get("SCHEMATHESIS"), reason="run by make fuzz")
@pytest.mark.timeout(300)
def test_schemathesis_finds_nothing(workdir: Path, described: Any) -> None:
    """Every operation, every check, every phase, including the stateful one."""
    find_nothing(workdir, described, EVERY_PHASE, EXAMPLES)


def find_nothing(workdir: Path, described: Any, phases: str, examples: int) -> None:
    log = workdir / "calls"
    with Manager(workdir, [f"d{i}" for i in range(8)]) as manager:
        world = {
            "url": manager.url,
            "token": manager.token,
            "organization": manager.organization,
            "workspace": manager.workspace,
            "deployments": list(manager.deployment_ids.values()),
            "description": str(DESCRIPTION),
            "log": str(log),
        }
        (workdir / "world.json").write_text(json.dumps(world))
        (workdir / "schemathesis.toml").write_text(
            f'hooks = "{TOP}/tests/lib/openapi_hooks.py"\n'
            f'headers = {{ Authorization = "Bearer {manager.token}" }}\n'
        )
        done = subprocess.run(
            [
                Path(sys.executable).parent / "schemathesis", "run",
                f"{manager.url}/spec/v1.0", "--checks=all",
                f"--phases={phases}", f"--max-examples={examples}",
                "--seed=1", "--generation-deterministic",
                "--request-timeout=30", "--continue-on-failure", "--no-color",
            ],
            cwd=workdir, env={**os.environ, "CONND_OPENAPI_WORLD": str(workdir / "world.json")},
            capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-5000:]
        assert send(manager, "GET", objects(manager)).status == 200
    # Each operation must have succeeded at least once, or the test proves nothing.
    calls = Counter(tuple(line.split()) for line in log.read_text().splitlines())
    for item in described["paths"].values():
        for method in METHODS & set(item):
            name = item[method]["operationId"]
            good = sum(
                n for (who, verb, status), n in calls.items()
                if who == name and verb == method.upper() and status[0] == "2"
            )  # fmt: skip
            assert good, f"{name}: {calls}"
