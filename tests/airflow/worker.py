# SPDX-License-Identifier: Apache-2.0
"""A long-lived interpreter with Airflow in it: one JSON request a line in, one answer a line out.

{"do": NAME OF A FUNCTION BELOW, "with": its argument}
answer {"result": what it returned, "error": "Name: text" or null, "log": [[logger, level, text]]}
"""

import asyncio
import contextlib
import importlib
import json
import logging
import os
import pickle
import sys
import threading

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever Airflow prints is not an answer

import airflow.settings  # noqa: E402

# The masker compiles its pattern anew for every secret it learns: seconds, with hundreds of them.
# Each half of Airflow 3 has a copy of it.
airflow.settings.initialize()
for module in list(sys.modules.values()):
    if hasattr(module, "SecretsMasker"):
        module.SecretsMasker.add_mask = lambda *_, **__: None


lines = []


class Lines(logging.Handler):
    def emit(self, record):
        lines.append([record.name, record.levelname, record.getMessage()])


logging.getLogger().addHandler(Lines(logging.INFO))


def fields(conn):
    if conn is None:
        return None
    names = ("conn_id", "conn_type", "description", "host", "login", "password", "schema", "port")
    return {**{n: getattr(conn, n) for n in names}, "extra": conn.extra_dejson, "pid": os.getpid()}


def core(conn_id):
    from airflow.models import Connection

    return fields(Connection.get_connection_from_secrets(conn_id))


def sdk(conn_id):
    from airflow.sdk import Connection

    return fields(Connection.get(conn_id))


async def several(conn_ids):
    from airflow.sdk import Connection

    return [fields(c) for c in await asyncio.gather(*map(Connection.async_get, conn_ids))]


def fork(conn_id):
    """A lookup in a forked child, with the backend instance that this process has used."""
    core(conn_id)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, json.dumps(core(conn_id)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as child:
        got = json.load(child)
    os.waitpid(pid, 0)
    assert core(conn_id)["pid"] == os.getpid() != got["pid"]
    return got


def threads(conn_ids):
    """Each in a thread of its own, all at once."""
    got = {}
    gate = threading.Barrier(len(conn_ids))

    def one(conn_id):
        gate.wait()
        got[conn_id] = core(conn_id)

    running = [threading.Thread(target=one, args=(c,)) for c in conn_ids]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return [got[c] for c in conn_ids]


def variable(key):
    from airflow.models import Variable

    return Variable.get_variable_from_secrets(key)


def whole(conn):
    """Every field that an importer could lose."""
    got = fields(conn)
    del got["pid"]
    return {**got, "uri": conn.get_uri()}


def fill(rows):
    """Put these into the metadata database; `raw_extra` is an extra that Connection refuses."""
    from airflow.models import Connection, Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        for row in rows["connections"]:
            raw = row.pop("raw_extra", None)
            conn = Connection(**row)
            conn.conn_id = row["conn_id"]  # also one that it would refuse now
            if raw is not None:
                conn._extra, conn.is_extra_encrypted = raw, False
            session.add(conn)
        for row in rows["variables"]:
            session.add(Variable(**row))


def clear(_):
    from airflow.models import Connection, Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        session.query(Connection).delete()
        session.query(Variable).delete()


def stored(_):
    """What the metadata database holds."""
    from airflow.models import Connection, Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        connections = session.query(Connection).order_by(Connection.conn_id).all()
        return {
            "connections": {conn.conn_id: whole(conn) for conn in connections},
            "variables": {v.key: v.get_val() for v in session.query(Variable).all()},
        }


def looked_up(conn_id):
    from airflow.models import Connection

    return whole(Connection.get_connection_from_secrets(conn_id))


def from_uri(uri):
    from airflow.models import Connection

    return whole(Connection(conn_id="x", uri=uri))


def loaded_connections(path):
    """What Airflow's own import reads from a file."""
    from airflow.secrets.local_filesystem import load_connections_dict

    return {key: whole(conn) for key, conn in load_connections_dict(path).items()}


def loaded_variables(path):
    """The text and description of each variable that Airflow's own import reads from a file."""
    from airflow.secrets.local_filesystem import load_variables

    found = {}
    for key, value in load_variables(path).items():
        description = None
        if isinstance(value, dict) and "value" in value:
            value, description = value["value"], value.get("description")
        text = value if isinstance(value, str) else json.dumps(value)
        found[key] = [text, description]
    return found


def in_child(work):
    """What `work` returns in a forked child, by way of JSON."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as child:
        text = child.read()
    os.waitpid(pid, 0)
    return json.loads(text)


def prepare_selftest(_):
    """Import as this user what the checks need: another user may not read it."""
    from airflow_connd import selftest
    from airflow_connd.selftest import conn_types

    conn_types.installed()
    selftest.run(None)


def selftest(given):
    """A self-test with another environment, and as another user."""

    def work():
        for name, value in {"PROBE_BUILT": None, **given["env"]}.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if given["uid"]:
            os.setgroups([])
            os.setgid(given["uid"])
            os.setuid(given["uid"])
        from airflow_connd import selftest

        return json.loads(selftest.run(given["conn_id"]).as_json())

    return in_child(work)


def explain(given):
    """`python -m airflow_connd explain --json` with another environment."""

    def work():
        os.environ.pop("PROBE_BUILT", None)
        os.environ.update(given["env"])
        from airflow_connd import explain

        wanted = explain.Wanted(given["kind"], given["key"])
        return json.loads(explain.as_json(wanted, list(explain.ask(wanted))))

    return in_child(work)


def pickled(conn_id):
    """By a copy of the configured backend that has been through pickle."""
    from airflow.configuration import get_custom_secret_backend

    backend = pickle.loads(pickle.dumps(get_custom_secret_backend()))
    return fields(backend.get_connection(conn_id))


def preload(modules):
    """Import here what takes seconds, for the forked children; those that are installed."""
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)


def with_backend(given):
    """Another request, in a process with these arguments of the backend."""

    def work():
        os.environ["AIRFLOW__SECRETS__BACKEND_KWARGS"] = json.dumps(given["kwargs"])
        forget_backends()
        return answer_to(given)

    answer = in_child(work)
    lines.extend(answer["log"])
    if answer["error"]:
        raise RuntimeError(answer["error"])
    return answer["result"]


def forget_backends():
    """As in a process that has just started: the configuration decides anew."""
    import airflow.configuration

    airflow.configuration.secrets_backend_list = airflow.configuration.initialize_secrets_backends()
    sdk = sys.modules.get("airflow.sdk.configuration")
    if sdk is not None:
        sdk._secrets_backend_cache.clear()


DO = {
    "fill": fill,
    "clear": clear,
    "stored": stored,
    "from_uri": from_uri,
    "loaded_connections": loaded_connections,
    "loaded_variables": loaded_variables,
    "whole": looked_up,
    "core": core,
    "sdk": sdk,
    "async": lambda conn_ids: asyncio.run(several(conn_ids)),
    "fork": fork,
    "threads": threads,
    "variable": variable,
    "prepare_selftest": prepare_selftest,
    "selftest": selftest,
    "explain": explain,
    "pickled": pickled,
    "preload": preload,
    "with_backend": with_backend,
}


def answer_to(request):
    """The whole answer to one request."""
    lines.clear()
    answer = {"result": None, "error": None}
    try:
        answer["result"] = DO[request["do"]](request["with"])
    except Exception as error:
        answer["error"] = f"{type(error).__name__}: {error}"
    answer["log"] = list(lines)
    return answer


for line in sys.stdin:
    print(json.dumps(answer_to(json.loads(line))), file=answers, flush=True)
