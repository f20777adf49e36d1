# SPDX-License-Identifier: Apache-2.0
"""The completion scripts, run by the real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import CONNCTL, PATIENCE, REPO, Connd, Manager

COMPLETIONS = REPO / "conf" / "completions"

# bash and zsh call the function with the words in these variables. zsh's own functions exist only
# while a line is edited; here they print what they would offer.
BASH = """
source "$1"; shift
compopt() { :; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_${1//-/_}
printf '%s\\n' "${COMPREPLY[@]}"
"""
ZSH = """
script=$1; shift
compadd() { shift; local w; for w in $@; do [[ $w != ${cur#*=}* && -n $cur ]] || print -r -- $w; done }
_files() { [[ $1 == -/ ]] && print DIRECTORIES || print FILES }
_message() { : }
compset() { : }
words=("$@") CURRENT=$#
source $script
"""


def run(*argv: str | Path, cwd: Path) -> list[str]:
    done = subprocess.run(
        [*map(str, argv)], capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=cwd
    )
    assert done.returncode in (0, 1) and done.stderr == "", done
    return [line.split("\t")[0] for line in done.stdout.splitlines() if line]


def complete(shell: str, line: str, cwd: Path) -> set[str]:
    """The completions that the shell offers for the last word of line."""
    words = line.split(" ")
    script = COMPLETIONS / f"{words[0]}.{shell}"
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: make deps")
    if shell == "bash":
        separated = [w for word in words for w in word.replace("=", " = ").strip().split(" ")]
        if line.endswith("="):
            separated = [w for word in words for w in word.replace("=", " =").split(" ")]
        return set(run("bash", "--norc", "-c", BASH, "bash", script, *separated, cwd=cwd))
    if shell == "zsh":
        return set(run("zsh", "-f", "-c", ZSH, "zsh", script, *words, cwd=cwd))
    command = f'source {script}; complete -C "{line}"'
    return set(run("fish", "--no-config", "-c", command, cwd=cwd))


shells = pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])


@shells
def test_verbs_then_words_then_options(shell: str, tmp_path: Path) -> None:
    verbs = complete(shell, "connctl ", tmp_path)
    assert {"get", "import", "list", "status", "wait"} <= verbs
    assert complete(shell, "connctl get ", tmp_path) == {"conn", "var"}
    options = complete(shell, "connctl get --", tmp_path)
    assert {"--reveal", "--team", "--socket", "--json", "--help"} <= options
    assert "--manager" not in options
    assert {"--manager", "--dry-run"} <= complete(shell, "connctl import --", tmp_path)


@shells
def test_values_of_options_are_not_words(shell: str, tmp_path: Path) -> None:
    assert complete(shell, "connctl --socket list get ", tmp_path) == {"conn", "var"}
    assert complete(shell, "connctl --socket=list get ", tmp_path) == {"conn", "var"}
    assert complete(shell, "connctl --json get ", tmp_path) == {"conn", "var"}
    assert complete(shell, "connctl list --timeout ", tmp_path) == set()


@shells
def test_a_file_is_completed_where_a_file_is_meant(shell: str, tmp_path: Path) -> None:
    (tmp_path / "some.token").touch()
    want = {"FILES"} if shell == "zsh" else {"some.token"}
    assert want <= complete(shell, "connctl import --token-file ", tmp_path)
    if shell == "fish":
        want = {"--token-file=some.token"}
    assert want <= complete(shell, "connctl import --token-file=", tmp_path)


@shells
def test_a_program_that_runs_without_a_verb_too(shell: str, tmp_path: Path) -> None:
    assert {"init", "token", "backup"} <= complete(shell, "connd-manager ", tmp_path)
    assert {"create", "list", "revoke"} == complete(shell, "connd-manager token ", tmp_path)
    roles = complete(shell, "connd-manager token create --role ", tmp_path)
    assert roles == {"OWNER", "OPERATOR", "AUTHOR", "MEMBER"}
    assert {"--listen", "--data"} <= complete(shell, "connd-manager --", tmp_path)
    assert "--listen" not in complete(shell, "connd-manager token list --", tmp_path)


@shells
def test_a_program_without_verbs_offers_its_options(shell: str, tmp_path: Path) -> None:
    (tmp_path / "some.conf").touch()
    assert {"--check", "--online", "--config"} <= complete(shell, "connd --", tmp_path)
    want = {"FILES"} if shell == "zsh" else {"some.conf"}
    assert want <= complete(shell, "connd --check --config ", tmp_path)


@pytest.fixture
def known(manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connd]:
    """connd and a manager that the shells' connctl finds by itself."""
    manager.create_connection("warehouse", manager.deployment_ids["prod"])
    manager.create_connection("lake", manager.deployment_ids["prod"])
    manager.create_variable("$(touch here)", "x", manager.deployment_ids["prod"])
    manager.create_connection("shared")
    (tmp_path / "token").touch(0o600)
    (tmp_path / "token").write_text(manager.token)
    monkeypatch.setenv("PATH", f"{CONNCTL.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    login = ["login", "--manager", manager.url, "--token-file", str(tmp_path / "token")]
    subprocess.run([CONNCTL, *login], check=True, capture_output=True, timeout=PATIENCE)
    with manager.connd() as connd:
        monkeypatch.setenv("CONND_SOCKET", str(connd.socket))
        yield connd


@shells
def test_keys_and_deployments_are_completed(shell: str, known: Connd, tmp_path: Path) -> None:
    assert complete(shell, "connctl get conn ", tmp_path) == {"warehouse", "lake"}
    assert complete(shell, "connctl get conn wa", tmp_path) == {"warehouse"}
    assert complete(shell, "connctl connection get ", tmp_path) == {"shared"}
    assert complete(shell, "connctl connection list --deployment ", tmp_path) == {"prod", "dev"}
    assert "warehouse" not in complete(shell, "connctl get ", tmp_path)
    assert "--reveal" in complete(shell, "connctl get conn --", tmp_path)
    # What a key holds is never run.
    assert len(complete(shell, "connctl get var ", tmp_path)) >= 1
    assert not (tmp_path / "here").exists()


@shells
def test_completion_is_silent_without_connd(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{CONNCTL.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("CONND_SOCKET", str(tmp_path / "absent"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert complete(shell, "connctl get conn ", tmp_path) == set()
    assert complete(shell, "connctl connection get ", tmp_path) == set()
