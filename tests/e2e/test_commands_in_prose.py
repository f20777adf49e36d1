# SPDX-License-Identifier: Apache-2.0
"""Commands of ours inside the sentences and tables of README.md and docs/: the verb and its options
exist. Blocks of commands are run by tests/system/test_docs.py."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path

import pytest
from connd_testing import BUILD, PATIENCE, REPO

PAGES = sorted([REPO / "README.md", REPO / "python-shim/README.md", *(REPO / "docs").glob("*.md")])
PROGRAMS = ("connctl", "connd", "connd-manager")
_FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_WORD = re.compile(r"[a-z][a-z-]+(\|[a-z-]+)*")
_OPTION = re.compile(r"--[a-z][a-z-]*")


def commands(text: str) -> list[list[str]]:
    """The words of each command, from the program on: what runs it (runuser, sudo) is left out."""
    found = []
    for code in _CODE.findall(_FENCED.sub("", text)):
        words = code.split()
        if words[:1] == ["runuser"] and "--" in words:
            words = words[words.index("--") + 1 :]
        elif words[:1] == ["sudo"]:
            words = words[1:]
        # A program's name alone is a word of the sentence.
        if len(words) > 1 and words[0] in PROGRAMS:
            found.append(words)
    return found


@functools.cache
def help_of(program: str, *verb: str) -> str | None:
    """None: there is no such verb."""
    done = subprocess.run(
        [BUILD / program, *verb, "--help"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else None


def fault(words: list[str]) -> str | None:
    """What does not exist; "a|b" stands for both."""
    program, *rest = words
    options = [option[0] for word in rest if (option := _OPTION.match(word))]
    plain = [word for word in rest if not word.startswith("-")]
    texts: list[str | None] = [help_of(program)]
    if plain and _WORD.fullmatch(plain[0]) and program != "connd":
        first = plain[0].split("|")
        second = plain[1].split("|") if len(plain) > 1 and _WORD.fullmatch(plain[1]) else []
        pairs = [help_of(program, one, two) for one in first for two in second]
        texts = pairs if pairs and all(pairs) else [help_of(program, one) for one in first]
    if not all(texts):
        return "verb"
    missing = [option for option in options for text in texts if option not in (text or "")]
    return missing[0] if missing else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_commands_in_sentences_exist(page: Path) -> None:
    wrong = {" ".join(words): fault(words) for words in commands(page.read_text())}
    assert not {words: what for words, what in wrong.items() if what}


def test_what_does_not_exist_is_found() -> None:
    text = "`connctl stats`, `sudo connctl get conn K --revael`, `connctl`"
    text += ", `runuser -u connd -- connd --check`"
    assert [fault(words) for words in commands(text)] == ["verb", "--revael", None]
