# SPDX-License-Identifier: Apache-2.0
"""A booted systemd to test unit files in, made in a third of a second and gone without a trace.

A box is a set of new namespaces over an overlay of this machine's root, with systemd as its first
process and a network of its own (loopback only). /run, /tmp and /dev are fresh. It needs root,
util-linux, procps, systemd, dbus and libnss-systemd.

    with Box(directory) as box:
        box.run("systemctl", "start", "connd.service")

What lies under directory/files is copied over / before the boot.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

INIT = Path(__file__).with_name("boxinit.sh")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Box:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.files = directory / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._cgroup: Path | None = None
        self._init = 0

    def __enter__(self) -> Box:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, timeout: float = 60) -> None:
        """Boot; returns when systemd says that it runs."""
        (self.directory / "mnt").mkdir(exist_ok=True)
        self._cgroup = self._make_cgroup()
        # The shell joins the box's cgroup before unshare makes the namespace rooted there.
        command = ["sh", "-c", 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"', "sh"]
        command += [str(self._cgroup), "unshare", "--mount", "--pid", "--ipc", "--uts", "--cgroup"]
        command += ["--net", "--fork", "--kill-child=SIGKILL", str(INIT), str(self.directory)]
        with (self.directory / "console").open("wb") as console:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        try:
            self._await_boot(time.monotonic() + timeout)
        except BaseException:
            self.kill()
            raise

    def run(
        self,
        *command: str,
        check: bool = True,
        timeout: float = 60,
        user: str = "root",
        feed: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside, feed on its stdin. With check a failure raises and shows it."""
        if user != "root":
            command = ("runuser", "-u", user, "--", *command)
        done = subprocess.run(
            self.command(*command),
            input=feed,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode != 0:
            said = f"{done.stdout}{done.stderr}"
            raise AssertionError(f"{' '.join(command)}: exit status {done.returncode}\n{said}")
        return done

    def command(self, *command: str) -> list[str]:
        """What runs command inside, from outside."""
        enter = ["nsenter", f"--target={self._init}", "--mount", "--pid", "--ipc", "--uts"]
        enter += ["--cgroup", "--net", "--root", "--wd", "--"]
        clean = ["env", "-i", f"PATH={PATH}", "LANG=C.UTF-8", "SYSTEMD_PAGER=cat"]
        return [*enter, *clean, *command]

    def write(self, path: str, text: str, mode: int = 0o644, owner: str = "root:root") -> None:
        """A file inside the running box."""
        inside = self.root / path.lstrip("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        inside.write_text(text)
        inside.chmod(mode)
        self.run("chown", owner, path)

    @property
    def root(self) -> Path:
        """The box's / as it is reached from outside."""
        return Path(f"/proc/{self._init}/root")

    def stop(self, timeout: float = 30) -> None:
        """A clean power-off; whatever is left after the time-out is killed."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._init, signal.SIGRTMIN + 4)  # systemd: start poweroff.target
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """At once: the first process of a pid namespace takes all others with it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._cgroup is not None:
            self._remove_cgroup(self._cgroup)
            self._cgroup = None

    def _make_cgroup(self) -> Path:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        tree = next(Path(where) for _, where, kind, *_ in mounts if kind == "cgroup2")
        group = tree / f"connd-box-{os.getpid()}-{self.directory.name}"
        group.mkdir()
        return group

    @staticmethod
    def _remove_cgroup(top: Path) -> None:
        groups = sorted((Path(found[0]) for found in os.walk(top)), reverse=True)
        deadline = time.monotonic() + 10
        for group in groups:
            while True:  # a process that just died leaves its group a moment later
                try:
                    group.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.01)

    def _await_boot(self, deadline: float) -> None:
        assert self._process is not None
        state = "no first process"
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                console = (self.directory / "console").read_text(errors="replace")
                raise AssertionError(f"the box ended while booting:\n{console}")
            pid = self._process.pid
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            if children:
                self._init = int(children[0])
                done = self.run("systemctl", "is-system-running", check=False)
                state = (done.stdout or done.stderr).strip()
                if state == "running":
                    return
                if state == "degraded":
                    failed = self.run("systemctl", "--failed", "--no-legend").stdout
                    raise AssertionError(f"the box booted, but units failed:\n{failed}")
            time.sleep(0.02)
        raise AssertionError(f"the box did not boot in time: {state}")
