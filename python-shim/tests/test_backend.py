# SPDX-License-Identifier: Apache-2.0
"""What a lookup returns, raises and logs. No Airflow: Lookups with the two methods it inherits."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import os
import pickle
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fakes import answers, error, reply

import airflow_connd
from airflow_connd import _options, backend, errors

WAREHOUSE = '{"conn_type":"postgres","host":"db","password":"hunter2"}'
STORE = {
    "conn:warehouse": WAREHOUSE,
    "conn:prod/warehouse": '{"conn_type":"prod"}',
    "conn:list": '["hunter2"]',
    "conn:uri": "postgres://u:hunter2@h/",
    "conn:bom": "\ufeff{}",
    "conn:empty": "",
    "conn:forbidden": error("org.varlink.service.PermissionDenied"),
    "conn:withheld": error("Withheld", kind="connection", key="withheld", fields=["password"]),
    "conn:odd": b"hunter2\0",
    "var:plain": "hello",
    "var:empty": "",
    "var:config/smtp": "secret-option",
    "var:smtp": "bare",
    "var:forbidden": error("org.varlink.service.PermissionDenied"),
    "var:config/forbidden": error("org.varlink.service.PermissionDenied"),
}


class Backend(backend.Lookups):
    @staticmethod
    def build_path(path_prefix, secret_id, sep="/"):
        return f"{path_prefix}{sep}{secret_id}"

    def deserialize_connection(self, conn_id, value):
        return conn_id, json.loads(value)


@pytest.fixture
def connd(fake):
    return fake(answers(STORE))


@pytest.fixture
def down(tmp_path):
    return str(tmp_path / "nobody.sock")


@pytest.fixture(autouse=True)
def _without_airflow(caplog, monkeypatch):
    """The same whether the interpreter has an Airflow or not."""
    monkeypatch.setattr(errors, "_denied_class", errors.Denied)
    caplog.set_level(logging.DEBUG, logger="airflow_connd")


def warnings(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def test_hits(connd, caplog):
    b = Backend(socket_path=connd.path)
    assert b.get_conn_value("warehouse") == WAREHOUSE
    assert b.get_conn_value(conn_id="warehouse", team_name=None) == WAREHOUSE
    assert b.get_variable(key="plain", team_name=None) == "hello"
    assert b.get_variable("empty") == ""
    assert b.get_config("smtp") == "secret-option"
    assert not caplog.records


def test_team_is_sent_only_when_given(connd):
    b = Backend(socket_path=connd.path)
    b.get_conn_value("warehouse", team_name="red")
    b.get_variable("plain", team_name="red")
    b.get_variable("plain")
    assert [q["parameters"] for q in connd.requests] == [
        {"conn_id": "warehouse", "team": "red"},
        {"key": "plain", "team": "red"},
        {"key": "plain"},
    ]


def test_miss_is_none_and_debug(connd, caplog):
    b = Backend(socket_path=connd.path)
    assert b.get_conn_value("none") is None
    assert b.get_variable("none") is None
    assert b.get_config("none") is None
    assert [r.levelno for r in caplog.records] == [logging.DEBUG] * 3


@pytest.mark.parametrize("conn_id", ["list", "uri", "bom", "empty"])
def test_text_that_is_no_object_is_never_a_connection(connd, caplog, conn_id):
    with pytest.raises(errors.Invalid, match="not a JSON object"):
        Backend(socket_path=connd.path).get_conn_value(conn_id)
    assert len(warnings(caplog)) == 1
    assert "hunter2" not in caplog.text


def lookups(b):
    return {
        "conn": lambda: b.get_conn_value("x"),
        "var": lambda: b.get_variable("x"),
        "config": lambda: b.get_config("x"),
        "aconn": lambda: asyncio.run(b.aget_connection("x")),
    }


@pytest.mark.parametrize("what", ["conn", "var", "config", "aconn"])
def test_outage_raises_with_one_warning_each_time(down, caplog, what):
    b = Backend(socket_path=down)
    for n in range(1, 4):
        with pytest.raises(errors.Unreachable, match=re.escape(down)):
            lookups(b)[what]()
        assert len(warnings(caplog)) == n
    assert down in warnings(caplog)[0] and "'x'" in warnings(caplog)[0]


@pytest.mark.parametrize("what", ["conn", "var", "aconn"])
def test_outage_as_none(down, caplog, what):
    assert lookups(Backend(socket_path=down, on_error="none"))[what]() is None
    assert len(warnings(caplog)) == 1


def test_outage_is_never_a_missing_option(down):
    for on_error in ("none", "raise", "deny"):
        with pytest.raises(errors.Unreachable):
            Backend(socket_path=down, on_error=on_error).get_config("sql-alchemy-conn")


@pytest.mark.parametrize("what", ["conn", "var", "aconn"])
def test_outage_as_denial(down, caplog, what):
    with pytest.raises(errors.Denied, match="No such file"):
        lookups(Backend(socket_path=down, on_error="deny"))[what]()
    lines = [line for line in warnings(caplog) if "fail closed" not in line]
    assert len(lines) == 1


def test_withheld_and_unreadable_are_failures(connd, caplog):
    b = Backend(socket_path=connd.path)
    with pytest.raises(errors.Withheld, match="password"):
        b.get_conn_value("withheld")
    with pytest.raises(errors.ProtocolError):
        b.get_conn_value("odd")
    assert len(warnings(caplog)) == 2
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("on_error", ["raise", "none", "deny"])
def test_denial_is_a_denial_whatever_the_options(connd, caplog, on_error):
    b = Backend(socket_path=connd.path, on_error=on_error)
    for look_up, key in ((b.get_conn_value, "forbidden"), (b.get_config, "forbidden")):
        caplog.clear()
        with pytest.raises(PermissionError, match="does not allow") as caught:
            look_up(key)
        assert isinstance(caught.value, errors.ConndError)
        assert len([line for line in warnings(caplog) if "fail closed" not in line]) == 1


def test_miss_as_denial(connd, caplog):
    b = Backend(socket_path=connd.path, on_missing="deny")
    with pytest.raises(errors.Denied, match="no such record"):
        b.get_conn_value("none")
    with pytest.raises(errors.Denied):
        b.get_variable("none")
    assert len([line for line in warnings(caplog) if "fail closed" not in line]) == 2
    assert b.get_config("none") is None
    assert b.get_variable("empty") == ""


def test_prefixes(connd):
    b = Backend(socket_path=connd.path, connections_prefix="prod/", config_prefix="")
    assert b.get_conn_value("warehouse") == '{"conn_type":"prod"}'
    assert b.get_config("smtp") == "bare"
    b = Backend(socket_path=connd.path, connections_prefix="a", variables_prefix="v--", sep="--")
    b.get_conn_value("x")
    b.get_variable("x")
    b.get_config("x")
    keys = [next(iter(q["parameters"].values())) for q in connd.requests[-3:]]
    assert keys == ["a--x", "v--x", "config--x"]


@pytest.mark.parametrize("what", ["conn", "var", "config", "aconn"])
def test_kind_that_is_off_is_never_looked_up(down, caplog, what):
    off = {f"{kind}_prefix": None for kind in ("connections", "variables", "config")}
    b = Backend(socket_path=down, on_error="deny", on_missing="deny", **off)
    assert lookups(b)[what]() is None
    assert not caplog.records


def test_lookup_patterns(connd):
    b = Backend(
        socket_path=connd.path,
        connections_lookup_pattern="^(?!aws_default$)",
        variables_lookup_pattern="pl",
        config_lookup_pattern="nothing",
    )
    assert b.get_conn_value("aws_default") is None
    assert b.get_conn_value("warehouse") == WAREHOUSE
    assert b.get_variable("empty") is None
    assert b.get_variable("plain") == "hello"
    assert b.get_config("smtp") is None
    assert len(connd.requests) == 2


def test_options_as_text(fake):
    server = fake(lambda peer: peer.hold())
    b = Backend(socket_path=server.path, timeout="0.2", on_error=" NONE ", on_missing="Next")
    start = time.monotonic()
    assert b.get_conn_value("x") is None
    assert 0.15 < time.monotonic() - start < 20


NONSENSE = {
    "socket_path": ["relative", "", 7, "/a\0b", "/a\ud800b", ["/x"]],
    "timeout": ["x", 0, -1, "nan", "inf", None, True, [], {}, 1e9],
    "on_error": ["rise", 1, None, []],
    "on_missing": ["none", {}],
    "connections_prefix": [7, ["x"]],
    "sep": [None, 1],
    "variables_lookup_pattern": ["(", 7, []],
}


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, values in NONSENSE.items() for v in values]
)
def test_nonsense_is_one_warning_and_the_default(connd, caplog, monkeypatch, name, value):
    monkeypatch.setenv("CONND_SOCKET", connd.path)
    built = [Backend(**{name: value}) for _ in range(3)]
    assert len(warnings(caplog)) == 1 and name in caplog.text
    if name != "socket_path":
        assert built[0].get_variable("plain") == "hello"


def test_unknown_options_are_one_warning_and_never_their_values(connd, caplog):
    for _ in range(3):
        b = Backend(socket_path=connd.path, vault_token="hunter2", **{"1x": None})
    assert sorted(warnings(caplog)) == [
        "connd: backend_kwargs: unknown option '1x', ignored",
        "connd: backend_kwargs: unknown option 'vault_token', ignored",
    ]
    assert b.get_variable("plain") == "hello"


def test_default_socket(monkeypatch, connd):
    monkeypatch.setenv("CONND_SOCKET", connd.path)
    assert Backend().get_variable("plain") == "hello"
    with pytest.raises(errors.Unreachable, match="/elsewhere"):
        Backend(socket_path="/elsewhere").get_variable("plain")
    monkeypatch.delenv("CONND_SOCKET")
    with pytest.raises(errors.Unreachable, match=re.escape("/run/connd/connd.sock")):
        Backend(connections_prefix="", timeout=0.1).get_variable("no-such-connd-here")


def test_own_socket_where_there_is_no_other(monkeypatch, tmp_path):
    monkeypatch.delenv("CONND_SOCKET", raising=False)
    monkeypatch.setattr(_options, "DEFAULT_SOCKET", str(tmp_path / "run/connd.sock"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "user"))

    def chosen(**kwargs):
        return _options.read(kwargs)[0]["socket_path"]

    assert chosen() == str(tmp_path / "run/connd.sock")
    (tmp_path / "user/connd").mkdir(parents=True)
    assert chosen() == str(tmp_path / "user/connd/connd.sock")
    assert chosen(socket_path="/given") == "/given"
    monkeypatch.setenv("CONND_SOCKET", "/named")
    assert chosen() == "/named"
    monkeypatch.delenv("CONND_SOCKET")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/connd.sock").touch()
    assert chosen() == str(tmp_path / "run/connd.sock")
    (tmp_path / "run/connd.sock").unlink()
    monkeypatch.setenv("XDG_RUNTIME_DIR", "user")  # not a path to rely on
    assert chosen() != str(tmp_path / "user/connd/connd.sock")


def test_ids_are_opaque(connd):
    b = Backend(socket_path=connd.path)
    ids = ["a/b", " spaced ", "new\nline", "", "x" * 300, "ü", 'q"', "\\", "..", "a.b-c"]
    for conn_id in ids:
        assert b.get_conn_value(conn_id) is None
    assert [q["parameters"]["conn_id"] for q in connd.requests] == ids


def test_log_line_is_one_line_whatever_the_key(down, caplog):
    b = Backend(socket_path=down, on_error="none")
    for key in ("a\nb", "x" * 100_000, "\x1b[31m"):
        b.get_conn_value(key)
    for line in warnings(caplog):
        assert line.isprintable() and len(line) < 1000


def test_aget_connection(connd, caplog):
    b = Backend(socket_path=connd.path)
    got = asyncio.run(b.aget_connection("warehouse", team_name=None))
    assert got == ("warehouse", json.loads(WAREHOUSE))
    assert asyncio.run(b.aget_connection("none")) is None
    with pytest.raises(errors.Invalid):
        asyncio.run(b.aget_connection("uri"))
    assert len(warnings(caplog)) == 1


def test_an_async_lookup_leaves_the_loop_free(fake):
    """connd responds only after another task of the loop has run."""
    other_task_ran = threading.Event()

    def waits(peer):
        peer.request()
        if other_task_ran.wait(30):
            peer.send(reply("{}"))

    server = fake(waits)

    async def run():
        lookup = asyncio.ensure_future(Backend(socket_path=server.path).aget_connection("x"))
        while not server.requests:
            await asyncio.sleep(0.01)
        other_task_ran.set()
        return await lookup

    assert asyncio.run(run()) == ("x", {})


@pytest.mark.parametrize("conn_id", ["list", "uri", "odd", "withheld"])
def test_no_traceback_shows_a_value(connd, conn_id):
    with pytest.raises(errors.ConndError) as caught:
        Backend(socket_path=connd.path).get_conn_value(conn_id)
    frames = caught.value.__traceback__
    while frames is not None:
        if frames.tb_frame.f_code.co_filename != __file__:
            assert "hunter2" not in repr(frames.tb_frame.f_locals)
        frames = frames.tb_next


def test_errors_are_public_and_travel():
    for name, value in vars(errors).items():
        if isinstance(value, type) and name not in ("Any", "_denied_class"):
            assert issubclass(value, errors.ConndError)
            assert value.__module__ == "airflow_connd.errors" and value.__name__ == name
            again = pickle.loads(pickle.dumps(value("why")))
            assert type(again) is value and str(again) == "why"
    assert pickle.loads(pickle.dumps(errors.denied("why"))).args == ("why",)


def test_the_package_imports_nothing_heavy():
    code = (
        "import sys\n"
        "import airflow_connd, airflow_connd.provider\n"
        "assert not [m for m in sys.modules if m.split('.')[0] in ('airflow', 'asyncio', 'json')]\n"
        "airflow_connd.provider.get_provider_info()\n"
        "import airflow_connd.backend\n"
        "heavy = ('airflow', 'asyncio', 'difflib', 'importlib.metadata', 'inspect')\n"
        "assert not [m for m in sys.modules if m.startswith(heavy) and m != 'airflow_connd'"
        " and not m.startswith('airflow_connd.')]\n"
        "assert 'airflow_connd._sources' not in sys.modules\n"
    )
    source = str(Path(airflow_connd.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": source}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_no_such_attribute():
    with pytest.raises(AttributeError, match="Nope"):
        _ = airflow_connd.Nope


def test_copies_have_the_same_settings(connd):
    class Local(Backend):
        def __reduce__(self):
            # In Airflow the class is airflow_connd.ConndBackend; here it is this one.
            rebuild, (kwargs,) = super().__reduce__()
            assert rebuild is backend._rebuild
            return lambda: Local(**kwargs), ()

    b = copy.deepcopy(Local(socket_path=connd.path, connections_prefix="prod"))
    assert b.get_conn_value("warehouse") == '{"conn_type":"prod"}'
