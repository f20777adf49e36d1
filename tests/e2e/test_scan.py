# SPDX-License-Identifier: Apache-2.0
"""connctl scan and connctl redact: values that connd holds, in files and streams."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import random
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml
from connd_testing import CONNCTL, PATIENCE, REPO, Connd, Manager, eventually

PASSWORD = 'pä$$w/rd "quoted"'
TOKEN = "tok-0123456789abcdef"
DSN = "postgres://u:s3cr3t-dsn@host/db"
ENVIRONMENT = "env-fedcba9876543210"
KEYFILE = {"private_key": "-----BEGIN KEY-----\nabcdefghijkl\n-----END KEY-----\n"}
SECRETS = [PASSWORD, TOKEN, DSN, ENVIRONMENT, KEYFILE["private_key"].strip()]


def hold_secrets(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    extra = {"token": TOKEN, "tls": True, "short": "1234567"}
    manager.create_connection(
        "warehouse", prod, password=PASSWORD, login="a-long-login", extra=extra
    )
    manager.create_connection("google", prod, extra={"keyfile_dict": json.dumps(KEYFILE)})
    manager.create_variable("dsn", DSN, prod)
    typed = {"value": ENVIRONMENT, "isSecret": True}
    manager.create("ENVIRONMENT_VARIABLE", "API_TOKEN", typed, prod)


@pytest.fixture(scope="module")
def connd() -> Iterator[Connd]:
    """One connd for the whole file: the verbs only read."""
    with tempfile.TemporaryDirectory(prefix="connd-") as name, Manager(Path(name)) as manager:
        hold_secrets(manager)
        with manager.connd() as running:
            yield running


def scan(
    connd: Connd, *paths: str | Path, **run: Any
) -> tuple[int, list[tuple[str, int, str, str]]]:
    done = connd.connctl("scan", "--json", *map(str, paths), **run)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for secret in SECRETS:
        assert secret not in done.stdout + done.stderr
    for row in rows:
        assert row["form"] in ("plain", "base64", "url", "json")
    return done.returncode, [(r["file"], r["line"], r["key"], r["field"]) for r in rows]


FORMS = {
    "plain": lambda s: s,
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 behind one": lambda s: base64.b64encode(b"x" + s.encode() + b"yz").decode(),
    "base64 behind two": lambda s: base64.b64encode(b"xy" + s.encode() + b"z").decode(),
    "base64 for URLs": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "quote": lambda s: quote(s),
    "quote all": lambda s: quote(s, safe=""),
    "quote_plus": lambda s: quote_plus(s),
    "json": lambda s: json.dumps(s, ensure_ascii=False),
    "json in ASCII": lambda s: json.dumps(s),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found_with_its_file_line_and_key(
    connd: Connd, tmp_path: Path, form: str
) -> None:
    (tmp_path / "a.log").write_text(f"one\ntwo\nlogin with {FORMS[form](PASSWORD)}!\nfour\n")
    (tmp_path / "b.log").write_text(f"{FORMS[form](DSN)}\n{FORMS[form](TOKEN)}\n")
    code, found = scan(connd, tmp_path)
    assert code == 1
    assert found == [
        (f"{tmp_path}/a.log", 3, "conn:warehouse", "password"),
        (f"{tmp_path}/b.log", 1, "var:dsn", "value"),
        (f"{tmp_path}/b.log", 2, "conn:warehouse", "extra.token"),
    ]


def test_clean_files_are_exit_code_0(connd: Connd, tmp_path: Path) -> None:
    (tmp_path / "dag.py").write_text("a-long-login 1234567\n" + TOKEN[:-1] + "\n")
    done = connd.connctl("scan", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "")
    assert "0 found" in done.stderr and "shorter than 8 bytes" in done.stderr


def test_what_people_read(connd: Connd, tmp_path: Path) -> None:
    (tmp_path / "x\x1b[31m").write_text(f"\n{FORMS['base64'](TOKEN)}")
    done = connd.connctl("scan", str(tmp_path))
    assert done.returncode == 1 and "\x1b" not in done.stdout
    assert done.stdout.endswith(":2: conn:warehouse extra.token (base64)\n")


def test_json_text_in_extra_is_searched_for_by_its_members(connd: Connd, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(KEYFILE["private_key"])
    assert scan(connd, tmp_path) == (
        1,
        [(f"{tmp_path}/key.pem", 1, "conn:google", "extra.keyfile_dict.private_key")],
    )


def test_the_pre_commit_hook_runs_on_the_files_it_is_given(connd: Connd, tmp_path: Path) -> None:
    (hook,) = yaml.safe_load((REPO / ".pre-commit-hooks.yaml").read_text())
    assert hook["id"] == "connctl-scan" and hook["language"] == "system"
    (tmp_path / "dag.py").write_text(f"x = 1\ntoken = '{ENVIRONMENT}'\n")
    (tmp_path / "clean.py").write_text("x = 1\n")
    program, verb = hook["entry"].split()
    assert (program, verb) == ("connctl", "scan")
    done = connd.connctl(verb, str(tmp_path / "clean.py"), str(tmp_path / "dag.py"))
    assert (done.returncode, done.stdout) == (1, f"{tmp_path}/dag.py:2: env:API_TOKEN value\n")
    assert connd.connctl(verb, str(tmp_path / "clean.py")).returncode == 0


def tar(files: dict[str, bytes], mode: Any = "w", format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=format) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_an_image_is_searched_layer_by_layer(connd: Connd, tmp_path: Path) -> None:
    long_name = "d/" * 70 + "app.env"
    layers = {
        "blobs/sha256/aa": tar(
            {"etc/clean": b"x" * 2000, "etc/app.env": f"\nT={TOKEN}".encode()}, "w:gz"
        ),
        "blobs/sha256/bb": tar({long_name: DSN.encode()}, format=tarfile.GNU_FORMAT),
        "blobs/sha256/cc": tar({long_name: gzip.compress(DSN.encode())}),
        "index.json": b"{}",
    }
    image = tmp_path / "image.tar"
    image.write_bytes(tar(layers))
    assert scan(connd, image) == (
        1,
        [
            (f"{image}:blobs/sha256/aa:etc/app.env", 2, "conn:warehouse", "extra.token"),
            (f"{image}:blobs/sha256/bb:{long_name}", 1, "var:dsn", "value"),
            (f"{image}:blobs/sha256/cc:{long_name}", 1, "var:dsn", "value"),
        ],
    )


def test_rotated_logs_and_standard_input(connd: Connd, tmp_path: Path) -> None:
    log = gzip.compress(b"one\n") + gzip.compress(f"two {TOKEN}\n".encode())
    (tmp_path / "log.1.gz").write_bytes(log)
    assert scan(connd, tmp_path)[1] == [
        (f"{tmp_path}/log.1.gz", 2, "conn:warehouse", "extra.token")
    ]
    assert scan(connd, "-", input=f"a\nb {DSN}\n") == (1, [("-", 2, "var:dsn", "value")])


def test_values_across_the_windows_of_a_large_file(connd: Connd, tmp_path: Path) -> None:
    rng, lines = random.Random(7), {}
    large = tmp_path / "large"
    with large.open("w") as out:
        for n in range(1, 120_000):
            secret = rng.choice([TOKEN, DSN]) if rng.random() < 0.001 else ""
            if secret:
                lines[n] = secret
            out.write(f"{rng.random()} {secret} some text in a log file\n")
    code, found = scan(connd, large)
    assert code == 1 and {line for _, line, _, _ in found} == set(lines)
    assert len(found) == len(lines)


def test_what_cannot_be_searched_is_exit_code_2(connd: Connd, tmp_path: Path) -> None:
    assert scan(connd, tmp_path / "absent")[0] == 2
    damaged = gzip.compress(os.urandom(5000))[:-2000]
    (tmp_path / "damaged.gz").write_bytes(damaged)
    assert scan(connd, tmp_path)[0] == 2
    (tmp_path / "found").write_text(TOKEN)
    assert scan(connd, tmp_path)[0] == 1


def test_a_link_below_a_directory_is_not_followed(connd: Connd, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(TOKEN)
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "link").symlink_to(outside)
    os.mkfifo(tmp_path / "repo" / "pipe")
    assert scan(connd, tmp_path / "repo") == (0, [])
    assert scan(connd, tmp_path / "repo" / "link")[0] == 1


def test_keys_and_fields_can_be_left_out(connd: Connd, tmp_path: Path) -> None:
    (tmp_path / "f").write_text(f"{TOKEN} {DSN}")
    assert scan(connd, tmp_path, "--except", "conn:ware*")[1] == [
        (f"{tmp_path}/f", 1, "var:dsn", "value")
    ]
    assert scan(connd, tmp_path, "--except", "conn:*:extra.token", "--except", "var:*") == (0, [])


def test_what_a_user_may_not_read_is_not_searched_for(manager: Manager, tmp_path: Path) -> None:
    hold_secrets(manager)
    (tmp_path / "f").write_text(f"{TOKEN} {DSN}")
    rule = {"access": {"allow": f"uid:{os.geteuid()} var:*"}}
    with manager.connd(sections=rule) as connd:
        assert scan(connd, tmp_path)[1] == [(f"{tmp_path}/f", 1, "var:dsn", "value")]


# --- redact ---------------------------------------------------------------------------------------


def test_redact_masks_every_form_and_nothing_else(connd: Connd) -> None:
    for name, form in FORMS.items():
        text = f"before {form(DSN)} after\n{form(TOKEN)}{form(DSN)}\n"
        done = connd.connctl("redact", input=text)
        assert done.returncode == 0 and done.stdout.startswith("before "), name
        assert form(DSN)[4:-4] not in done.stdout and form(TOKEN)[4:-4] not in done.stdout, name
        assert done.stdout.endswith("\n") and done.stdout.count("\n") == 2, name
    plain = "nothing to hide\n" * 10_000
    assert connd.connctl("redact", input=plain).stdout == plain


def test_redact_can_name_the_key(connd: Connd) -> None:
    done = connd.connctl("redact", "--keys", input=f"a {TOKEN} b {DSN}")
    assert done.stdout == "a [connd:conn:warehouse] b [connd:var:dsn]"


def test_redact_masks_values_across_reads_and_holds_nothing_else_back(connd: Connd) -> None:
    with subprocess.Popen(
        [CONNCTL, "redact", "--socket", connd.socket],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin and process.stdout
        os.set_blocking(process.stdout.fileno(), False)
        got = b""

        def reads(want: bytes) -> bool:
            nonlocal got
            got += process.stdout.read() or b""  # type: ignore[union-attr]
            assert want.startswith(got), got
            return got == want

        def write(text: str) -> None:
            process.stdin.write(text.encode())  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]

        write(f"one\ntwo {DSN[:3]}")
        eventually(lambda: reads(b"one\ntwo "), "all but the beginning of a value")
        write(DSN[3:20])
        write(DSN[20:] + " three " + TOKEN[:-1])
        eventually(lambda: reads(b"one\ntwo *** three "), "the value is masked")
        write("!\n")
        eventually(lambda: reads(b"one\ntwo *** three " + TOKEN[:-1].encode() + b"!\n"), "no value")
        write(TOKEN[:5])
        process.stdin.close()
        eventually(
            lambda: (
                process.stdout.closed
                or reads(  # type: ignore[union-attr]
                    b"one\ntwo *** three " + TOKEN[:-1].encode() + b"!\n" + TOKEN[:5].encode()
                )
            ),
            "the rest",
        )
        assert process.wait(PATIENCE) == 0


def test_redact_copies_nothing_without_connd(connd: Connd) -> None:
    done = connd.connctl("redact", "--socket", "/nonexistent", input="text")
    assert (done.returncode, done.stdout) == (3, "")
