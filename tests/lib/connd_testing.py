# SPDX-License-Identifier: Apache-2.0
"""The real programs, started for a test: Manager, Connd, and a Varlink client.

Programs are taken from $CONND_BUILD, by default <repository>/build. Nothing here sleeps for a fixed
time: eventually() polls under a deadline. Stopping a program asserts that it ended with 0 and that
its stderr holds no sanitizer report.
"""

from __future__ import annotations

import abc
import contextlib
import copy
import dataclasses
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing import Self  # Python 3.11 on

REPO = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CONND_BUILD", REPO / "build")).resolve()
CONND = BUILD / "connd"
CONNCTL = BUILD / "connctl"
MANAGER = BUILD / "connd-manager"

SANITIZED = CONND.exists() and b"__asan_init" in CONND.read_bytes()
# A sanitizer makes everything a few times slower. Deadlines detect hangs, not slowness.
PATIENCE = 30.0 if SANITIZED else 15.0

_SANITIZER = re.compile(r"Sanitizer|runtime error:|^==\d+==", re.MULTILINE)


def eventually(check: Callable[[], Any], what: str = "", timeout: float = PATIENCE) -> Any:
    """Polls check() until it returns something true, and returns that. An AssertionError or OSError
    counts as not yet."""
    end = time.monotonic() + timeout
    last: object = None
    while True:
        try:
            last = check()
            if last:
                return last
        except (AssertionError, OSError, VarlinkError) as error:
            last = error
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout:g} s: {what or check}: {last!r}")
        time.sleep(0.02)


_held: list[socket.socket] = []


def free_port() -> int:
    """A port of 127.0.0.1 that is reserved until this process ends. A socket that is bound and
    never listens reserves it: programs that set SO_REUSEADDR may still listen on the port, again
    and again, and the kernel assigns it to no other process."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    return int(holder.getsockname()[1])


def _waited(pids: Iterable[int]) -> float:
    """Seconds for which threads of these processes were runnable, but had no CPU."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):  # the process, or a thread of it, has ended
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[1])
    return total / 1e9


class Stopwatch:
    """Measures wall-clock time minus the time that this process and the given ones waited for a
    CPU. A test can use it to limit a duration, and does not fail under load."""

    def __init__(self, *pids: int) -> None:
        self.pids = (os.getpid(), *pids)
        self.waited = _waited(self.pids)
        self.began = time.monotonic()

    def seconds(self) -> float:
        took = time.monotonic() - self.began
        return max(0.0, took - max(0.0, _waited(self.pids) - self.waited))


def _state(task: Path) -> str:
    """The state of a thread: R running or runnable, S sleeping, D waiting for a disk, X ended."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


# --- a program under test ----------------------------------------------------------------------


class Program:
    """A child process whose stderr goes to a file and is read as lines."""

    started: ClassVar[list[Program]] = []  # for the fixture that leaves none behind

    def __init__(self, argv: Sequence[str | Path], stderr: Path, **popen: Any) -> None:
        self.argv = [str(a) for a in argv]
        self.stderr_path = stderr
        self.env = {**os.environ, **popen.pop("env", {})}
        with stderr.open("ab") as err:
            popen = {"stdin": subprocess.DEVNULL, "stdout": err, "stderr": err, **popen}
            self.process = subprocess.Popen(self.argv, env=self.env, **popen)
        Program.started.append(self)

    @property
    def pid(self) -> int:
        return self.process.pid

    def stderr_text(self) -> str:
        self._wait_for_log()
        return self.stderr_path.read_text(errors="replace")

    def _wait_for_log(self) -> None:
        """Waits until the thread that writes the log sleeps again: all lines logged before the last
        response are then in the file. Stops waiting silently: the thread may be busy."""

        def others_sleep() -> bool:
            tasks = [
                task
                for task in Path(f"/proc/{self.pid}/task").iterdir()
                if int(task.name) != self.pid
            ]
            return all(_state(task) in "SZX" for task in tasks)

        with contextlib.suppress(AssertionError):
            eventually(lambda: self.process.poll() is not None or others_sleep(), timeout=2)

    def assert_running(self) -> None:
        code = self.process.poll()
        if code is not None:
            raise AssertionError(f"{self.argv[0]} ended with {code}:\n{self.stderr_text()[-4000:]}")

    def stop(self, sig: int = signal.SIGTERM, within: float = 5.0) -> float:
        """Ends the program and checks how it ended. Returns the seconds that took, by a
        Stopwatch."""
        watch = Stopwatch(self.pid)
        took = 0.0
        end = time.monotonic() + within + (20 if SANITIZED else 0)
        if self.process.poll() is None:
            self.process.send_signal(sig)
        while (code := self.process.poll()) is None:
            took = watch.seconds()
            if time.monotonic() > end and took > within:
                self.kill()
                raise AssertionError(
                    f"{self.argv[0]} did not end within {within:g} s:\n{self.stderr_text()[-4000:]}"
                )
            time.sleep(0.005)
        self.assert_no_report()
        assert code == 0, f"{self.argv[0]} ended with {code}:\n{self.stderr_text()[-4000:]}"
        return took

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def assert_no_report(self) -> None:
        text = self.stderr_text()
        assert not _SANITIZER.search(text), f"{self.argv[0]}:\n{text[-8000:]}"


class InBlock(abc.ABC):
    """A program that a with-block starts and stops. After a failure in the block it is killed, so
    that this failure is reported, and not one of stopping."""

    program: Program | None = None

    @abc.abstractmethod
    def start(self) -> Any: ...

    @abc.abstractmethod
    def stop(self) -> Any: ...

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(AssertionError)
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.program is None:
            return
        if kind is None:
            self.stop()
        else:
            self.program.kill()


# --- Varlink -----------------------------------------------------------------------------------


class VarlinkError(Exception):
    def __init__(self, name: str, parameters: dict[str, Any]) -> None:
        super().__init__(name, parameters)
        self.name = name
        self.parameters = parameters


class Varlink:
    """One connection to connd. It can also send invalid data."""

    def __init__(self, path: str | Path, timeout: float = PATIENCE) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(None)
        self.sock.connect(str(path))  # blocks while the accept queue is full
        self.sock.settimeout(timeout)
        self.pending = b""

    def __enter__(self) -> Varlink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    @staticmethod
    def frame(method: str, parameters: Mapping[str, Any] | None = None, **flags: bool) -> bytes:
        call: dict[str, Any] = {"method": method, **flags}
        if parameters is not None:
            call["parameters"] = parameters
        return json.dumps(call).encode() + b"\0"

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def receive(self) -> dict[str, Any] | None:
        """The next reply, or None if connd has closed the connection."""
        while b"\0" not in self.pending:
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                assert not self.pending, f"half a reply: {self.pending[:200]!r}"
                return None
            self.pending += data
        text, self.pending = self.pending.split(b"\0", 1)
        reply = json.loads(text)
        assert isinstance(reply, dict) and set(reply) <= {"parameters", "continues", "error"}
        return reply

    def call(self, method: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self.send(self.frame(method, parameters))
        reply = self.receive()
        assert reply is not None, f"closed instead of answering {method}"
        if "error" in reply:
            raise VarlinkError(reply["error"], reply.get("parameters", {}))
        parameters_out: dict[str, Any] = reply.get("parameters", {})
        return parameters_out

    def connection(self, conn_id: str, **more: Any) -> dict[str, Any]:
        """The connection as Airflow would parse it."""
        text = self.call("io.connd.secrets.GetConnection", {"conn_id": conn_id, **more})["value"]
        value: dict[str, Any] = json.loads(text)
        return value

    def variable(self, key: str, **more: Any) -> str:
        value: str = self.call("io.connd.secrets.GetVariable", {"key": key, **more})["value"]
        return value

    def status(self) -> dict[str, Any]:
        return self.call("io.connd.secrets.Status")


# --- connd -------------------------------------------------------------------------------------


class Connd(InBlock):
    """The daemon with a config file in its own directory. Start it with start() or a with-block."""

    def __init__(
        self,
        directory: Path,
        url: str,
        organization: str,
        deployment: str,
        token: str,
        sections: Mapping[str, Mapping[str, str]] | None = None,
        name: str = "connd",
    ) -> None:
        self.directory = directory
        self.name = name
        self.socket = directory / f"{name}.sock"
        self.config = directory / f"{name}.conf"
        self.token_file = directory / f"{name}.token"
        self.stderr_path = directory / f"{name}.log"
        self.write_token(token)
        self.sections: dict[str, dict[str, str]] = {
            "manager": {
                "url": url,
                "organization": organization,
                "deployment": deployment,
                "token_file": str(self.token_file),
                "refresh": "1s",
                "timeout": "3s",
            },
            "socket": {"path": str(self.socket)},
            "log": {"format": "json", "level": "info"},
        }
        for section, keys in (sections or {}).items():
            self.sections.setdefault(section, {}).update(keys)
        self.write_config()

    def write_token(self, token: str, mode: int = 0o600) -> None:
        """Replaces the file in one step, as a renewal does, because connd may read it at any
        time."""
        new = self.token_file.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.write_text(token + "\n")
        new.chmod(mode)
        new.replace(self.token_file)

    def config_text(self) -> str:
        lines = []
        for section, keys in self.sections.items():
            lines.append(f"[{section}]")
            for key, value in keys.items():
                # A list becomes a repeated key.
                lines.extend(f"{key} = {one}" for one in value.split("\n"))
        return "\n".join(lines) + "\n"

    def write_config(self, text: str | None = None) -> None:
        self.config.write_text(self.config_text() if text is None else text)

    def check(self, **run: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [CONND, "--check", "--config", self.config],
            capture_output=True, text=True, timeout=PATIENCE, check=False, **run,
        )  # fmt: skip

    def start(
        self,
        wait: str = "ready",
        wrap: Callable[[list[str | Path]], list[str | Path]] | None = None,
        **popen: Any,
    ) -> Connd:
        """wait: "ready" (it has data), "listening" (it responds) or "" (do not wait). wrap: makes
        the command to run from connd's command; it must exec connd."""
        argv: list[str | Path] = [CONND, "--config", self.config]
        self.program = Program(wrap(argv) if wrap else argv, self.stderr_path, **popen)
        if wait:
            self.wait_listening()
        if wait == "ready":
            self.wait_for(lambda s: s["state"] != "not-ready", "data")
        return self

    @property
    def running(self) -> Program:
        assert self.program is not None, "not started"
        return self.program

    def wait_listening(self) -> None:
        def answers() -> bool:
            self.running.assert_running()
            return bool(self.status())

        eventually(answers, "connd answers Status")

    def wait_for(
        self, check: Callable[[dict[str, Any]], Any], what: str, timeout: float = PATIENCE
    ) -> dict[str, Any]:
        """Polls Status until check(status) is true."""

        def look() -> dict[str, Any] | None:
            status = self.status()
            return status if check(status) else None

        try:
            found: dict[str, Any] = eventually(look, what, timeout)
        except AssertionError as error:
            self.running.assert_running()
            raise AssertionError(
                f"{error}\nstatus: {self.status()}\n{self.running.stderr_text()[-3000:]}"
            ) from None
        return found

    def client(self, timeout: float = PATIENCE) -> Varlink:
        return Varlink(self.socket, timeout)

    def status(self) -> dict[str, Any]:
        with self.client() as c:
            return c.status()

    def connection(self, conn_id: str, **more: Any) -> dict[str, Any]:
        with self.client() as c:
            return c.connection(conn_id, **more)

    def variable(self, key: str, **more: Any) -> str:
        with self.client() as c:
            return c.variable(key, **more)

    def connctl(self, *args: str, **run: Any) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "CONND_SOCKET": str(self.socket), **run.pop("env", {})}
        return subprocess.run(
            [run.pop("program", CONNCTL), *args],
            capture_output=True, text=True, timeout=PATIENCE * 2, check=False, env=env, **run,
        )  # fmt: skip

    def events(self, *levels: str) -> list[dict[str, Any]]:
        """The log as objects, one per line; only these levels if some are named. Without the
        warning that the managers of these tests listen on loopback addresses."""
        lines = []
        for line in self.running.stderr_text().splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                raise AssertionError(f"not a JSON log line: {line!r}") from None
            if "plain http on this machine" in event.get("text", ""):
                continue
            if not levels or event["level"] in levels:
                lines.append(event)
        return lines

    def accepted(self) -> int:
        """The number of clients: connd's sockets with the name of the listening one, minus that
        one."""
        table = Path("/proc/net/unix").read_text().splitlines()
        named_so = {f"socket:[{row.split()[6]}]" for row in table if str(self.socket) in row}
        found = -1
        for fd in Path(f"/proc/{self.running.pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                found += os.readlink(fd) in named_so
        return found

    def memory_peak_kib(self) -> int:
        status = Path(f"/proc/{self.running.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1])

    def send_signal(self, sig: int) -> None:
        os.kill(self.running.pid, sig)

    def stop(self, sig: int = signal.SIGTERM) -> float:
        took = self.running.stop(sig)
        self.events()  # each line is a log line
        return took


# --- the real manager --------------------------------------------------------------------------


class HttpError(Exception):
    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def link(deployment: str, **overrides: Any) -> dict[str, Any]:
    """A link of a Workspace object to a Deployment: link(id, connection={"host": "x"})."""
    entry: dict[str, Any] = {"scope": "DEPLOYMENT", "scopeEntityId": deployment}
    if overrides:
        entry["overrides"] = overrides
    return entry


@dataclasses.dataclass
class Manager(InBlock):
    """A connd-manager with its own data directory: init(), then serve() (or a with-block)."""

    directory: Path
    deployments: Sequence[str] = ("prod", "dev")
    port: int = 0  # reserved while the manager is down, because connd connects to it again
    store: str = ""  # the URL of its database; "": in its directory
    binary: Path = MANAGER

    # Where each new manager has its database: makes one and returns its URL. None: as above.
    new_store: ClassVar[Callable[[], str] | None] = None

    def __post_init__(self) -> None:
        self.data = self.directory / "manager"
        self.port = self.port or free_port()
        if Manager.new_store and not self.store:
            self.store = Manager.new_store()
        out = self.command(
            "init", "--data", str(self.data), "--organization", "Acme", "--workspace", "Analytics",
            *(part for name in self.deployments for part in ("--deployment", name)),
        )  # fmt: skip
        self.organization: str = out["organizationId"]
        self.workspace: str = out["workspaceId"]
        self.deployment_ids: dict[str, str] = out["deploymentIds"]
        self.token: str = out["token"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def beside(self, directory: Path, store: str = "") -> Manager:
        """Another manager of the same database, with a data directory of its own."""
        other = copy.copy(self)
        other.directory, other.data = directory, directory / "manager"
        other.data.mkdir(parents=True)
        shutil.copy(self.data / "manager.key", other.data)
        other.store, other.port, other.program = store or self.store, free_port(), None
        return other

    def _store(self) -> list[str]:
        return ["--store", self.store] if self.store else []

    def command(self, *args: str) -> Any:
        """A subcommand's JSON."""
        done = subprocess.run(
            [self.binary, *args, *self._store()],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{args}: {done.returncode}: {done.stderr}"
        assert not _SANITIZER.search(done.stderr), done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def rotate_key(self) -> None:
        """A manager that was kept from its database for a second refuses: then it is run again."""
        eventually(
            lambda: (self.command("rotate-key", "--data", str(self.data)), True), "a new key"
        )

    def launch(
        self,
        *args: str | Path,
        wrap: Callable[[list[str | Path]], list[str | Path]] | None = None,
        **popen: Any,
    ) -> dict[str, Any]:
        """Starts it with only these options. Returns the line that it prints when it serves: where.
        wrap: as for Connd.start()."""
        argv: list[str | Path] = [self.binary, "--data", self.data, *self._store(), *args]
        places = self.directory / "manager.out"
        with places.open("wb") as out:
            self.program = Program(
                wrap(argv) if wrap else argv, self.directory / "manager.log", stdout=out, **popen
            )
        program = self.program

        def printed() -> str:
            program.assert_running()
            text = places.read_text()
            return text if text.endswith("\n") else ""

        announced: dict[str, Any] = json.loads(eventually(printed, "it prints where it serves"))
        return announced

    def serve(self, *args: str) -> Manager:
        self.launch("--listen", f"127.0.0.1:{self.port}", *args)

        def answers() -> bool:
            assert self.program
            self.program.assert_running()
            return self.request("GET", "/v1/organizations")[0] == 200

        eventually(answers, "the manager answers")
        return self

    def start(self) -> Manager:
        return self.serve()

    def stop(self) -> None:
        assert self.program
        self.program.stop(within=8.0)
        self.program = None

    def request(
        self, method: str, path: str, body: Any = None, token: str | None = None
    ) -> tuple[int, Any]:
        """Returns status and parsed body, for any status."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
                status, raw = reply.status, reply.read()
        except urllib.error.HTTPError as error:
            status, raw = error.code, error.read()
        return status, json.loads(raw) if raw else None

    def api(self, method: str, path: str = "", body: Any = None) -> Any:
        """One request below .../environment-objects. Raises HttpError unless it succeeds."""
        status, reply = self.request(
            method, f"/v1/organizations/{self.organization}/environment-objects{path}", body
        )
        if status >= 300:
            raise HttpError(status, reply)
        return reply

    def create(
        self,
        object_type: str,
        key: str,
        typed: Mapping[str, Any],
        deployment: str = "",
        **more: Any,
    ) -> str:
        """Creates an object in a Deployment, or in the Workspace if it is None. Returns the
        object's id."""
        member = {
            "CONNECTION": "connection",
            "AIRFLOW_VARIABLE": "airflowVariable",
            "ENVIRONMENT_VARIABLE": "environmentVariable",
        }[object_type]
        body = {
            "objectType": object_type,
            "objectKey": key,
            "scope": "DEPLOYMENT" if deployment else "WORKSPACE",
            "scopeEntityId": deployment or self.workspace,
            member: typed,
            **more,
        }
        object_id: str = self.api("POST", "", body)["id"]
        return object_id

    def create_connection(self, key: str, deployment: str = "", **fields: Any) -> str:
        """fields: of the connection, and links, excludeLinks and the like of the object."""
        beside = {
            name: fields.pop(name)
            for name in ("links", "excludeLinks", "autoLinkDeployments", "description")
            if name in fields
        }
        return self.create("CONNECTION", key, {"type": "postgres", **fields}, deployment, **beside)

    def create_variable(
        self, key: str, value: str, deployment: str = "", secret: bool = False, **more: Any
    ) -> str:
        typed = {"value": value, "isSecret": secret}
        return self.create("AIRFLOW_VARIABLE", key, typed, deployment, **more)

    def update(self, object_id: str, **body: Any) -> Any:
        return self.api("POST", f"/{object_id}", body)

    def delete(self, object_id: str) -> None:
        self.api("DELETE", f"/{object_id}")

    def connd(
        self,
        deployment: str = "prod",
        sections: Mapping[str, Mapping[str, str]] | None = None,
        name: str = "connd",
        token: str | None = None,
    ) -> Connd:
        return Connd(
            self.directory, self.url, self.organization, self.deployment_ids[deployment],
            token or self.token, sections, name,
        )  # fmt: skip


def unpack(archive: Path, directory: Path) -> None:
    """Unpacks an archive of ours, by the strict rules where this Python has them (3.11.4)."""
    with tarfile.open(archive) as packed:
        if hasattr(tarfile, "data_filter"):
            packed.extractall(directory, filter="data")
        else:
            packed.extractall(directory)


@contextlib.contextmanager
def limited_files(n: int) -> Iterator[None]:
    """Raises the limit of open files of this process to n, for tests that hold many sockets."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(n, hard)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
