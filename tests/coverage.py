"""Measures which lines the tests run: usage: tests/coverage.py BUILD-DIRECTORY

Runs the unit tests, the scenarios, the shim's tests and a choice of the end-to-end tests, on SQLite
and on PostgreSQL, all on programs that count (MODE=coverage), and prints the share of lines that
ran: of each folder, then of each file, the lowest first. Names the files of which no line ran. What
fails is shown, and the table is printed all the same; the exit status is 1 then.

Not counted: what a program did that was killed with SIGKILL, what the shim did in a process of its
own, and objects in the build directory whose source is gone.
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHIM = ROOT / "python-shim" / "src" / "airflow_connd"

# One file for each thing that people do; together some minutes. The others ask for speed, memory,
# crashes or a foreign program, and run few lines that these do not.
E2E = (
    "bad_manager check check_online completion connctl ctl_diff ctl_explain ctl_objects "
    "ctl_places ctl_tokens doctor env exec export import init_local lifecycle linger lookup "
    "manager_api manager_backup manager_cli manager_history manager_listen manager_places "
    "manager_push manager_sidecars manager_tls manager_types manager_ui metrics misses "
    "readiness refresh render scan snapshot socket_file start token_renew trace upgrade "
    "upstream watch"
)

# Managers on PostgreSQL: a start, two beside one another, a move to another database.
POSTGRES = "moved several start_without_database"

# Runs pytest in this process with the standard library's tracer, and leaves *.cover files.
TRACED = """
import sys, trace, pytest
tracer = trace.Trace(count=1, trace=0, ignoredirs=[sys.prefix, sys.base_prefix])
tracer.runfunc(pytest.main, sys.argv[2:])
tracer.results().write_results(show_missing=True, coverdir=sys.argv[1])
"""

Lines = tuple[int, int]  # that ran, that could


def run(what: str, *command: str, env: dict[str, str] | None = None) -> bool:
    """Runs one part; shows the end of what it says."""
    print(f"coverage: {what}", flush=True)
    done = subprocess.run(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    last = done.stdout.strip().splitlines()
    print("\n".join(last[-1 if done.returncode == 0 else -40 :]), flush=True)
    return done.returncode == 0


def run_tests(build: pathlib.Path, cover: str) -> bool:
    for old in build.rglob("*.gcda"):
        old.unlink()
    env = dict(os.environ, CONND_BUILD=str(build), PYTHONDONTWRITEBYTECODE="1")
    pytest = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    unit = sorted(str(p) for p in (build / "tests/unit").glob("test_*") if not p.suffix)
    scenarios = sorted(str(p) for p in (ROOT / "tests/sim").glob("*.scn"))
    e2e = [f"tests/e2e/test_{name}.py" for name in E2E.split()]
    postgres = [f"tests/postgres/test_{name}.py" for name in POSTGRES.split()]
    # The files of the counters are made by this user; tests that run as others add to them.
    for program in ("connd", "connctl", "connd-manager"):
        subprocess.run([build / program, "--version"], stdout=subprocess.DEVNULL, check=True)
    return all(
        [
            run("unit tests", "tests/unit/run.sh", *unit),
            run("generated texts", "make", "-s", "MODE=coverage", "check-generated"),
            run("scenarios", str(build / "tests/sim/sim"), *scenarios),
            run("end-to-end tests", *pytest, "-n", "4", *e2e, env=env),
            run("managers on PostgreSQL", *pytest, *postgres, env=env),
            run(
                "the shim's tests",
                *(sys.executable, "-c", TRACED, cover, "-q", "-p", "no:cacheprovider"),
                "python-shim/tests",
                env=env,
            ),
        ]
    )


def notes_of_c(build: pathlib.Path) -> list[pathlib.Path]:
    """The compiler's notes on each C file of the programs that is still there."""
    notes = [n for top in ("daemon", "proto") for n in (build / top).rglob("*.gcno")]
    return sorted(n for n in notes if (ROOT / n.relative_to(build)).with_suffix(".c").exists())


def lines_of_c(build: pathlib.Path) -> dict[str, Lines]:
    """Of each C file of the programs; gcov reads the counters of one object at a time."""

    def gcov(notes: pathlib.Path) -> list[dict]:
        done = subprocess.run(
            ["gcov", "--json-format", "--stdout", str(notes)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return json.loads(done.stdout)["files"] if done.stdout else []

    found: dict[str, Lines] = {}
    with ThreadPoolExecutor(2) as pool:
        for files in pool.map(gcov, notes_of_c(build)):
            for file in files:
                if file["file"].endswith(".c"):
                    ran = {n["line_number"]: 0 for n in file["lines"]}
                    for n in file["lines"]:
                        ran[n["line_number"]] += n["count"]
                    found[file["file"]] = (sum(1 for c in ran.values() if c), len(ran))
    return found


def lines_of_python(cover: pathlib.Path) -> dict[str, Lines]:
    """Of each module of the shim; the tracer marks a line that did not run with >>>>>>."""
    found: dict[str, Lines] = {}
    for source in sorted(SHIM.rglob("*.py")):
        name = ".".join(source.relative_to(SHIM.parent).with_suffix("").parts)
        report = cover / f"{name.removesuffix('.__init__')}.cover"
        ran = missed = 0
        for line in report.read_text().splitlines() if report.exists() else ():
            head = line[:6].strip()
            ran += head.endswith(":") and head[:-1].isdigit()
            missed += head == ">>>>>>"
        if report.exists():
            found[str(source.relative_to(ROOT))] = (ran, ran + missed)
    return found


def row(name: str, lines: Lines) -> str:
    ran, could = lines
    return f"{100 * ran / max(could, 1):6.1f} %  {ran:6d} of {could:6d}  {name}"


def report(found: dict[str, Lines]) -> None:
    folders: dict[str, list[Lines]] = collections.defaultdict(list)
    for name, lines in found.items():
        folders[str(pathlib.PurePath(name).parent)].append(lines)

    def total(all_lines: list[Lines]) -> Lines:
        return sum(n for n, _ in all_lines), sum(n for _, n in all_lines)

    print("\nby file, the lowest first")
    for name, lines in sorted(found.items(), key=lambda f: f[1][0] / max(f[1][1], 1)):
        print(row(name, lines))
    print("\nby folder")
    for folder, all_lines in sorted(folders.items()):
        print(row(folder + "/", total(all_lines)))
    print(row("everything", total(list(found.values()))))
    never = sorted(name for name, (ran, could) in found.items() if could and not ran)
    print(f"\n{len(never)} files of which no line ran" + (":" if never else ""))
    for name in never:
        print(f"  {name}")


def main() -> int:
    build = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as cover:
        passed = run_tests(build, cover)
        report(lines_of_c(build) | lines_of_python(pathlib.Path(cover)))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
