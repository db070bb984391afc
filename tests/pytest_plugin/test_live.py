"""The live line: on a screen, while claims run, and nowhere else."""

from __future__ import annotations

import os
import pty
import sys
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from tests.pytest_plugin.projects import PROPERTIES, RECORD, Project
from theorycheck.pytest_plugin.live import LEAST, SAVE, is_watched, line

pytest_plugins = ["pytester"]

SLOW = (
    PROPERTIES
    + '''

@toy("slow-claim", on={})
def slow_claim(setting):
    """Takes its time."""
    time.sleep(1.2)
    yield from ()
'''
)
QUIET = {"CI", "BUILD_NUMBER", "NO_COLOR", "PY_COLORS", "FORCE_COLOR"}


def on_a_screen(project: Project, *arguments: str, **variables: str) -> str:
    """What a run writes to a terminal of 100 columns."""
    project.write(SLOW)
    project.record({**RECORD, "slow-claim": "holds"})
    child, screen = pty.fork()
    if not child:
        os.chdir(project.path)
        kept = {name: text for name, text in os.environ.items() if name not in QUIET}
        command = [sys.executable, "-m", "pytest", "properties", *arguments]
        os.execve(sys.executable, command, {**kept, "TERM": "xterm", "COLUMNS": "100", **variables})
    said = b""
    with suppress(OSError):  # The end of the other side.
        while part := os.read(screen, 65536):
            said += part
    os.close(screen)
    os.waitpid(child, 0)
    return said.decode()


@pytest.mark.parametrize("parallel", [["-p", "no:xdist"], ["-n", "1"]])
def test_a_screen_shows_which_claim_runs_how_long_and_what_remains(
    project: Project, parallel: list[str]
) -> None:
    said = on_a_screen(project, *parallel)
    assert "slow-claim 0 s, 1 of 4 left" in said
    assert "slow-claim 1 s, 1 of 4 left" in said
    # Afterwards the rest of the line is erased; nothing of it is left beside the summary.
    assert "left" not in said.partition("verdicts")[2]
    last = said.rpartition("left")[2]
    assert "\x1b7\x1b[K\x1b8" in last.partition("verdicts")[0]


def test_it_is_quiet_without_colours(project: Project) -> None:
    said = on_a_screen(project, "-p", "no:xdist", NO_COLOR="1")
    assert "4 claims" in said
    assert "left" not in said
    assert SAVE not in said


def test_it_is_quiet_where_there_is_no_screen(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PY_COLORS", "1")
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
    said = project.run().stdout.str()
    assert "\x1b[32m" in said
    assert "left" not in said
    assert SAVE not in said


@pytest.mark.parametrize(
    ("verbosity", "markup", "environment", "watched"),
    [
        (0, True, {}, True),
        (2, True, {"CI": "", "TERM": "xterm"}, True),
        (-1, True, {}, False),
        (0, False, {}, False),
        (0, True, {"CI": "true"}, False),
        (0, True, {"BUILD_NUMBER": "7"}, False),
    ],
)
def test_it_is_quiet_under_ci_and_where_less_was_asked_for(
    verbosity: int, markup: bool, environment: dict[str, str], watched: bool
) -> None:
    reporter: Any = SimpleNamespace(verbosity=verbosity, hasmarkup=markup)
    assert is_watched(reporter, environment) is watched
    assert not is_watched(None, {})


def test_the_line_names_the_claim_that_runs_longest() -> None:
    running = {"b-claim": 5.0, "a-claim": 2.5, "c-claim": 7.0}
    assert line(running, 9.0, 12, 30, 80) == "  a-claim (+2) 6 s, 12 of 30 left"
    assert line({"a-claim": 2.0}, 3.2, 1, 30, 80) == "  a-claim 1 s, 1 of 30 left"


def test_the_line_fits_or_is_not_there() -> None:
    running = {"a-claim-of-a-very-long-name": 0.0}
    whole = line(running, 1.0, 400, 424, 80)
    assert line(running, 1.0, 400, 424, len(whole)) == whole
    for width in range(LEAST, len(whole)):
        cut = line(running, 1.0, 400, 424, width)
        assert len(cut) == width
        assert cut.endswith("...")
    assert line(running, 1.0, 400, 424, LEAST - 1) == line({}, 1.0, 1, 1, 80) == ""
