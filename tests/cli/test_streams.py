"""How a command ends, and what it writes to files, whatever becomes of what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.pytest_plugin.projects import PROPERTIES, RECORD, Project, versions_in

pytest_plugins = ["pytester"]

TOY = """
import os
import sys

from theorycheck.cli.console import command
from theorycheck.errors import InputError


@command("toy")
def work(how):
    print("x" * 100_000)
    print("first", flush=True)
    print("warning", file=sys.stderr)
    print("\\u00cb", "\\udcff")
    with open("written", "w") as file:
        file.write(str(file.fileno() > 2))
    if how == "bad":
        raise InputError("no such thing")
    if how == "help":
        sys.exit(0)
    if how == "wrong":
        raise ValueError
    return int(how)


sys.exit(work(sys.argv[1]))
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    (tmp_path / "toy.py").write_text(TOY)
    return tmp_path


@contextmanager
def nobody() -> Iterator[int]:
    """A pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    try:
        yield write
    finally:
        os.close(write)


@contextmanager
def full() -> Iterator[int]:
    """A disk without space."""
    with open("/dev/full", "wb") as stream:
        yield stream.fileno()


PIPE = subprocess.PIPE


def said(
    folder: Path, *words: str, to: int = PIPE, errors: int = PIPE, **environment: str
) -> tuple[int, str]:
    """The exit code of Python, and what it says where that can be read here."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        text=True,
        stdout=to,
        stderr=errors,
        env={**os.environ, **environment},
    )
    return done.returncode, (done.stdout or "") + (done.stderr or "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(("how", "code"), [("0", 0), ("1", 1), ("2", 2), ("bad", 4), ("help", 0)])
def test_a_reader_that_has_seen_enough_changes_nothing(
    toy: Path, how: str, code: int, unbuffered: str
) -> None:
    with nobody() as pipe:
        ended = said(toy, "toy.py", how, to=pipe, PYTHONUNBUFFERED=unbuffered)
    assert ended == (code, "warning\n" + "toy: no such thing\n" * (how == "bad"))
    assert (toy / "written").read_text() == "True"


@pytest.mark.parametrize(("how", "code"), [("0", 0), ("1", 1), ("bad", 4), ("wrong", 1)])
@pytest.mark.parametrize("place", [nobody, full])
def test_complaints_that_nobody_reads_change_nothing(
    toy: Path, how: str, code: int, place: Callable[[], AbstractContextManager[int]]
) -> None:
    with place() as stream:
        ended, output = said(toy, "toy.py", how, errors=stream)
    assert (ended, output.endswith("first\n\u00cb \\udcff\n")) == (code, True)


@pytest.mark.parametrize("how", ["0", "1", "bad"])
def test_a_full_disk_is_told_once(toy: Path, how: str) -> None:
    with full() as disk:
        ended = said(toy, "toy.py", how, to=disk)
    assert ended == (4, "toy: the output: No space left on device\n")


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1), (0, 1, 2)])
@pytest.mark.parametrize(("how", "code"), [("0", 0), ("1", 1), ("bad", 4)])
def test_closed_streams_change_nothing(
    toy: Path, how: str, code: int, closed: tuple[int, ...]
) -> None:
    """Nor does a file that is opened later become one of them."""
    closing = " ".join(f"{n}>&-" for n in closed)
    command = f"exec {sys.executable} toy.py {how} {closing}"
    done = subprocess.run(["bash", "-c", command], cwd=toy, capture_output=True, text=True)
    assert done.returncode == code
    assert done.stderr in ("", "warning\n", "warning\ntoy: no such thing\n")
    assert (2 in closed or done.stderr != "", 1 in closed or done.stdout != "") == (True, True)
    assert (toy / "written").read_text() == "True"


@pytest.mark.parametrize(
    ("encoding", "letter"), [("ascii", "\\xcb"), ("latin-1", "\u00cb"), ("utf-8", "\u00cb")]
)
def test_letters_that_a_stream_does_not_have(toy: Path, encoding: str, letter: str) -> None:
    done = subprocess.run(
        [sys.executable, "toy.py", "0"],
        cwd=toy,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert (done.returncode, done.stderr) == (0, b"warning\n")
    assert done.stdout.decode(encoding).endswith(f"first\n{letter} \\udcff\n")


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    """With a title that not every stream can show."""
    project = Project(pytester)
    project.write(PROPERTIES.replace("title=id", "title='\u00cbach l\u00e4yer of ' + id"))
    said = versions_in(PROPERTIES)  # with other titles
    project.record({**RECORD, "true-claim": "vacuous"}, versions=said)
    return project


COMMAND = ("-m", "theorycheck")
QUICK = ("run", "-n", "0", "--profile", "quick")


def test_commands_end_as_they_would_with_a_reader(project: Project) -> None:
    """A red run, an unknown claim, and a record that is written."""
    with nobody() as pipe:
        assert said(project.path, *COMMAND, *QUICK, to=pipe)[0] == 1
        assert said(project.path, *COMMAND, *QUICK, "nope", to=pipe)[0] == 4
        assert said(project.path, *COMMAND, "gate", to=pipe)[0] == 1
        assert said(project.path, *COMMAND, "gate", "--accept", to=pipe)[0] == 0
        assert said(project.path, *COMMAND, "show", "nope", to=pipe)[0] == 4
        said(project.path, *COMMAND, "power", "--workers", "1", to=pipe)
    record = json.loads((project.path / "reports/baseline.json").read_text())
    assert record["verdicts"] == RECORD
    assert (project.path / "reports/power.json").exists()


@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_commands_without_streams(project: Project, closing: str) -> None:
    ends = {" ".join(QUICK): 1, "list": 0, "show nope": 4, "init new": 0}
    for words, code in ends.items():
        command = f"exec {sys.executable} -m theorycheck {words} {closing}"
        done = subprocess.run(
            ["bash", "-c", command], cwd=project.path, capture_output=True, text=True
        )
        output = done.stdout + done.stderr
        assert (done.returncode, "Error" in output) == (code, False), command + output


def test_commands_on_streams_of_few_letters(project: Project) -> None:
    assert said(project.path, *COMMAND, *QUICK, PYTHONIOENCODING="ascii")[0] == 1
    for words in (["list"], ["show", "true-claim"], ["gate", "--accept"], ["init", "n\u00ebw"]):
        code, output = said(project.path, *COMMAND, *words, PYTHONIOENCODING="ascii")
        assert (code, "\\x" in output) == (0, True), output
