"""The pytest plugin as a user meets it: verdicts, records, interruptions and bad input."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from theorycheck import kernel, reports
from theorycheck.claims import certificates
from theorycheck.cli.commands import main
from theorycheck.reports import documents

pytest_plugins = ["pytester"]

PROPERTIES = '''
import os
from pathlib import Path
import signal
import time

import numpy as np
from hypothesis import strategies as st
from theorycheck.arithmetic import Case
from theorycheck.claims import Formal, Paper, claim
from theorycheck.claims import Observation, equality
from theorycheck.networks import mlp

PAPER = Paper("toy2020", "A toy", "N. N.", 2020)


def toy(id, **changes):
    fields = dict(
        title=id, kind="identity", sources=[PAPER.at("Eq. 1")], statement="1 = 1",
        hypotheses=["none"], control="one less", on={"number": st.integers(0, 50)}, enough=5,
    )
    return claim(id, **{**fields, **changes})


@toy("true-claim")
def true_claim(setting, number):
    """A number is itself."""
    yield equality(np.array([number]), np.array([number - setting.altered]), "integers")


@toy("blunt-check")
def blunt_check(setting, number):
    """The control is as true as the claim, so that the check shows nothing."""
    yield equality(np.array([number]), np.array([number]), "integers")


def single(weight):
    array = np.array([[[float(weight)]]])
    return Case(mlp([1, 1]), (array,), array)


@toy(
    "false-claim",
    on={"case": st.builds(single, st.integers(0, 50))},
    formal=Formal("W[0][0][0] <= 6"),
)
def false_claim(setting, case):
    """No weight exceeds 6."""
    weight = int(case.parameters[0][0, 0, 0])
    yield Observation(
        weight <= 6 - setting.altered, str(weight), "≤", "6", "integers",
        case=lambda: case, tightness=weight / 6,
    )
'''

TIGHT = '''

@toy(
    "wide-claim",
    on={"case": st.builds(single, st.integers(0, 50))},
    formal=Formal("W[0][0][0] <= 50"),
)
def wide_claim(setting, case):
    """No weight exceeds 50."""
    weight = int(case.parameters[0][0, 0, 0])
    yield Observation(
        weight <= 50 - 45 * setting.altered, str(weight), "≤", "50", "integers",
        case=lambda: case, tightness=weight / 50,
    )
'''
"""A claim that holds, and whose tightest example depends on the seed of the run."""

FATAL = {
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "raising": "raise RuntimeError('no such luck')",
    "sleeping": "Path('asleep').touch(); time.sleep(60)",
}


def with_fatal(kind: str) -> str:
    """The properties, and last a claim whose check ends badly."""
    return (
        PROPERTIES
        + f'''

@toy("fatal-claim", on={{}})
def fatal_claim(setting):
    """Does not return."""
    {FATAL[kind]}
    yield
'''
    )


RECORD = {"true-claim": "holds", "blunt-check": "undecided", "false-claim": "refuted"}


class Project:
    """A folder with property files, run by pytest in this process or in a new one."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        pytester.makeini("[pytest]\nfilterwarnings = error\n")
        self.write(PROPERTIES)
        self.record(RECORD)

    def write(self, text: str) -> None:
        folder = self.path / "properties"
        folder.mkdir(exist_ok=True)
        (folder / "test_toy.py").write_text(text, encoding="utf-8")

    def record(self, verdicts: dict[str, str]) -> None:
        folder = self.path / "reports"
        folder.mkdir(exist_ok=True)
        (folder / "baseline.json").write_text(reports.baseline_text(verdicts), encoding="utf-8")

    def run(self, *arguments: str) -> pytest.RunResult:
        # This process has imported the plugin before, of which pytest warns.
        quiet = ("-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning")
        return self.pytester.runpytest_inprocess("properties", *quiet, *arguments)

    def run_parallel(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_subprocess("properties", "-n", "2", *arguments)

    def entries(self, folder: str = "reports") -> dict[str, dict[str, Any]]:
        document = reports.load_report(self.path / folder / "claims.json")
        return {entry["id"]: entry for entry in document["claims"]}

    def verdicts(self) -> dict[str, str]:
        return {name: entry["verdict"] for name, entry in self.entries().items()}


@pytest.fixture
def project(pytester: pytest.Pytester, no_properties: None) -> Project:
    return Project(pytester)


def error_lines(result: pytest.RunResult) -> list[str]:
    return [line for line in result.errlines + result.outlines if line.startswith("ERROR: ")]


def test_verdicts_on_record_make_the_run_green(project: Project) -> None:
    result = project.run()
    assert result.ret == 0
    assert project.verdicts() == RECORD
    result.stdout.fnmatch_lines(["*verdicts*", "refuted *false-claim *", "3 claims: *"])
    text = (project.path / "reports/claims.md").read_text(encoding="utf-8")
    assert "### false-claim" in text
    assert "W[1,0] = [ 7 ]" in text


def test_entries_have_every_promised_field(project: Project) -> None:
    project.run()
    document = json.loads((project.path / "reports/claims.json").read_text(encoding="utf-8"))
    assert document["schema_version"] == reports.SCHEMA_VERSION
    assert {"profile", "seed", "device", "versions", "seconds"} <= document["run"].keys()
    promised = {
        "id", "title", "kind", "sources", "statement", "hypotheses", "verdict", "reason",
        "examples", "tightest", "control", "certificate", "seconds", "enough", "seeds",
    }  # fmt: skip
    for entry in document["claims"]:
        assert promised <= entry.keys()
        assert {"tried", "met", "fraction", "rejected"} <= entry["examples"].keys()
        assert entry["seeds"] == [0]
        assert {"paper", "place"} <= entry["sources"][0].keys()


CERTIFICATE = "reports/certificates/false-claim.json"


def test_counterexamples_are_minimal_and_saved(project: Project) -> None:
    project.run()
    entry = project.entries()["false-claim"]
    assert (entry["counterexample"]["left"], entry["counterexample"]["right"]) == ("7", "6")
    assert f"reports/{entry['certificate']}" == CERTIFICATE
    certificate = certificates.load(project.path / CERTIFICATE)
    assert certificate["case"]["parameters"] == [[[["7"]]]]
    assert (certificate["claim"], certificate["shows"]) == ("false-claim", "refuted")
    assert (certificate["left"], certificate["right"]) == ("7", "6")
    assert certificate["version"] == entry["version"]


def test_tightest_examples_are_saved(project: Project) -> None:
    project.write(PROPERTIES + TIGHT)
    project.run()
    entry = project.entries()["wide-claim"]
    certificate = certificates.load(project.path / "reports" / entry["certificate"])
    assert certificate["shows"] == "tight"
    assert certificate["case"] == entry["tightest"]["case"]
    assert certificate["left"] == entry["tightest"]["left"]


def test_a_claim_without_a_formal_statement_has_no_certificate(project: Project) -> None:
    project.write(PROPERTIES.replace('formal=Formal("W[0][0][0] <= 6"),', ""))
    assert project.run().ret == 0
    entry = project.entries()["false-claim"]
    assert (entry["verdict"], entry["certificate"], entry["version"]) == ("refuted", None, None)
    assert not (project.path / CERTIFICATE).exists()


def with_weight(project: Project, weight: int) -> None:
    """Put another example in the certificate, and seal it anew."""
    path = project.path / CERTIFICATE
    document = json.loads(path.read_text(encoding="utf-8"))
    document["case"]["parameters"] = [[[[str(weight)]]]]
    document["left"] = str(weight)
    del document["digest"]
    path.write_text(json.dumps({**document, "digest": kernel.digest(document)}))


@pytest.mark.parametrize("parallel", [False, True])
def test_certificate_on_record_is_replayed_first(project: Project, parallel: bool) -> None:
    project.run()
    with_weight(project, 40)
    assert (project.run_parallel if parallel else project.run)().ret == 0
    assert project.entries()["false-claim"]["counterexample"]["left"] == "40"


def test_certificate_is_replayed_also_when_the_search_finds_nothing(project: Project) -> None:
    project.run()
    with_weight(project, 60)
    project.write(PROPERTIES.replace("st.integers(0, 50))}", "st.integers(0, 3))}"))
    project.run()
    entry = project.entries()["false-claim"]
    assert (entry["verdict"], entry["counterexample"]["left"]) == ("refuted", "60")


def reason(project: Project) -> str:
    """Why the claim with the certificate, and no other, is undecided."""
    assert project.verdicts() == {**RECORD, "false-claim": "undecided"}
    return str(project.entries()["false-claim"]["reason"])


BROKEN = {
    "{": "not JSON",
    "[]": "not a JSON object",
    '{"schema_version": 1, "case": {}}': "the keys are not",
    "\udcff": "cannot be read",
    '{"schema_version": 2.0}': "2.0: numbers other than sizes",
}


@pytest.mark.parametrize("text", BROKEN)
def test_broken_certificate_turns_the_run_red(project: Project, text: str) -> None:
    project.run()
    (project.path / CERTIFICATE).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert project.run().ret == 1
    assert BROKEN[text] in reason(project)


def test_certificate_that_was_tampered_with_turns_the_run_red(project: Project) -> None:
    project.run()
    path = project.path / CERTIFICATE
    path.write_text(path.read_text().replace('"7"', '"40"'))
    assert project.run().ret == 1
    assert "the digest differs" in reason(project)


def test_certificate_that_the_kernel_refutes_turns_the_run_red(project: Project) -> None:
    project.run()
    with_weight(project, 1)
    assert project.run().ret == 1
    assert "the conclusion holds here" in reason(project)


def test_certificate_that_violates_nothing_turns_the_run_red(project: Project) -> None:
    """The engine no longer agrees with the kernel on the example."""
    project.run()
    project.write(PROPERTIES.replace("weight <= 6 -", "weight <= 7 -"))
    result = project.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*no longer violates false-claim*"])
    assert "no longer violates false-claim" in reason(project)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('Formal("W[0][0][0] <= 6")', 'Formal("W[0][0][0] <= 2 * 3")'),
        ('statement="1 = 1"', 'statement="1 = 2"'),
        ('hypotheses=["none"]', 'hypotheses=["some"]'),
    ],
)
def test_certificate_of_another_statement_turns_the_run_red(
    project: Project, old: str, new: str
) -> None:
    project.run()
    project.write(PROPERTIES.replace(old, new))
    assert project.run().ret == 1
    assert "the statement of false-claim has changed since; delete it" in reason(project)


def test_violation_that_the_kernel_does_not_confirm_is_undecided(project: Project) -> None:
    project.write(PROPERTIES.replace('"W[0][0][0] <= 6"', '"W[0][0][0] <= 7"'))
    assert project.run().ret == 1
    assert reason(project) == (
        "counterexample: 7 ≤ 6 is false (integers); the kernel: the conclusion is nowhere false"
    )
    assert project.entries()["false-claim"]["certificate"] is None


@pytest.mark.parametrize("recorded", ["refuted", None])
def test_changed_verdict_names_the_claim(project: Project, recorded: str | None) -> None:
    changed = {**RECORD, "true-claim": recorded} if recorded else {"blunt-check": "undecided"}
    project.record({k: v for k, v in changed.items() if v})
    result = project.run("--claims", "true-claim,blunt-check")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["CHANGED true-claim: *now holds*"])


def test_control_that_survives_leaves_the_claim_undecided(project: Project) -> None:
    project.run()
    assert "no power" in project.entries()["blunt-check"]["reason"]


def verdict_part(project: Project, folder: str) -> str:
    return reports.verdict_part(reports.load_report(project.path / folder / "claims.json"))


def test_serial_and_parallel_runs_agree_byte_for_byte(project: Project) -> None:
    assert project.run("--report-dir", "serial").ret == 0
    assert project.run_parallel("--report-dir", "parallel").ret == 0
    assert verdict_part(project, "serial") == verdict_part(project, "parallel")


def test_seeds_differ_in_examples_and_agree_in_verdicts(project: Project) -> None:
    reports = []
    for seed in ("1", "2"):
        assert project.run("--seed", seed).ret == 0
        reports.append(project.verdicts())
    assert reports[0] == reports[1] == RECORD


def test_reports_of_serial_and_parallel_runs_merge(project: Project) -> None:
    project.run("--seed", "1", "--report-dir", "one")
    project.run_parallel("--seed", "2", "--report-dir", "two")
    assert main(["merge", "one", "two", "--report-dir", "both"]) == 0
    assert {name: e["verdict"] for name, e in project.entries("both").items()} == RECORD
    for name, entry in project.entries("both").items():
        tried = [project.entries(folder)[name]["examples"]["tried"] for folder in ("one", "two")]
        assert (entry["examples"]["tried"], entry["seeds"]) == (sum(tried), [1, 2])


def test_quick_profile_tries_fewer_examples(project: Project) -> None:
    project.run()
    usual = project.entries()["true-claim"]["examples"]["tried"]
    project.run("--profile", "quick")
    assert project.entries()["true-claim"]["examples"]["tried"] < usual


@pytest.mark.parametrize("parallel", [False, True])
def test_unknown_claim(project: Project, parallel: bool) -> None:
    run = project.run_parallel if parallel else project.run
    result = run("--claims", "true-claim,no-such-claim")
    assert result.ret == 4
    lines = [line for line in result.errlines + result.outlines if "no-such-claim" in line]
    assert len(lines) == 1
    assert "theorycheck list" in lines[0]


@pytest.mark.parametrize("option", ["--profile", "--device"])
def test_unknown_profile_or_device(project: Project, option: str) -> None:
    result = project.run(option, "warp")
    assert result.ret == 4
    assert any("warp" in line and "choose from" in line for line in result.errlines)


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


def test_full_disk_saves_the_report_elsewhere(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = reports.write_atomically

    def full(path: Path, text: str) -> None:
        if path.is_relative_to(project.path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, text)

    monkeypatch.setattr(documents, "write_atomically", full)
    result = project.run()
    assert result.ret == 4
    [line] = error_lines(result)
    assert "No space left" in line
    saved = reports.load_report(Path(line.rpartition(" ")[2]) / "claims.json")
    assert len(saved["claims"]) == 3


def test_failed_write_leaves_the_previous_file(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    reports.write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        reports.write_atomically(path, "\udc80")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_check_that_raises_loses_only_its_claim(project: Project) -> None:
    project.write(with_fatal("raising"))
    project.record({**RECORD, "fatal-claim": "holds"})
    assert project.run().ret == 1
    assert project.verdicts() == {**RECORD, "fatal-claim": "undecided"}
    assert "no such luck" in project.entries()["fatal-claim"]["reason"]


def test_killed_worker_loses_only_its_claim(project: Project) -> None:
    project.write(with_fatal("killed"))
    project.record({**RECORD, "fatal-claim": "holds"})
    result = project.run_parallel()
    assert result.ret == 1
    assert project.verdicts() == {**RECORD, "fatal-claim": "undecided"}
    assert "ended before" in project.entries()["fatal-claim"]["reason"]
    seeds = {name: entry["seeds"] for name, entry in project.entries().items()}
    assert seeds == {**{name: [0] for name in RECORD}, "fatal-claim": []}


def start(project: Project, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", "properties", *arguments]
    return subprocess.Popen(
        command, cwd=project.path, stdout=subprocess.DEVNULL, start_new_session=True
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_ctrl_c_writes_the_report(project: Project, workers: str) -> None:
    project.write(with_fatal("sleeping"))
    process = start(project, ["-n", workers, "--dist", "loadfile"])
    while not (project.path / "asleep").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait() == 2
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
