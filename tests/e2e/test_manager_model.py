# SPDX-License-Identifier: Apache-2.0
"""Random writes to the manager, and a small model of each Deployment's view after every write.

The model uses dictionaries and only the rules of proto/MANAGER.md ("Reading", "Updating"). After
each step it is compared with the manager's lists: resolved with secrets (read conditionally, as
connd does, so that an unchanged ETag of a changed view is found), resolved without secrets, and the
own objects of each place. Sometimes, and at the end, also with the values that a connd of the first
Deployment serves.

The sequences are the same in each run. MODEL_EXAMPLES=1000 draws as many others, and shrinks a
failing one.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from connd_testing import Connd, Manager, eventually
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from manager_http import Reply, connection, send
from manager_model import (
    CONNECTION,
    MEMBER,
    POSTGRES_AUTH,
    VARIABLE,
    Members,
    Model,
    Object,
    Typed,
    canonical,
    shown,
    told,
)

LONG = int(os.environ.get("MODEL_EXAMPLES", "0"))
NOWHERE = "c" + "0" * 24

# --- what is sent -------------------------------------------------------------------------------

TEXTS = st.sampled_from(["", "one", "two", 'ü\n"\\'])
SECRETS = st.sampled_from(["", "hush-1", "hush-2", "hush-3"])
VALUES = st.sampled_from(
    [
        "", "hush-4", "hush-5", None, 0, 9223372036854775807, False, {}, [],
        {"n": "hush-6"}, {"n": {}, "m": [1, "hush-7", None]},
    ]
)  # fmt: skip
EXTRA = st.dictionaries(st.sampled_from(["k", "l", "a.b", "ü", "sslmode"]), VALUES, max_size=3)
FIELDS = {
    "host": TEXTS | st.none(), "login": TEXTS, "schema": TEXTS | st.none(),
    "port": st.sampled_from([1, 65535, None]), "password": SECRETS | st.none(),
    "extra": EXTRA | st.none(),
}  # fmt: skip
TYPES = st.sampled_from(["postgres", "mysql"])
AUTH_TYPES = st.sampled_from([POSTGRES_AUTH, "snowflake-password", "", None])
CONNECTIONS = st.fixed_dictionaries({"type": TYPES}, optional=FIELDS) | st.fixed_dictionaries(
    {"type": st.just("postgres"), "authTypeId": AUTH_TYPES}, optional=FIELDS
)
SECRET_OVERRIDE = st.fixed_dictionaries(
    {
        "password": SECRETS,
        "extra": st.fixed_dictionaries(
            {"k": VALUES}, optional={"l": VALUES, "a.b": VALUES, "sslmode": VALUES}
        ),
    },
    optional={"host": TEXTS, "port": st.just(1)},
)
OVERRIDE_FIELDS = SECRET_OVERRIDE | st.fixed_dictionaries({}, optional={"type": TYPES, **FIELDS})
UNSET = st.lists(
    st.sampled_from(["extra.k", "password", "extra.l", "extra.a.b", "host", "extra", "port", "type"]),
    min_size=1, max_size=3, unique=True,
)  # fmt: skip


UNSETTING = UNSET.map(lambda names: {"unsetFields": names})


def as_typed(typed: Members) -> Members:
    return {"typed": typed}


def unset_too(typed: Members, unset: list[str]) -> Members:
    """A field cannot be set and unset in the same request."""
    extra = typed.get("extra") or {}
    names = [n for n in unset if n not in told(typed) and n.removeprefix("extra.") not in extra]
    return {"typed": typed, "unsetFields": names} if names and told(typed) else {"typed": typed}


CONNECTION_OVERRIDES = st.one_of(
    st.none(), st.just({}), OVERRIDE_FIELDS.map(as_typed),
    UNSETTING, st.builds(unset_too, OVERRIDE_FIELDS, UNSET),
)  # fmt: skip
VARIABLE_OVERRIDES = st.one_of(
    st.none(), st.just({}), st.just({"typed": {}}), st.just({"unsetFields": ["value"]}),
    SECRETS.map(lambda value: {"typed": {"value": value}}),
)  # fmt: skip
NUMBERS = st.integers(0, 2)


def linked(overrides: st.SearchStrategy[Members | None]) -> st.SearchStrategy[Members]:
    """Mostly to the first Deployment, so that they meet existing links."""
    others = st.dictionaries(st.integers(1, 2), overrides, max_size=2)
    return st.fixed_dictionaries({0: overrides}, optional={1: overrides, 2: overrides}) | others


def bodies(
    typed: st.SearchStrategy[Members], overrides: st.SearchStrategy[Members | None]
) -> st.SearchStrategy[Members]:
    return st.fixed_dictionaries(
        {"typed": typed},
        optional={
            "description": st.sampled_from([None, "", "words"]),
            "autoLinkDeployments": st.sampled_from([None, False, True]),
            "links": linked(overrides) | st.just({}) | st.none(),
            "excludeLinks": st.lists(NUMBERS, unique=True, max_size=2) | st.none(),
        },
    )


NEW_VARIABLES = st.fixed_dictionaries(
    {"value": SECRETS, "isSecret": st.sampled_from([True, False, None])}
)
CREATED_CONNECTIONS = bodies(CONNECTIONS, CONNECTION_OVERRIDES)
CREATED_VARIABLES = bodies(NEW_VARIABLES, VARIABLE_OVERRIDES)
FIRST_CONNECTIONS = st.fixed_dictionaries(
    {
        "typed": CONNECTIONS,
        "links": st.fixed_dictionaries({0: SECRET_OVERRIDE.map(as_typed)}),
        "autoLinkDeployments": st.booleans(),
    }
)
CHANGES = st.one_of(
    st.tuples(st.just(CONNECTION), CREATED_CONNECTIONS),
    st.tuples(
        st.just(VARIABLE), bodies(st.fixed_dictionaries({"value": SECRETS}), VARIABLE_OVERRIDES)
    ),
    # As the CLI does: the typed body and only the links.
    st.tuples(
        st.just(CONNECTION),
        st.fixed_dictionaries(
            {
                "typed": st.just({"type": "postgres"}),
                "links": linked(CONNECTION_OVERRIDES | UNSETTING),
            }
        ),
    ),
    # As Terraform does: the whole object.
    st.tuples(
        st.just(CONNECTION),
        st.fixed_dictionaries(
            {
                "typed": CONNECTIONS,
                "description": st.sampled_from(["", "words"]),
                "autoLinkDeployments": st.booleans(),
                "links": linked(st.none() | SECRET_OVERRIDE.map(as_typed)),
                "excludeLinks": st.just([]),
            }
        ),
    ),
)
KEYS = st.sampled_from(["a", "b", "c"])
PLACES = st.none() | NUMBERS
WHICH = st.integers(0, 11)


def no_unset(entry: Members | None) -> Members | None:
    return {"typed": entry["typed"]} if entry and "typed" in entry else entry and {}


# --- the machine --------------------------------------------------------------------------------


class World:
    """The manager that all sequences share; each has its own Workspace."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.over = connection(manager)
        self.numbers = itertools.count()

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Below the organization."""
        path = f"/v1/organizations/{self.manager.organization}{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return send(self.manager, method, path, body, named, over=self.over)

    def restart(self) -> None:
        self.over.close()
        self.manager.stop()
        self.manager.serve()

    def rotate_key(self) -> None:
        self.manager.rotate_key()


class Story(RuleBasedStateMachine):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.kept: dict[str, tuple[str, list[Members]]] = {}  # lists and their ETags, by query
        self.restarted = self.rotated = False
        self.writes = 0
        self.connd: Connd | None = None
        self.checked: tuple[int, str, int] | None = None  # writes, values, generation

    @initialize(
        connections=st.tuples(*[FIRST_CONNECTIONS] * 2, *[CREATED_CONNECTIONS] * 2),
        variables=st.tuples(*[CREATED_VARIABLES] * 4),
        changes=st.lists(CHANGES, min_size=2, max_size=6),
    )
    def begin(
        self,
        connections: tuple[Members, ...],
        variables: tuple[Members, ...],
        changes: list[tuple[str, Members]],
    ) -> None:
        """Two Deployments; objects of the Workspace and of the first Deployment, one key in
        both."""
        name = f"w{next(self.world.numbers)}"
        self.model = Model(self.called("POST", "/workspaces", {"name": name})["id"])
        for _ in range(2):
            self.add_deployment()
        for kind, bodies in ((CONNECTION, connections), (VARIABLE, variables)):
            for key, place, body in zip("abac", (None, None, 0, 0), bodies, strict=True):
                self.create(kind, key, place, body)
        for change in changes:
            self.change(0, change)

    def called(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        reply = self.world.send(method, path, body)
        assert reply.status == status, (reply.status, reply.raw)
        self.writes += 1
        return reply.body if reply.raw else None

    def add_deployment(self) -> None:
        number = len(self.model.deployments)
        body = {"name": f"d{number}", "workspaceId": self.model.workspace}
        self.model.deployments.append(self.called("POST", "/deployments", body)["id"])
        self.model.live.append(number)

    def pick(self, which: int, kind: str | None = None, owned: bool | None = None) -> Object | None:
        """Picks an existing object: of a kind; owned by a Deployment or not."""
        some = [
            o for o in self.model.objects
            if kind in (None, o.kind) and owned in (None, o.deployment is not None)
        ]  # fmt: skip
        return some[which % len(some)] if some else None

    def make_sense(self, body: Members, deployment: int | None) -> Members:
        """Removes links to deleted Deployments and contradictions; and from the object of a
        Deployment all that must be empty."""
        links, excluded = body.get("links"), body.get("excludeLinks")
        if deployment is not None:
            changes = {"links": links and {}, "excludeLinks": excluded and []}
            changes["autoLinkDeployments"] = body.get("autoLinkDeployments") and False
        else:
            live = self.model.live
            changes = {
                "links": links and {n: o for n, o in links.items() if n in live},
                "excludeLinks": excluded
                and [n for n in excluded if n in live and n not in (links or {})],
            }
        return {**body, **{n: v for n, v in changes.items() if n in body}}

    def wire(self, kind: str, body: Members) -> Members:
        """The body of the model in the form of the API."""
        sent = {n: v for n, v in body.items() if n != "typed"}
        sent[MEMBER[kind]] = body["typed"]
        if body.get("links") is not None:
            sent["links"] = [self.wire_link(kind, n, o) for n, o in body["links"].items()]
        if body.get("excludeLinks") is not None:
            sent["excludeLinks"] = [self.model.place(n) for n in body["excludeLinks"]]
        return sent

    def wire_link(self, kind: str, number: int, overrides: Members | None) -> Members:
        entry = self.model.place(number)
        if overrides is not None:
            names = {"typed": MEMBER[kind]}
            entry["overrides"] = {names.get(n, n): v for n, v in overrides.items()}
        elif number % 2:
            entry["overrides"] = None
        return entry

    # --- what is done

    def create(self, kind: str, key: str, place: int | None, body: Members) -> None:
        deployment = place if place in self.model.live else None
        body = self.make_sense(body, deployment)
        if body.get("links"):
            body["links"] = {n: no_unset(o) for n, o in body["links"].items()}
        sent = {
            "objectKey": key, "objectType": kind, **self.model.place(deployment),
            **self.wire(kind, body),
        }  # fmt: skip
        if self.model.at(kind, key, deployment):
            self.called("POST", "/environment-objects", sent, 409)
            return
        object_id = self.called("POST", "/environment-objects", sent)["id"]
        typed = Typed(told(body["typed"]))
        if kind == VARIABLE:
            typed.setdefault("isSecret", False)
        if typed.get("authTypeId") == "":
            del typed["authTypeId"]
        one = Object(object_id, kind, key, deployment, typed)
        one.update({**body, "typed": {"value": "", **typed}})
        one.typed = typed
        self.model.objects.append(one)

    @rule(key=KEYS, place=PLACES, body=CREATED_CONNECTIONS)
    def create_connection(self, key: str, place: int | None, body: Members) -> None:
        self.create(CONNECTION, key, place, body)

    @rule(key=KEYS, place=PLACES, body=CREATED_VARIABLES)
    def create_variable(self, key: str, place: int | None, body: Members) -> None:
        self.create(VARIABLE, key, place, body)

    def update(self, one: Object, body: Members) -> None:
        body = self.make_sense(body, one.deployment)
        got = self.called("POST", f"/environment-objects/{one.id}", self.wire(one.kind, body))
        one.update(body)
        assert canonical([shown(got)]) == canonical([self.model.whole(one, False)])

    @rule(which=WHICH, change=CHANGES)
    def change_one(self, which: int, change: tuple[str, Members]) -> None:
        self.change(which, change)

    @rule(which=WHICH, changes=st.lists(CHANGES, min_size=3, max_size=5))
    def change_it_again(self, which: int, changes: list[tuple[str, Members]]) -> None:
        for change in changes:
            self.change(which, change)

    def change(self, which: int, change: tuple[str, Members]) -> None:
        """Mostly of Workspace objects, because those of a Deployment have no links."""
        kind, body = change
        if one := self.pick(which, kind, owned=None if which % 4 == 3 else False):
            self.update(one, body)

    @rule(which=WHICH, number=NUMBERS)
    def exclude(self, which: int, number: int) -> None:
        one = self.pick(which, owned=False)
        if one and number in self.model.live:
            path = f"/environment-objects/{one.id}/exclude-linking"
            self.called("POST", path, self.model.place(number))
            one.excluded.add(number)

    @rule(which=WHICH)
    def promote(self, which: int) -> None:
        one = self.pick(which, owned=True)
        if not one:
            return
        path = f"/environment-objects/{one.id}/promote"
        if self.model.at(one.kind, one.key, None):
            self.called("POST", path, status=409)
            return
        self.called("POST", path)
        assert one.deployment is not None
        one.links = {one.deployment: {}}
        one.deployment = None

    @precondition(lambda self: len(self.model.objects) > 3)
    @rule(which=WHICH)
    def delete(self, which: int) -> None:
        if one := self.pick(which):
            self.called("DELETE", f"/environment-objects/{one.id}", status=204)
            self.model.objects.remove(one)

    @precondition(lambda self: len(self.model.deployments) < 3)
    @rule()
    def create_deployment(self) -> None:
        self.add_deployment()

    @precondition(lambda self: len(self.model.deployments) == 3)
    @rule(number=st.integers(1, 2))
    def delete_deployment(self, number: int) -> None:
        """Not the first one, which connd serves."""
        if number in self.model.live:
            path = f"/deployments/{self.model.deployments[number]}"
            self.called("DELETE", path, status=204)
            self.model.drop_deployment(number)

    @rule(
        which=WHICH,
        wrong=st.sampled_from(
            [
                ("links", [{"scope": "DEPLOYMENT", "scopeEntityId": NOWHERE}]),
                ("excludeLinks", [{"scope": "DEPLOYMENT", "scopeEntityId": NOWHERE}]),
                ("objectKey", "never"), ("scope", "PROJECT"), ("autoLinkDeployments", "yes"),
                ("description", 1), ("both", None), ("typed", None),
            ]
        ),
    )  # fmt: skip
    def refused(self, which: int, wrong: tuple[str, Any]) -> None:
        """A request with one error and otherwise new values: it must change nothing."""
        one = self.pick(which)
        if not one:
            return
        typed = {"type": "never", "password": "hush-8"}
        if one.kind == VARIABLE:
            typed = {"value": "hush-8"}
        body = {MEMBER[one.kind]: typed, "description": "never"}
        name, value = wrong
        if name == "both":
            body["links"] = body["excludeLinks"] = [self.model.place(0)]
        elif name == "typed":
            del body[MEMBER[one.kind]]
        else:
            body[name] = value
        self.called("POST", f"/environment-objects/{one.id}", body, 400)

    @precondition(lambda self: not self.restarted)
    @rule(really=st.booleans())
    def restart(self, really: bool) -> None:
        """Rarely, because connd waits a second before it tries again."""
        if really:
            self.restarted = True
            self.world.restart()

    @precondition(lambda self: not self.rotated)
    @rule()
    def rotate_key(self) -> None:
        self.rotated = True
        self.world.rotate_key()

    # --- checks

    def rows(self, query: str) -> list[Members]:
        """Reads a list conditionally."""
        tag, rows = self.kept.get(query, ("", []))
        headers = {"If_None_Match": tag} if tag else {}
        reply = self.world.send("GET", f"/environment-objects?limit=1000&{query}", **headers)
        if reply.status == 304:
            return rows
        assert reply.status == 200, (reply.status, reply.raw)
        if "showSecrets" not in query:
            # The value of a variable that is not secret is shown.
            plain = any(o.kind == VARIABLE and not o.secret for o in self.model.objects)
            assert plain or b"hush" not in reply.raw
        page = reply.body
        rows = [shown(row) for row in page["environmentObjects"]]
        assert page["totalCount"] == len(rows)
        self.kept[query] = (reply.headers["etag"], rows)
        return rows

    def same(self, query: str, want: list[Members]) -> None:
        assert canonical(self.rows(query)) == canonical(want), query

    @invariant()
    def lists_are_as_the_model_has_them(self) -> None:
        self.same(
            f"workspaceId={self.model.workspace}&showSecrets=true", self.model.own(None, True)
        )
        for number in self.model.live:
            at = f"deploymentId={self.model.deployments[number]}"
            resolved = f"{at}&resolveLinked=true"
            self.same(f"{resolved}&showSecrets=true", self.model.resolved(number, True))
            self.same(resolved, self.model.resolved(number, False))
            self.same(at, self.model.own(number, False))

    @rule()
    def connd_answers(self) -> None:
        """Its generation changes exactly when its content changes."""
        connd = self.started()
        connections, variables = self.model.answers(0)
        want = canonical([connections, variables])

        def there() -> bool:
            with connd.client() as client:
                keys = client.call("io.connd.secrets.List")
                got: list[dict[str, Any]] = [{}, {}]
                for key in keys["connections"]:
                    got[0][key] = client.connection(key)
                for key in keys["variables"]:
                    got[1][key] = client.variable(key)
            assert canonical(got) == want
            for key, value in got[0].items():
                assert list(value) == list(connections[key]), "the order of its members"
            return True

        eventually(there, "connd answers as the model does", 6)
        generation = connd.status()["generation"]
        if self.checked:
            writes, before, last = self.checked
            assert generation > last or want == before, "other answers, the same generation"
            assert generation == last or writes != self.writes, "a generation without a change"
        self.checked = (self.writes, want, generation)

    def started(self) -> Connd:
        if not self.connd:
            manager = self.world.manager
            self.connd = Connd(
                manager.directory, manager.url, manager.organization, self.model.deployments[0],
                manager.token, {"freshness": {"deletion_guard": "100%"}},
                f"connd{next(self.world.numbers)}",
            ).start()  # fmt: skip
        return self.connd

    def teardown(self) -> None:
        failed = sys.exc_info()[0] is not None
        try:
            if self.connd and not failed:
                self.connd_answers()
                self.connd.stop()
        finally:
            if self.connd and self.connd.program:
                self.connd.program.kill()


@pytest.fixture
def world(workdir: Path) -> Iterator[World]:
    with Manager(workdir) as manager:
        yield World(manager)


def tell_stories(world: World, examples: int) -> None:
    run_state_machine_as_test(
        lambda: Story(world),
        settings=settings(
            max_examples=LONG or examples,
            stateful_step_count=25,
            derandomize=not LONG,
            # Shrinking a failure takes minutes, so only the long run does it.
            phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
            report_multiple_bugs=False,
            deadline=None,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert world.send("GET", "/environment-objects").status == 200


@pytest.mark.timeout(180 + 5 * LONG)
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_what_every_deployment_sees(world: World) -> None:
    tell_stories(world, 30)
