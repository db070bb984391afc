"""Sessions: what is asked for is checked first, and processes and seeds do not matter."""

from __future__ import annotations

import json
import os
import signal

import pytest
import torch
from msgspec import convert

from tests.pytest_plugin.projects import (
    PROPERTIES,
    RECORD,
    TRAINED,
    Project,
    error_lines,
    with_fatal,
)
from theorycheck import reports
from theorycheck.claims.courses import Course
from theorycheck.cli.commands import main

pytest_plugins = ["pytester"]


def test_entries_have_every_promised_field(project: Project) -> None:
    project.run()
    document = json.loads((project.path / "reports/claims.json").read_text(encoding="utf-8"))
    assert document["schema_version"] == reports.SCHEMA_VERSION
    run = document["run"]
    assert {"profile", "seed", "device", "images", "finished", "sources"} == run.keys()
    assert run["sources"]["claims"].keys() == {"properties", "pyproject.toml", "tox.ini"}
    promised = {
        "id", "title", "kind", "sources", "statement", "hypotheses", "verdict", "reason",
        "examples", "tightest", "control", "certificate", "enough", "seeds",
    }  # fmt: skip
    for entry in document["claims"]:
        assert promised <= entry.keys()
        assert {"tried", "met", "fraction", "rejected"} <= entry["examples"].keys()
        assert entry["seeds"] == [0]
        assert {"paper", "place"} <= entry["sources"][0].keys()


def test_control_that_survives_leaves_the_claim_undecided(project: Project) -> None:
    project.write(PROPERTIES.replace("number - setting.altered", "number"))
    project.run()
    assert "no power" in project.entries()["true-claim"]["reason"]


def test_serial_and_parallel_runs_agree_byte_for_byte(project: Project) -> None:
    assert project.run("--report-dir", "serial").ret == 0
    assert project.run_parallel("--report-dir", "parallel", workers=2).ret == 0
    for name in ("claims.json", "claims.html", "claims.md"):
        serial, parallel = (project.path / folder / name for folder in ("serial", "parallel"))
        assert serial.read_bytes() == parallel.read_bytes()


ORDERS: dict[str, list[str]] = {
    "as collected": [],
    "of the files": ["properties/test_toy.py", "properties/test_again.py"],
    "new files first": ["properties", "--nf"],
    "backwards": ["properties", "-p", "backwards"],
    "backwards, in parallel": ["properties", "-p", "backwards", "-n", "2"],
}
BACKWARDS = "def pytest_collection_modifyitems(items):\n    items.reverse()\n"


@pytest.mark.parametrize("order", ORDERS)
def test_the_order_of_a_run_is_not_that_of_its_report(project: Project, order: str) -> None:
    (project.path / "backwards.py").write_text(BACKWARDS)
    project.pytester.syspathinsert()
    text = PROPERTIES.replace("-claim", "-again").replace("-check", "-again")
    (project.path / "properties/test_again.py").write_text(text)
    os.utime(project.path / "properties/test_again.py", (0, 0))
    project.run_apart(*ORDERS[order])
    names = ["true-claim", "blunt-check", "false-claim"]
    again = ["true-again", "blunt-again", "false-again"]
    assert list(project.entries()) == [*again, *names]


def test_courses_of_trainings_are_the_same_in_all_processes_and_add_up_by_seed(
    project: Project,
) -> None:
    project.write(PROPERTIES + TRAINED)
    project.record({**RECORD, "decay-shrinks": "holds"})
    assert project.run("--report-dir", "serial").ret == 0
    assert project.run_parallel("--report-dir", "parallel", workers=2).ret == 0
    for name in ("claims.json", "claims.html", "claims.md"):
        serial, parallel = (project.path / folder / name for folder in ("serial", "parallel"))
        assert serial.read_bytes() == parallel.read_bytes()
    page = (project.path / "serial/claims.html").read_text(encoding="utf-8")
    assert "Over training: sphere" in page
    assert project.run("--report-dir", "other", "--seed", "1").ret == 0
    assert main(["merge", "serial", "other", "--report-dir", "both"]) == 0
    courses = [
        project.entries(folder)["decay-shrinks"]["courses"]["sphere"]
        for folder in ("serial", "other", "both")
    ]
    one, other, both = (convert(course, Course) for course in courses)
    assert both == one + other
    assert one.lines != other.lines
    assert [line.words for line in both.lines] == ["size with decay", "without"]


def test_seeds_differ_in_examples_and_agree_in_verdicts(project: Project) -> None:
    reports = []
    for seed in ("1", "2"):
        assert project.run("--seed", seed).ret == 0
        reports.append(project.verdicts())
    assert reports[0] == reports[1] == RECORD


def test_all_workers_use_the_fresh_seed_of_the_run(project: Project) -> None:
    assert project.run_parallel("--profile", "explore", workers=2).ret == 0
    [run] = reports.load_report(project.path / "reports/claims.json").runs
    assert {tuple(entry["seeds"]) for entry in project.entries().values()} == {(run.seed,)}
    assert run.seed != 0
    assert (run.profile, run.finished) == ("explore", True)


def test_a_seed_may_have_any_number_of_digits(project: Project) -> None:
    assert project.run("--seed", str(2**70)).ret == 0
    assert all(entry["seeds"] == [2**70] for entry in project.entries().values())


def test_reports_of_serial_and_parallel_runs_merge(project: Project) -> None:
    project.run("--seed", "1", "--report-dir", "one")
    project.run_parallel("--seed", "2", "--report-dir", "two", workers=2)
    assert main(["merge", "one", "two", "--report-dir", "both"]) == 0
    assert {name: e["verdict"] for name, e in project.entries("both").items()} == RECORD
    for name, entry in project.entries("both").items():
        tried = [project.entries(folder)[name]["examples"]["tried"] for folder in ("one", "two")]
        assert (entry["examples"]["tried"], entry["seeds"]) == (sum(tried), [1, 2])


def test_a_claim_is_known_by_its_new_name(project: Project) -> None:
    project.record(RECORD, renamed={"old-claim": "true-claim"})
    result = project.run("--claims", "old-claim")
    assert result.ret == 4
    assert any("old-claim, now called true-claim;" in line for line in error_lines(result))


@pytest.mark.parametrize("parallel", [False, True])
def test_unknown_claim(project: Project, parallel: bool) -> None:
    run = project.run_parallel if parallel else project.run
    result = run("--claims", "true-claim,no-such-claim")
    assert result.ret == 4
    lines = [line for line in result.errlines + result.outlines if "no-such-claim" in line]
    assert len(lines) == 1
    assert "theorycheck list" in lines[0]


def test_cuda_asked_for_and_absent(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = project.run("--device", "cuda")
    assert result.ret == 4
    assert len(error_lines(result)) == 1


@pytest.mark.parametrize(
    ("images", "complaint"),
    [
        ("faces", "unknown image data 'faces'"),
        ("mnist:", "unknown image data 'mnist:'"),
        ("mnist:nowhere", "nowhere"),
        ("cifar10:empty", "data_batch_1.bin"),
        ("mnist:short", "train-labels-idx1-ubyte holds 6 bytes"),
    ],
)
def test_unusable_image_data(project: Project, images: str, complaint: str) -> None:
    (project.path / "empty").mkdir()
    (project.path / "short").mkdir()
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (project.path / "short" / name).write_bytes(b"\0\0\x08\x03\0\0")
    result = project.run("--images", images)
    assert result.ret == 4
    [line] = error_lines(result)
    assert complaint in line


BASELINES = {
    "truncated": '{"schema_version": 1, "verd',
    "newer": '{"schema_version": 99, "verdicts": {}}',
    "versionless": '{"verdicts": {}}',
    "tableless": '{"schema_version": 1}',
    "list": "[]",
    "binary": "\udc80\udcff",
}


@pytest.mark.parametrize(
    ("fault", "parallel"), [*((fault, False) for fault in BASELINES), ("newer", True)]
)
def test_unreadable_baseline(project: Project, fault: str, parallel: bool) -> None:
    path = project.path / "reports/baseline.json"
    path.write_bytes(BASELINES[fault].encode("utf-8", "surrogateescape"))
    result = (project.run_parallel if parallel else project.run)()
    assert result.ret == 4
    lines = [line for line in result.errlines + result.outlines if "baseline.json" in line]
    assert len(lines) == 1
    assert not (project.path / "reports/claims.json").exists()


def test_report_folder_that_is_a_file(project: Project) -> None:
    (project.path / "occupied").write_text("")
    result = project.run("--report-dir", "occupied/reports")
    assert result.ret == 4
    assert "--report-dir" in error_lines(result)[0]


def test_killed_worker_loses_only_its_claim(project: Project) -> None:
    project.write(with_fatal("killed"))
    project.record({**RECORD, "fatal-claim": "holds"})
    result = project.run_parallel(workers=2)
    assert result.ret == 1
    assert project.verdicts() == {**RECORD, "fatal-claim": "undecided"}
    assert "ended before" in project.entries()["fatal-claim"]["reason"]
    seeds = {name: entry["seeds"] for name, entry in project.entries().items()}
    assert seeds == {**{name: [0] for name in RECORD}, "fatal-claim": []}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_ctrl_c_writes_the_report(project: Project, workers: str) -> None:
    project.write(with_fatal("sleeping"))
    assert project.interrupt("-n", workers, "--dist", "loadfile") == 2
    assert project.verdicts() == {**RECORD, "fatal-claim": "undecided"}


def test_repeated_claim_id(project: Project) -> None:
    project.write(PROPERTIES + PROPERTIES[PROPERTIES.index("@toy(") :].replace("def ", "def x_"))
    result = project.run()
    assert result.ret == 4
    assert "claim id used twice" in error_lines(result)[0]


def test_other_tests_are_left_alone(pytester: pytest.Pytester) -> None:
    (pytester.path / "reports").mkdir()
    (pytester.path / "reports/baseline.json").write_text("not ours")
    pytester.makepyfile("def test_nothing(): pass")
    assert pytester.runpytest_inprocess("-p", "no:xdist").ret == 0
    assert not (pytester.path / "reports/claims.json").exists()


def test_ctrl_c_is_heard_where_the_tests_run_in_the_background_of_a_shell(project: Project) -> None:
    """There SIGINT is ignored, which processes inherit."""
    project.write(with_fatal("sleeping"))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert project.interrupt() == 2
    finally:
        signal.signal(signal.SIGINT, before)
