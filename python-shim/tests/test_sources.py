# SPDX-License-Identifier: Apache-2.0
"""Another backend before or after connd: the order, what ends the search, and what is logged."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import threading

import pytest
from fakes import answers, error

from airflow_connd import _sources, backend, errors

SECRET = "hunter2"
STORE = {
    "conn:both": '{"conn_type":"connd"}',
    "conn:connd": '{"conn_type":"connd"}',
    "conn:forbidden": error("org.varlink.service.PermissionDenied"),
    "var:both": "connd's",
    "var:connd": "connd's",
    "var:forbidden": error("org.varlink.service.PermissionDenied"),
    "var:config/both": "connd's",
    "var:config/connd": "connd's",
}


class AccessDenied(PermissionError):
    """In place of Airflow's own."""


class Backend(backend.Lookups):
    @staticmethod
    def build_path(path_prefix, secret_id, sep="/"):
        return f"{path_prefix}{sep}{secret_id}"

    def deserialize_connection(self, conn_id, value):
        return f"connection of {value}"


class Other:
    """A backend in the style of Airflow's providers. Class attributes say how it behaves."""

    built: list = []  # noqa: RUF012
    asked: list = []  # noqa: RUF012
    raises = None
    has = ("both", "other")

    def __init__(self, name="other"):
        self.built.append((os.getpid(), name))
        self.name = name
        self.connection_class = None

    def _set_connection_class(self, cls):
        self.connection_class = cls

    def _answer(self, lookup, key):
        self.asked.append((lookup, key))
        if self.raises is not None:
            raise self.raises
        return f"{self.name}'s" if key in self.has else None

    def get_connection(self, conn_id, team_name=None):
        return self._answer("connection", conn_id)

    def get_conn_value(self, conn_id):
        return self._answer("value", conn_id)

    def get_variable(self, key):
        return self._answer("variable", key)

    def get_config(self, key):
        return self._answer("config", key)


class OfConnections(Other):
    """Like the local files backend: it has no text of a connection."""

    def get_connection(self, conn_id, team_name=None):
        class Connection:
            def as_json(self):
                return "as json"

        return Connection() if conn_id == "other" else None

    def get_conn_value(self, conn_id):
        raise NotImplementedError


class Async(Other):
    async def aget_connection(self, conn_id):
        await asyncio.sleep(0)
        return self._answer("async", conn_id)


class AskingItself(Other):
    """Takes its credentials from the chain it is part of."""

    chain = None

    def get_variable(self, key):
        return f"{key} by {self.chain.get_variable('connd')}"


class Unbuildable(Other):
    def __init__(self):
        raise ValueError(SECRET)


LOOKUPS = {
    "connection": lambda b, key: b.get_connection(key),
    "value": lambda b, key: b.get_conn_value(key),
    "variable": lambda b, key: b.get_variable(key),
    "config": lambda b, key: b.get_config(key),
    "async": lambda b, key: asyncio.run(b.aget_connection(key)),
}
every_lookup = pytest.mark.parametrize("lookup", LOOKUPS)
but_config = pytest.mark.parametrize("lookup", [name for name in LOOKUPS if name != "config"])
OTHER = f"{__name__}.Other"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, caplog):
    monkeypatch.setattr(errors, "_denied_class", errors._build_class_of_denial(AccessDenied))
    monkeypatch.setattr(Other, "built", [])
    monkeypatch.setattr(Other, "asked", [])
    monkeypatch.setattr(Other, "raises", None)
    caplog.set_level(logging.DEBUG, logger="airflow_connd")


@pytest.fixture
def connd(fake):
    return fake(answers(STORE))


@pytest.fixture(params=["first", "then"])
def place(request):
    return request.param


@pytest.fixture
def make(connd):
    return lambda **kwargs: Backend(**{"socket_path": connd.path, **kwargs})


def warnings(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


@every_lookup
def test_first_is_asked_before_connd(make, connd, lookup):
    b = make(first=OTHER)
    assert LOOKUPS[lookup](b, "both") == "other's"
    assert not connd.requests


@every_lookup
def test_then_is_asked_after_connd(make, lookup):
    b = make(then=OTHER)
    assert "connd" in LOOKUPS[lookup](b, "both")
    assert not Other.asked
    assert LOOKUPS[lookup](b, "other") == "other's"


@every_lookup
def test_both_places(make, connd, lookup):
    b = make(first=OTHER, first_kwargs={"name": "front"}, then=OTHER, then_kwargs={"name": "back"})
    assert LOOKUPS[lookup](b, "other") == "front's"
    assert "connd" in LOOKUPS[lookup](b, "connd")
    assert LOOKUPS[lookup](b, "none") is None
    assert len(connd.requests) == 2 and len(Other.asked) == 4


@every_lookup
def test_miss_everywhere_is_a_miss(make, place, lookup, caplog):
    assert LOOKUPS[lookup](make(**{place: OTHER}), "none") is None
    assert not warnings(caplog)


@but_config
def test_miss_everywhere_as_denial(make, place, lookup, caplog):
    b = make(**{place: OTHER}, on_missing="deny")
    assert LOOKUPS[lookup](b, "other") == "other's"
    assert not warnings(caplog)
    with pytest.raises(AccessDenied):
        LOOKUPS[lookup](b, "none")
    assert len(warnings(caplog)) == 1


def test_empty_variable_is_a_value(make, monkeypatch):
    monkeypatch.setattr(Other, "_answer", lambda *_: "")
    b = make(first=OTHER)
    assert b.get_variable("both") == "" and b.get_config("both") == ""
    assert "connd" in b.get_connection("both"), "an empty connection is a miss, as for Airflow"


@but_config
def test_failure_of_first_goes_on_with_a_warning(make, monkeypatch, lookup, caplog):
    monkeypatch.setattr(Other, "raises", ValueError(SECRET))
    for on_error in ("raise", "none"):
        caplog.clear()
        assert "connd" in LOOKUPS[lookup](make(first=OTHER, on_error=on_error), "connd")
        (line,) = warnings(caplog)
        assert "first (Other) failed: ValueError at " in line
        assert "next backend's value is used" in line
        assert SECRET not in caplog.text


@but_config
def test_failure_and_a_miss_is_the_failure(make, monkeypatch, place, lookup, caplog):
    monkeypatch.setattr(Other, "raises", ValueError(SECRET))
    with pytest.raises(errors.SourceFailed, match="Other") as caught:
        LOOKUPS[lookup](make(**{place: OTHER}), "none")
    assert caught.value.__cause__ is Other.raises
    assert len(warnings(caplog)) == 1
    caplog.clear()
    assert LOOKUPS[lookup](make(**{place: OTHER}, on_error="none"), "none") is None
    assert len(warnings(caplog)) == 1 and SECRET not in caplog.text


@but_config
def test_failure_of_both_is_one_warning_with_two_reasons(make, monkeypatch, lookup, caplog):
    monkeypatch.setattr(Other, "raises", ConnectionRefusedError(111, "Connection refused"))
    b = make(first=OTHER, socket_path="/nobody/there", on_error="none")
    assert LOOKUPS[lookup](b, "x") is None
    (line,) = warnings(caplog)
    assert "first (Other) failed: ConnectionRefusedError: Connection refused" in line
    assert "/nobody/there" in line


@but_config
def test_failure_as_denial_asks_nobody_else(make, monkeypatch, connd, lookup, caplog):
    monkeypatch.setattr(Other, "raises", ValueError(SECRET))
    with pytest.raises(AccessDenied):
        LOOKUPS[lookup](make(first=OTHER, on_error="deny"), "connd")
    assert not connd.requests and len(warnings(caplog)) == 1


@but_config
def test_outage_of_connd_asks_then(make, lookup, caplog):
    b = make(then=OTHER, socket_path="/nobody/there")
    assert LOOKUPS[lookup](b, "both") == "other's"
    assert len(warnings(caplog)) == 1
    with pytest.raises(errors.Unreachable):
        LOOKUPS[lookup](b, "none")
    with pytest.raises(AccessDenied):
        LOOKUPS[lookup](make(then=OTHER, socket_path="/nobody/there", on_error="deny"), "both")
    assert [key for _, key in Other.asked] == ["both", "none"]


def test_config_is_never_defaulted_in_an_outage(make, monkeypatch, connd):
    with pytest.raises(errors.Unreachable):
        make(then=OTHER, socket_path="/nobody/there", on_error="none").get_config("both")
    monkeypatch.setattr(Other, "raises", ValueError(SECRET))
    with pytest.raises(errors.SourceFailed):
        make(first=OTHER, on_error="none").get_config("connd")
    assert not connd.requests


@every_lookup
def test_denial_of_the_other_ends_the_search(make, monkeypatch, connd, lookup):
    monkeypatch.setattr(Other, "raises", AccessDenied("no"))
    for on_error in ("raise", "none"):
        with pytest.raises(AccessDenied):
            LOOKUPS[lookup](make(first=OTHER, on_error=on_error), "connd")
    assert not connd.requests


@pytest.mark.parametrize("lookup", ["connection", "value", "variable", "async"])
def test_denial_of_connd_ends_the_search(make, lookup):
    with pytest.raises(AccessDenied):
        LOOKUPS[lookup](make(then=OTHER), "forbidden")
    assert not Other.asked


def test_unreadable_file_is_a_failure_not_a_denial(make, monkeypatch):
    """A plain PermissionError is not how Airflow's backends deny."""
    monkeypatch.setattr(Other, "raises", PermissionError(13, "Permission denied"))
    assert make(first=OTHER).get_variable("connd") == "connd's"


BROKEN = {
    "no-module": ({"first": "no_such_package.Backend"}, "No module named"),
    "no-class": ({"first": f"{__name__}.Missing"}, "AttributeError"),
    "not-a-name": ({"first": "Backend"}, "not the dotted name of a class"),
    "not-text": ({"first": ["x"]}, "not the dotted name of a class"),
    "uri": ({"first": f"vault://u:{SECRET}@h/"}, "not the dotted name of a class"),
    "constructor": ({"first": f"{__name__}.Unbuildable"}, "ValueError"),
    "unknown-argument": ({"first": OTHER, "first_kwargs": {"nme": SECRET}}, "TypeError"),
    "not-json": ({"first": OTHER, "first_kwargs": "{" + SECRET}, "not a JSON object"),
    "not-an-object": ({"first": OTHER, "first_kwargs": [SECRET]}, "not a JSON object"),
}


@pytest.mark.parametrize(("options", "says"), BROKEN.values(), ids=BROKEN)
@but_config
def test_backend_that_cannot_be_built_fails_each_lookup(make, options, says, lookup, caplog):
    b = make(**options)
    for _ in range(2):
        caplog.clear()
        assert "connd" in LOOKUPS[lookup](b, "connd")
        (line,) = warnings(caplog)
        assert says in line and SECRET not in line
    with pytest.raises(AccessDenied):
        LOOKUPS[lookup](make(**options, on_error="deny"), "connd")


def test_arguments_as_json_text(make):
    """As Airflow 3.2 gives single arguments from the environment."""
    b = make(first=OTHER, first_kwargs='{"name": "json"}')
    assert b.get_variable("other") == "json's"


def test_built_on_first_use_and_once(make):
    b = make(first=OTHER)
    assert not Other.built
    for _ in range(3):
        b.get_variable("x")
        b.get_connection("x")
    assert len(Other.built) == 1


def test_fork_builds_its_own(make):
    b = make(first=OTHER)
    b.get_variable("other")
    pid = os.fork()
    if pid == 0:
        ok = b.get_variable("other") == "other's" and Other.built[-1][0] == os.getpid()
        os._exit(0 if ok and len(Other.built) == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    b.get_variable("other")
    assert len(Other.built) == 1


def test_threads_use_one_chain(make):
    b = make(first=OTHER)
    gate = threading.Barrier(8)
    got = []

    def look_up():
        gate.wait()
        got.extend(b.get_variable(key) for key in ("other", "connd", "none"))

    threads = [threading.Thread(target=look_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, got)) == ["None"] * 8 + ["connd's"] * 8 + ["other's"] * 8


def test_pickled_chain_is_rebuilt_from_its_arguments(make, monkeypatch):
    b = make(first=OTHER, first_kwargs={"name": "pickled"})
    b.get_variable("other")
    monkeypatch.setattr(backend, "_class", Backend)
    again = pickle.loads(pickle.dumps(b))
    assert again.get_variable("other") == "pickled's"
    assert len(Other.built) == 2


def test_injected_connection_class_is_passed_on(make):
    b = make(first=OTHER, then=OTHER)
    b._connection_class = int
    b.get_connection("none")
    for source in b._sources:
        if source is not None:
            assert source._backend(None).connection_class is int


def test_team_is_passed_to_those_that_take_it(make, monkeypatch):
    teams = []
    monkeypatch.setattr(
        Other, "get_connection", lambda self, conn_id, team_name=None: teams.append(team_name)
    )
    b = make(first=OTHER)
    b.get_connection("x", team_name="red")
    b.get_connection("x")
    assert teams == ["red", None]
    assert b.get_variable("other", team_name="red") == "other's", "its get_variable takes no team"


def test_backend_that_has_no_text_of_a_connection(make):
    b = make(first=f"{__name__}.OfConnections")
    assert b.get_conn_value("other") == "as json"
    assert b.get_conn_value("connd") == STORE["conn:connd"]


def test_async_backend_is_awaited(make):
    b = make(first=f"{__name__}.Async")
    assert LOOKUPS["async"](b, "other") == "other's"
    assert Other.asked == [("async", "other")]


def test_async_lookup_of_a_blocking_backend_leaves_the_loop_free(make, monkeypatch):
    loop_ran = threading.Event()

    def blocking(self, conn_id, team_name=None):
        return "late" if loop_ran.wait(30) else "never"

    monkeypatch.setattr(Other, "get_connection", blocking)

    async def both():
        lookup = asyncio.ensure_future(make(first=OTHER).aget_connection("x"))
        await asyncio.sleep(0.01)
        loop_ran.set()
        return await lookup

    assert asyncio.run(both()) == "late"


def test_backend_may_take_its_credentials_from_the_chain(make, monkeypatch, caplog):
    b = make(first=f"{__name__}.AskingItself")
    monkeypatch.setattr(AskingItself, "chain", b)
    assert b.get_variable("x") == "x by connd's"
    assert not warnings(caplog)
    assert _sources._asking.get() == ()


def test_connd_is_not_asked_for_a_kind_that_is_off(make, connd):
    b = make(then=OTHER, variables_prefix=None, connections_lookup_pattern="c")
    assert b.get_variable("both") == "other's"
    assert b.get_connection("both") == "other's"
    assert not connd.requests


def test_arguments_without_a_backend_are_a_warning(caplog):
    Backend(first_kwargs={"token": SECRET})
    (line,) = warnings(caplog)
    assert "first_kwargs without first" in line and SECRET not in line


def test_no_frame_of_ours_holds_a_value_when_the_next_one_fails(make, monkeypatch):
    monkeypatch.setattr(Other, "raises", ValueError("no"))
    with pytest.raises(errors.SourceFailed) as caught:
        make(then=OTHER).get_variable("none")
    traceback = caught.value.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename != __file__:
            assert "connd's" not in repr(traceback.tb_frame.f_locals)
        traceback = traceback.tb_next
