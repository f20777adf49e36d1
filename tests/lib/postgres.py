# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL, its synchronous standby and pgbouncer, for tests."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connd_testing import eventually, free_port

if TYPE_CHECKING:
    from typing import Self  # Python 3.11 on

USER = "connd"
PASSWORD = "not a secret: a test's"
DATABASE = "connd"


def _newest(name: str) -> str:
    """A program of the newest PostgreSQL that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: int(p.parts[4]))
    program = str(found[-1]) if found else shutil.which(name)
    assert program, f"{name} is not installed: run make deps"
    return program


def _as_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    pwd.getpwnam("postgres")
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]


def _run(*argv: str | Path, **env: str) -> str:
    done = subprocess.run(
        [*_as_user(), *map(str, argv)],
        capture_output=True, text=True, timeout=60, check=False, cwd="/",
        env={**os.environ, "LC_ALL": "C.UTF-8", **env},
    )  # fmt: skip
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def _give_away(path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, "postgres", "postgres")


class Server(abc.ABC):
    """A process that a with-block starts and ends."""

    process: subprocess.Popen[bytes] | None = None

    @abc.abstractmethod
    def start(self) -> Any: ...

    @abc.abstractmethod
    def stop(self) -> None: ...

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclasses.dataclass
class Postgres(Server):
    """A server of its own with the database "connd", for clients that know the password."""

    directory: Path
    of: Postgres | None = None  # a standby of this one
    port: int = 0
    setup: str = ""  # shell text that root runs before, in a mount namespace of the server's

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        # Above it, nobody but its owner may enter.
        for parent in (self.directory.parent, self.directory.parent.parent):
            if parent.stat().st_uid == os.geteuid() and parent.name.startswith("connd-"):
                parent.chmod(0o711)
        self.directory.mkdir(exist_ok=True)
        _give_away(self.directory)
        self.data = self.directory / "data"
        self.passfile = self.directory.with_suffix(".pass")
        self.passfile.write_text("*:*:*:{}:{}\n".format(USER, PASSWORD.replace(":", r"\:")))
        self.passfile.chmod(0o600)
        if self.of:
            self._copy(self.of)
        else:
            self._init()

    def _init(self) -> None:
        secret = self.directory / "password"
        secret.write_text(PASSWORD)
        _give_away(secret)
        _run(_newest("initdb"), "-D", self.data, "-U", USER, "-A", "scram-sha-256",
             f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync")  # fmt: skip
        self._configure("wal_level = replica\nmax_wal_senders = 4\nwal_keep_size = 64MB\n")

    def _copy(self, primary: Postgres) -> None:
        own = self.directory / "passfile"
        shutil.copy(primary.passfile, own)
        own.chmod(0o600)
        _give_away(own)
        _run(_newest("pg_basebackup"), "-D", self.data, "-R", "-X", "stream", "-c", "fast",
             "--no-sync", "-d", f"host=127.0.0.1 port={primary.port} user={USER} "
             f"passfile={own} application_name=standby")  # fmt: skip
        self._configure("")

    def _configure(self, more: str) -> None:
        """What tests need not wait for is off; a process that is killed loses nothing by that."""
        with (self.data / "postgresql.conf").open("a") as out:
            out.write(
                f"{more}port = {self.port}\nlog_line_prefix = '%d %p '\n"
                "listen_addresses = '127.0.0.1'\n"
                f"unix_socket_directories = '{self.directory}'\nfsync = off\n"
                "max_connections = 100\nshared_buffers = 32MB\nhot_standby = on\n"
                "wal_receiver_timeout = 2s\nwal_retrieve_retry_interval = 200ms\n"
            )

    def start(self) -> Postgres:
        log = (self.directory.with_suffix(".log")).open("ab")
        self.process = subprocess.Popen(
            [*self._namespace(), *_as_user(), _newest("postgres"), "-D", str(self.data)],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True,
        )  # fmt: skip
        log.close()
        eventually(lambda: self.sql("SELECT 1", database="postgres") == "1", "PostgreSQL answers",
                   timeout=30)  # fmt: skip
        if (
            not self.of
            and self.sql(
                f"SELECT count(*) FROM pg_database WHERE datname = '{DATABASE}'",
                database="postgres",
            )
            == "0"
        ):
            self.sql(f"CREATE DATABASE {DATABASE}", database="postgres")
        return self

    def _namespace(self) -> list[str]:
        if not self.setup:
            return []
        return ["unshare", "-m", "sh", "-ec", f'{self.setup}\nexec "$@"', "sh"]

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGINT)  # a fast shutdown
            self.process.wait(30)
        self.process = None

    def kill(self) -> None:
        """kill -9 of the server and of everything that it has started: a session that is left
        would go on for a moment."""
        assert self.process
        self.signal_all(signal.SIGKILL)
        self.process.wait(10)
        self.process = None
        with contextlib.suppress(FileNotFoundError):
            (self.data / "postmaster.pid").unlink()

    def signal_all(self, sig: int) -> None:
        """Signals the server and each process of a session: they have process groups of their
        own."""
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        for pid in (self.process.pid, *map(int, children.split())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)

    def _psql(self, database: str) -> list[str]:
        return [
            _newest("psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
            "-p", str(self.port), "-U", USER, "-d", database,
        ]  # fmt: skip

    def sql(self, text: str, database: str = DATABASE) -> str:
        return _run(*self._psql(database), "-c", text, PGPASSWORD=PASSWORD).strip()

    @contextlib.contextmanager
    def holding(self, text: str, database: str = DATABASE) -> Iterator[None]:
        """While a transaction is open that has run these statements."""
        psql = subprocess.Popen(
            [*_as_user(), *self._psql(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd="/", env={**os.environ, "PGPASSWORD": PASSWORD},
        )  # fmt: skip
        assert psql.stdin and psql.stdout
        psql.stdin.write(f"BEGIN; {text}; SELECT 'held';\n")
        psql.stdin.flush()
        try:
            while psql.stdout.readline() != "held\n":
                assert psql.poll() is None, text
            yield
        finally:
            psql.communicate(timeout=30)

    def promote(self) -> None:
        _run(_newest("pg_ctl"), "promote", "-D", self.data, "-w", "-t", "30")

    def wait_for_standby(self) -> None:
        """From here on no commit is acknowledged that the standby does not have."""
        eventually(
            lambda: self.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
            == "1",
            "the standby streams", timeout=30,
        )  # fmt: skip
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.sql("SELECT pg_reload_conf()")
        eventually(
            lambda: self.sql("SELECT sync_state FROM pg_stat_replication") == "sync",
            "the standby is synchronous", timeout=30,
        )  # fmt: skip

    def url(self, *others: Postgres, database: str = DATABASE) -> str:
        """Of this server, or of whichever of several can be written to."""
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in (self, *others))
        more = "&target_session_attrs=read-write" if others else ""
        return (
            f"postgresql://{USER}@{hosts}/{database}?passfile={self.passfile}"
            f"&connect_timeout=2{more}"
        )


@dataclasses.dataclass
class Pgbouncer(Server):
    """pgbouncer in transaction mode, in front of a server."""

    server: Postgres
    directory: Path
    port: int = 0

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        self.directory.mkdir(exist_ok=True)
        users = self.directory / "users.txt"
        users.write_text(f'"{USER}" "{PASSWORD}"\n')
        (self.directory / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={self.server.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = scram-sha-256\nauth_file = {users}\npool_mode = transaction\n"
            "default_pool_size = 8\nmax_client_conn = 200\nserver_login_retry = 1\n"
        )
        for path in (self.directory, *self.directory.iterdir()):
            _give_away(path)

    def start(self) -> Pgbouncer:
        program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "pgbouncer is not installed: run make deps"
        log = (self.directory.with_suffix(".log")).open("ab")
        self.process = subprocess.Popen(
            [*_as_user(), program, str(self.directory / "pgbouncer.ini")],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip
        log.close()
        eventually(self._accepts, "pgbouncer accepts connections")
        return self

    def _accepts(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5):
            return True

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait(10)
        self.process = None

    def url(self, database: str = DATABASE) -> str:
        return (
            f"postgresql://{USER}@127.0.0.1:{self.port}/{database}?"
            f"passfile={self.server.passfile}&connect_timeout=2"
        )
