# SPDX-License-Identifier: Apache-2.0
"""A long-lived interpreter with Airflow in it: one JSON request a line in, one answer a line out.

{"do": NAME OF A FUNCTION BELOW, "with": its argument}
answer {"result": what it returned, "error": "Name: text" or null, "log": [[logger, level, text]]}
"""

import asyncio
import json
import logging
import os
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
    """In a child, after this process has asked: the same backend instance, another process."""
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
    """All that an importer could lose."""
    got = fields(conn)
    del got["pid"]
    return {**got, "uri": conn.get_uri()}


def fill(rows):
    """Put these into the metadata database; `raw_extra` is what no Connection takes any more."""
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


DO = {
    "fill": fill,
    "clear": clear,
    "stored": stored,
    "whole": looked_up,
    "core": core,
    "sdk": sdk,
    "async": lambda conn_ids: asyncio.run(several(conn_ids)),
    "fork": fork,
    "threads": threads,
    "variable": variable,
}

for line in sys.stdin:
    request = json.loads(line)
    lines.clear()
    answer = {"result": None, "error": None}
    try:
        answer["result"] = DO[request["do"]](request["with"])
    except Exception as error:
        answer["error"] = f"{type(error).__name__}: {error}"
    answer["log"] = list(lines)
    print(json.dumps(answer), file=answers, flush=True)
