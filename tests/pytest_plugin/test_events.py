"""Events: what a reporter in the user's conftest.py is told, when, and in which process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.pytest_plugin.projects import RECORD, Project, with_fatal

pytest_plugins = ["pytester"]

REPORTER = """
import json
import os
import sys
from pathlib import Path

from theorycheck.pytest_plugin.events import ClaimChanged, ClaimExamined, ClaimStarted, RunFinished

HERE = Path(__file__).parent


def write(name, line):
    with (HERE / name).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\\n")


def pytest_configure(config):
    write("loaded", "worker" if hasattr(config, "workerinput") else "controller")


def pytest_theorycheck_event(event):
    match event:
        case ClaimStarted(claim):
            told = ["started", claim]
            write("ready", "theorycheck.claims.entries" in sys.modules)
        case ClaimExamined(examination):
            entry, certificate = examination.entry, examination.certificate
            shown = certificate and [certificate["claim"], certificate["left"]]
            told = ["examined", entry.id, entry.verdict, entry.reason, shown]
        case ClaimChanged(claim, how):
            told = ["changed", claim, how]
        case RunFinished(report, certificates, changes, new):
            [run] = report.runs
            verdicts = [[entry.id, entry.verdict] for entry in report.claims]
            shown = {name: content["left"] for name, content in certificates.items()}
            told = ["finished", run.finished, verdicts, shown, list(changes), list(new)]
            write("report", report.document())
            write("certificates", dict(certificates))
    write("events", told)
    write("processes", os.getpid())
"""

EXAMINED: dict[str, list[Any]] = {
    "true-claim": ["holds", "no counterexample; control refuted", None],
    "blunt-check": [
        "vacuous",
        "nothing meets the hypotheses: the directed search came no closer than 1 (distance from its"
        " successor)",
        None,
    ],
    "false-claim": ["refuted", "counterexample: 7 ≤ 6 is false (integers)", ["false-claim", "7"]],
}
"""What is found of the toy claims: verdict, reason, and claim and left side of the certificate."""
CERTIFICATES = {"certificates/false-claim.json": "7"}


def about(name: str) -> list[Any]:
    """The events of a claim that is examined and has the verdict on record."""
    return [["started", name], ["examined", name, *EXAMINED[name]]]


ALL = [event for name in EXAMINED for event in about(name)]


FATAL = {"fatal-claim": "undecided"}


def finished(
    *changes: str,
    complete: bool = True,
    more: Mapping[str, str] = {},
    new: Sequence[str] = (),
) -> list[Any]:
    verdicts = [list(pair) for pair in {**RECORD, **more}.items()]
    return ["finished", complete, verdicts, CERTIFICATES, list(changes), list(new)]


@pytest.fixture
def told(project: Project) -> Project:
    """The project, with a reporter that writes down what it is told."""
    (project.path / "conftest.py").write_text(REPORTER, encoding="utf-8")
    return project


def lines(project: Project, name: str) -> list[Any]:
    path = project.path / name
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def test_a_run_in_one_process(told: Project) -> None:
    assert told.run().ret == 0
    assert lines(told, "events") == [*ALL, finished()]
    assert set(lines(told, "processes")) == {os.getpid()}


def test_report_and_certificates_are_those_that_are_written(told: Project) -> None:
    told.run()
    [report] = lines(told, "report")
    assert report == json.loads((told.path / "reports/claims.json").read_text(encoding="utf-8"))
    assert list(report) == ["schema_version", "run", "claims", "digest"]
    [contents] = lines(told, "certificates")
    assert {entry["certificate"] for entry in report["claims"]} - {None} == set(contents)
    for name, content in contents.items():
        written = (told.path / "reports" / name).read_text(encoding="utf-8")
        assert json.loads(written) == content


def test_workers_are_silent_and_the_events_of_each_claim_are_in_order(told: Project) -> None:
    """The process that listens has loaded what it needs before it hears of the first claim."""
    process = told.start("-n", "2")
    assert process.wait() == 0
    assert sorted(lines(told, "loaded")) == ["controller", "worker", "worker"]
    events = lines(told, "events")
    assert set(lines(told, "processes")) == {process.pid}
    assert len(events) == len(ALL) + 1
    assert lines(told, "ready") == [True] * len(EXAMINED)
    assert events[-1] == finished()
    for name in EXAMINED:
        assert [event for event in events if event[1] == name] == about(name)


def test_a_changed_verdict_is_told_after_its_examination(told: Project) -> None:
    told.record({"true-claim": "refuted", "false-claim": "refuted"})
    assert told.run().ret == 1
    changed = "true-claim: on record as refuted, now holds (no counterexample; control refuted)"
    assert lines(told, "events") == [
        *about("true-claim"),
        ["changed", "true-claim", changed],
        *about("blunt-check"),
        *about("false-claim"),
        finished(changed, new=["blunt-check"]),
    ]


@pytest.mark.parametrize("recorded", ["holds", "refuted"])
def test_a_check_that_fails_is_an_examination_too(told: Project, recorded: str) -> None:
    told.write(with_fatal("raising"))
    told.record({**RECORD, "fatal-claim": recorded})
    assert told.run().ret == 1
    reason = "the check failed: RuntimeError: no such luck"
    change = f"fatal-claim: on record as {recorded}, now undecided ({reason})"
    assert lines(told, "events") == [
        *ALL,
        ["started", "fatal-claim"],
        ["examined", "fatal-claim", "undecided", reason, None],
        ["changed", "fatal-claim", change],
        finished(change, more=FATAL),
    ]


ENDED = (
    "fatal-claim: on record as holds, now undecided (the run ended before this claim was examined)"
)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_interrupted_run_ends_with_what_it_has(told: Project, workers: str) -> None:
    told.write(with_fatal("sleeping"))
    told.record({**RECORD, "fatal-claim": "holds"})
    assert told.interrupt("-n", workers, "--dist", "loadfile") == 2
    assert lines(told, "events") == [
        *ALL,
        ["started", "fatal-claim"],
        finished(ENDED, complete=False, more=FATAL),
    ]


def test_a_claim_whose_worker_dies_is_started_and_not_examined(told: Project) -> None:
    told.write(with_fatal("killed"))
    told.record({**RECORD, "fatal-claim": "holds"})
    assert told.run_parallel(workers=2).ret == 1
    events = lines(told, "events")
    assert [event for event in events if event[1] == "fatal-claim"] == [["started", "fatal-claim"]]
    assert events[-1] == finished(ENDED, complete=False, more=FATAL)
    for name in EXAMINED:
        assert [event for event in events if event[1] == name] == about(name)


@pytest.mark.parametrize("arguments", [["--collect-only"], ["--claims", "no-such-claim"]])
def test_nothing_is_told_of_a_run_that_examines_nothing(
    told: Project, arguments: list[str]
) -> None:
    told.run(*arguments)
    assert lines(told, "loaded") == ["controller"]
    assert lines(told, "events") == []


@pytest.mark.parametrize("workers", ["0", "2"])
def test_nothing_is_told_of_a_run_without_claims(told: Project, workers: str) -> None:
    told.write("def test_nothing():\n    pass\n")
    told.record({})
    assert told.start("-n", workers).wait() == 0
    assert "controller" in lines(told, "loaded")
    assert lines(told, "events") == []


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_that_has_lost_all_its_claims_is_told(told: Project, workers: str) -> None:
    told.write("def test_nothing():\n    pass\n")
    assert told.start("-n", workers).wait() == 1
    changes = [f"{name}: on record as {RECORD[name]}, not examined" for name in sorted(RECORD)]
    assert lines(told, "events") == [["finished", True, [], {}, changes, []]]


def test_only_the_claims_that_are_asked_for_are_told(told: Project) -> None:
    assert told.run("--claims", "blunt-check,true-claim").ret == 0
    verdicts = [[name, RECORD[name]] for name in ("true-claim", "blunt-check")]
    last = ["finished", True, verdicts, {}, [], []]
    assert lines(told, "events") == [*about("true-claim"), *about("blunt-check"), last]


BROKEN = """
from theorycheck.errors import ExitCode
from theorycheck.pytest_plugin.events import {event}


def pytest_theorycheck_event(event):
    return ExitCode.BAD_INPUT if isinstance(event, {event}) else None
"""


@pytest.mark.parametrize(
    ("event", "code"),
    [("RunFinished", 4), ("ClaimStarted", 0), ("ClaimExamined", 0), ("ClaimChanged", 0)],
)
def test_a_reporter_chooses_the_exit_code_when_the_run_is_over(
    project: Project, event: str, code: int
) -> None:
    """And keeps nobody else from reporting."""
    (project.path / "conftest.py").write_text(BROKEN.format(event=event), encoding="utf-8")
    assert project.run().ret == code
    assert project.verdicts() == RECORD


def test_a_reporter_that_could_do_its_work_leaves_the_exit_code_of_the_run(told: Project) -> None:
    told.record({**RECORD, "true-claim": "refuted"})
    assert told.run().ret == 1
    assert lines(told, "events")[-1][0] == "finished"
    content = BROKEN.format(event="RunFinished").replace("BAD_INPUT", "OK")
    (told.path / "conftest.py").write_text(content, encoding="utf-8")
    assert told.run().ret == 1


def test_of_two_reporters_the_worst_exit_code_counts(project: Project) -> None:
    for folder, code in ((".", "INTERNAL_ERROR"), ("properties", "VERDICT_CHANGED")):
        content = BROKEN.format(event="RunFinished").replace("BAD_INPUT", code)
        (project.path / folder / "conftest.py").write_text(content, encoding="utf-8")
    assert project.run().ret == 3
