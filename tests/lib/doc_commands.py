# SPDX-License-Identifier: Apache-2.0
"""The commands of a Markdown page, run in the order in which a reader would type them.

What a fenced block means is said by its language:

    ```sh        commands. The block runs in one shell and must end with 0.
    ```console   lines after "$ " are commands, the others are what they print, exit codes aside.
                 "..." stands for any text, on one line or over several.
    ```ini       and other configuration: when the first line is "# PATH", the rest is appended to it.

Variables, the directory and the umask last from block to block, as in a reader's shell. Where a
block runs is the test's choice: it passes run(script), which returns what bash did with that script.
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

# Everything that a shell would have kept is written down when a block ends, and read by the next.
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
        """The first line, by which a test's lists name the block."""
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
    """How a page is run. not_run names blocks by the beginning of their first line. before has what is
    done before the first block under a heading. files says where a file lies that the page names
    without a directory; session is where what lasts is kept."""

    page: Path
    run: Runner
    not_run: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    session: str = "/run/doc-session"

    def play(self) -> None:
        """Runs the page; the first block that does not do what the page says is an AssertionError.
        What every block printed is on stdout."""
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
    """(command, what it prints) of a console block. A command goes on behind a backslash."""
    found: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, printed = re.sub(r"\\\n *", "", part).partition("\n")
        found.append((command, printed))
    return found


def matches(printed: str, said: str) -> bool:
    """Whether a command said what the page prints, where "..." is any text."""
    pattern = re.escape(printed.strip()).replace(re.escape("..."), ".*?")
    return re.fullmatch(pattern, said.strip(), re.DOTALL) is not None
