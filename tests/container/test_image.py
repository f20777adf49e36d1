# SPDX-License-Identifier: Apache-2.0
"""The image, as a cluster runs it: no privilege, a root that cannot be written, any uid, configured by
its environment, its token a file in a volume."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import CONNCTL, eventually
from managed import MANAGER, PASSWORD, Managed, measured
from podman import RESTRICTED, Podman

IMAGE_UID = 10001
TOKEN_FILE = "/run/secrets/connd/token"
# Which interpreter of foreign programs runs which other image.
OTHER = {"x86_64": ("arm64", "qemu-aarch64-static"), "aarch64": ("amd64", "qemu-x86_64-static")}


class Sidecar:
    """connd in a container named connd, its socket and its token in directories of this machine."""

    def __init__(self, managed: Managed, workdir: Path) -> None:
        self.managed, self.podman, self.image = managed, managed.podman, managed.image
        self.sockets, self.secret = workdir / "sockets", workdir / "secret"
        self.sockets.mkdir()
        self.socket = self.sockets / "connd.sock"

    def mount_secret(self, mode: int, uid: int = 0, gid: int = 0) -> None:
        """As kubelet does: the file behind two symbolic links, so that all change at once."""
        version = self.secret / "..2026_11_30"
        version.mkdir(parents=True)
        (version / "token").write_text(self.managed.token)
        (version / "token").chmod(mode)
        os.chown(version / "token", uid, gid)
        (self.secret / "..data").symlink_to(version.name)
        (self.secret / "token").symlink_to("..data/token")

    def start(
        self, *options: str, uid: int = IMAGE_UID, gid: int = IMAGE_UID, command: str = "connd"
    ) -> None:
        # As kubelet makes an emptyDir: root's, open to all, of the group fsGroup.
        os.chown(self.sockets, 100000 if uid > 100000 and gid else 0, gid)
        self.sockets.chmod(0o2777)
        self.podman(
            *("run", "--detach", "--name=connd", f"--network=ns:{self.managed.network}"),
            *(*RESTRICTED, *self.managed.environment()),
            f"--env=CONND__MANAGER__TOKEN_FILE={TOKEN_FILE}",
            f"--volume={self.secret}:/run/secrets/connd:ro",
            *(f"--volume={self.sockets}:/run/connd", *options, self.image, command),
        )

    def client(self, *words: str) -> subprocess.CompletedProcess[str]:
        """connctl in another container: another user, nothing shared but the socket's directory."""
        return self.managed.podman(
            *("run", "--rm", "--network=none", *RESTRICTED, "--user=4711:4711"),
            *(f"--volume={self.sockets}:/run/connd:ro", self.managed.image, "connctl", *words),
            check=False,
        )

    def ask(self) -> subprocess.CompletedProcess[str]:
        return self.client("get", "conn", "warehouse", "--reveal")

    def probe(self, timeout: str) -> subprocess.CompletedProcess[str]:
        """As kubelet's exec probe does."""
        return self.podman("exec", "connd", "connctl", "wait", "--timeout", timeout, check=False)

    def assert_serves(self, timeout: str = "30s") -> None:
        done = self.client("wait", "--timeout", timeout)
        assert done.returncode == 0, f"{done.stderr}\n{self.podman.logs('connd')}"
        done = self.ask()
        assert done.returncode == 0, f"{done.stderr}\n{self.podman.logs('connd')}"
        assert json.loads(done.stdout)["password"] == PASSWORD


@pytest.fixture
def sidecar(managed: Managed, workdir: Path) -> Iterator[Sidecar]:
    made = Sidecar(managed, workdir)
    yield made
    managed.podman.remove("connd")


@pytest.mark.parametrize(
    ("options", "uid", "gid"),
    [
        pytest.param((), IMAGE_UID, IMAGE_UID, id="the user of the image"),
        pytest.param(("--user=50000:0",), 50000, 0, id="the user of Airflow's image"),
        pytest.param(("--user=1000660000:0",), 1000660000, 0, id="a uid that the cluster chose"),
        pytest.param(
            ("--uidmap=0:100000:65536", "--gidmap=0:100000:65536"),
            100000 + IMAGE_UID,
            100000 + IMAGE_UID,
            id="a user namespace",
        ),
    ],
)
def test_any_user_serves_with_nothing_but_its_environment(
    sidecar: Sidecar, options: tuple[str, ...], uid: int, gid: int
) -> None:
    first = 100000 if uid > 100000 and gid else 0  # of the ids in the container
    sidecar.mount_secret(0o440, first, gid)  # fsGroup makes it so
    sidecar.start(*options, uid=uid, gid=gid)
    sidecar.assert_serves()
    assert os.stat(sidecar.socket).st_uid == uid
    logs = sidecar.podman.logs("connd")
    assert PASSWORD not in logs
    assert sidecar.managed.token not in logs


def test_a_token_that_only_its_owner_reads(sidecar: Sidecar) -> None:
    sidecar.mount_secret(0o400, IMAGE_UID)
    sidecar.start()
    sidecar.assert_serves()


def test_a_token_that_everybody_may_read_is_refused_and_the_remedy_named(sidecar: Sidecar) -> None:
    sidecar.mount_secret(0o644)
    sidecar.start()
    eventually(lambda: "defaultMode: 0440" in sidecar.podman.logs("connd"), "the remedy is named")
    assert sidecar.ask().returncode == 3


def test_only_the_default_file_may_be_absent(managed: Managed) -> None:
    def check(*options: str) -> str:
        run = ("run", "--rm", "--network=none", *RESTRICTED, *managed.environment())
        return managed.podman(*run, managed.image, "connd", "--check", *options, check=False).stderr

    assert "/x: No such file" in check("--config=/x")
    said = check()
    assert "No such file" not in said
    assert "no token" in said


def test_sigterm_ends_both_programs_soon_and_well(sidecar: Sidecar, podman: Podman) -> None:
    sidecar.mount_secret(0o440, 0, IMAGE_UID)
    sidecar.start()
    sidecar.assert_serves()
    for name, limit in (("connd", 5), (MANAGER, 8)):
        t0 = time.monotonic()
        podman("stop", "--time=60", name)
        assert time.monotonic() - t0 < 3 * limit
        assert podman.inspect(name)["State"]["ExitCode"] == 0
    podman("start", MANAGER)


def test_connctl_wait_as_a_probe_says_no_until_there_is_data(sidecar: Sidecar) -> None:
    sidecar.podman("pause", MANAGER)
    try:
        sidecar.mount_secret(0o440, 0, IMAGE_UID)
        sidecar.start()
        eventually(sidecar.socket.exists, "connd listens")
        done = sidecar.probe("1s")
        assert done.returncode == 3
        assert "not ready" in done.stderr
    finally:
        sidecar.podman("unpause", MANAGER)
    assert sidecar.probe("30s").returncode == 0


def test_it_starts_soon(sidecar: Sidecar, archive: Path) -> None:
    """Prints figures; how long it takes is the machine's affair."""
    sidecar.mount_secret(0o440, 0, IMAGE_UID)
    t0 = time.monotonic()
    sidecar.start()

    def answers() -> bool:
        command = [str(CONNCTL), f"--socket={sidecar.socket}", "get", "conn", "warehouse"]
        return subprocess.run(command, capture_output=True).returncode == 0

    eventually(answers, "it answers")
    seconds = time.monotonic() - t0
    size = archive.stat().st_size
    measured.append(
        f"image: {size / 1e6:.1f} MB for all architectures, compressed; "
        f"{seconds:.2f} s from podman run to the first answer"
    )


def test_the_root_holds_nothing_but_the_programs(podman: Podman, image: str, workdir: Path) -> None:
    configuration = podman.inspect(image)
    assert configuration["User"] == f"{IMAGE_UID}:{IMAGE_UID}"
    assert configuration["Labels"]["org.opencontainers.image.title"] == "connd"
    podman("create", "--name=root", image)
    podman("export", "--output", workdir / "root.tar", "root")
    podman("rm", "root")
    with tarfile.open(workdir / "root.tar") as tar:
        members = {m.name.rstrip("/"): m for m in tar.getmembers()}
    programs = sorted(n for n in members if n.startswith("usr/bin/"))
    assert programs == ["usr/bin/connctl", "usr/bin/connd", "usr/bin/connd-manager"]
    for name, member in members.items():
        assert not member.mode & 0o6000, f"{name} is setuid or setgid"
        if member.mode & 0o002 and not member.issym():
            assert name == "tmp", f"everybody may write {name}"
        own = name in ("run/connd", "var/lib/connd", "var/lib/connd-manager")
        assert (member.uid, member.gid) == ((IMAGE_UID, IMAGE_UID) if own else (0, 0)), name
    # Image scanners find what is in, and each package has its licence.
    packages = {n.rpartition("/")[2] for n in members if n.startswith("var/lib/dpkg/status.d/")}
    assert {"libc6", "libcurl4", "libssl3"} <= packages
    for package in packages - {""}:
        if package != "status.d":
            assert f"usr/share/doc/{package}/copyright" in members


def test_the_image_of_the_other_architecture(
    managed: Managed, archive: Path, sidecar: Sidecar, other_podman: Podman
) -> None:
    """Its programs run under qemu's user mode; the kernel need not know foreign programs."""
    architecture, emulator = OTHER[os.uname().machine]
    podman = sidecar.podman = other_podman
    done = podman("pull", "--quiet", f"--arch={architecture}", f"oci-archive:{archive}")
    sidecar.image = done.stdout.strip()
    assert podman.inspect(sidecar.image)["Architecture"] == architecture
    emulate = (f"--volume={shutil.which(emulator)}:/emulator:ro", "--entrypoint=/emulator")
    for program in ("connd", "connctl", "connd-manager"):
        done = podman(
            *("run", "--rm", "--network=none", *RESTRICTED, *emulate, sidecar.image),
            *(f"/usr/bin/{program}", "--version"),
        )
        assert done.stdout.startswith(f"{program} ")
    sidecar.mount_secret(0o440, 0, IMAGE_UID)
    sidecar.start(*emulate, command="/usr/bin/connd")
    sidecar.assert_serves("120s")
