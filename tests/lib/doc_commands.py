# SPDX-License-Identifier: Apache-2.0
"""The commands of a Markdown page, run in the order in which a reader would type them.

The language of a fenced block says what it is:

    ```sh        commands. The block runs in one shell and must end with 0.
    ```console   lines after "$ " are commands, the others their output. Exit codes do not matter.
                 "..." stands for any text, on one line or over several.
    ```ini       and other configuration: when the first line is "# PATH", the rest is appended to it.

Variables, the directory and the umask last from block to block, as in a reader's shell. Where a
block runs is the test's choice: it passes run(script), which returns what bash did with that
script.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SHELL = ("sh", "console")
Runner = Callable[[str], "subprocess.CompletedProcess[str]"]

_FENCE = re.compile(r"^( *)```(\w+)?[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)

_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

# The state of the shell is saved at the end of a block and restored for the next one.
_SESSION = """\
set -a
state={session}
[ ! -e $state ] || . $state
trap '{{ export -p; umask -p; printf "cd %q\\n" "$PWD"; }} >$state.new && mv $state.new $state' EXIT
set -e -o pipefail
{script}
"""


@dataclass
class Block:
    page: Path
    line: int
    heading: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def first(self) -> str:
        """The first line, which identifies the block in the lists of a test."""
        return self.text.splitlines()[0].removeprefix("$ ") if self.text else ""


def blocks(page: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a page, of these languages or of all, without their indentation."""
    text = page.read_text()
    found: list[Block] = []
    heading, end = "", 0
    for match in _FENCE.finditer(text):
        indent, language, inside = match.groups()
        headings = _HEADING.findall(text[end : match.start()])
        heading, end = headings[-1] if headings else heading, match.end()
        inside = re.sub(f"^{indent}", "", inside, flags=re.MULTILINE)
        line = text.count("\n", 0, match.start()) + 2
        found.append(Block(page, line, heading, language or "", inside))
    return [block for block in found if not languages or block.language in languages]


@dataclass
class Script:
    """How to run a page. not_run identifies blocks by the beginning of their first line. before has
    what to do before the first block under a heading. files gives the paths of files that the page
    names without a directory. session is the directory for the state of the shell."""

    page: Path
    run: Runner
    not_run: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    session: str = "/run/doc-session"

    def play(self) -> None:
        """Runs the page. Raises AssertionError for the first block that does not do what the page
        says. The output of every block is on stdout."""
        unused, heading = {*self.not_run, *self.before}, None
        for block in blocks(self.page):
            names = {name for name in self.not_run if block.first.startswith(name)}
            unused -= {*names, block.heading}
            if heading != block.heading and block.heading in self.before:
                self.before[block.heading]()
            heading = block.heading
            if not names:
                self._play(block)
        assert not unused, f"{self.page.name}: no block or heading is called {sorted(unused)}"

    def _play(self, block: Block) -> None:
        if block.language == "sh":
            done = self._shell(block.text)
            print(f"{block}: {block.first}\n{_said(done)}")
            assert done.returncode == 0, f"{block}: exit status {done.returncode}\n{_said(done)}"
        elif block.language == "console":
            for command, printed in _commands(block):
                done = self._shell(command)
                print(f"{block}: $ {command}\n{_said(done)}")
                assert matches(printed, _said(done)), (
                    f"{block}: $ {command}\n--- the page\n{printed}--- the command\n{_said(done)}"
                )
        elif path := self._path(block):
            rest = block.text.split("\n", 1)[1]
            make = f"mkdir -p {path.rsplit('/', 1)[0]} && cat >>{path}"
            done = self.run(f"{make} <<'END-OF-BLOCK'\n\n{rest}END-OF-BLOCK")
            assert done.returncode == 0, f"{block}: {_said(done)}"

    def _shell(self, script: str) -> subprocess.CompletedProcess[str]:
        return self.run(_SESSION.format(session=self.session, script=script))

    def _path(self, block: Block) -> str | None:
        named = block.first.removeprefix("# ")
        return named if named.startswith("/") else self.files.get(named)


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def _commands(block: Block) -> list[tuple[str, str]]:
    """(command, output) of a console block. A backslash continues a command on the next line."""
    found: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, printed = re.sub(r"\\\n *", "", part).partition("\n")
        found.append((command, printed))
    return found


def matches(printed: str, said: str) -> bool:
    """True if the output of a command is the text of the page, where "..." matches any text."""
    pattern = re.escape(printed.strip()).replace(re.escape("..."), ".*?")
    return re.fullmatch(pattern, said.strip(), re.DOTALL) is not None
