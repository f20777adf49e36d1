# SPDX-License-Identifier: Apache-2.0
"""What the probing DAGs share: telling the test what they got and who they are."""

import asyncio
import json
import os
import tempfile

from airflow.triggers.base import BaseTrigger, TriggerEvent


def command_line(pid):
    with open(f"/proc/{pid}/cmdline") as text:
        return text.read().replace("\0", " ").strip()


def fields(conn):
    return {
        "conn_id": conn.conn_id,
        "conn_type": conn.conn_type,
        "host": conn.host,
        "login": conn.login,
        "password": conn.password,
        "schema": conn.schema,
        "port": conn.port,
        "extra": conn.extra_dejson,
    }


def report(name, **what):
    """Leave what happened in $PROBE_OUT as NAME.<pid>.json, whole at once."""
    pid = os.getpid()
    what.update(pid=pid, parent_pid=os.getppid(), parent=command_line(os.getppid()))
    directory = os.environ["PROBE_OUT"]
    with tempfile.NamedTemporaryFile("w", dir=directory, delete=False) as out:
        json.dump(what, out)
    os.rename(out.name, os.path.join(directory, f"{name}.{pid}.json"))


def attempt(call):
    """What a call returned, or the name of what it raised."""
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


class AskingTrigger(BaseTrigger):
    """Gets a connection inside the triggerer."""

    def __init__(self, conn_id):
        super().__init__()
        self.conn_id = conn_id

    def serialize(self):
        return "probe.AskingTrigger", {"conn_id": self.conn_id}

    async def run(self):
        from airflow.sdk import BaseHook

        conn = await BaseHook.aget_connection(self.conn_id)
        in_thread = await asyncio.to_thread(BaseHook.get_connection, self.conn_id)
        report("trigger", conn=fields(conn), same=fields(in_thread) == fields(conn))
        yield TriggerEvent(conn.host)
