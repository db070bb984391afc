"""The command line: a thin layer over plugin and report, with documented exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.kernel.examples import certificate
from tests.pytest_plugin.projects import versions_in
from tests.reports.entries import sealed
from theorycheck.cli import commands
from theorycheck.cli.commands import main
from theorycheck.errors import ExitCode
from theorycheck.reports import Baseline, load_baseline
from theorycheck.reports.baseline import OnRecord
from theorycheck.reports.sources import Sources

PROPERTIES = '''
import numpy as np
from hypothesis import strategies as st
from theorycheck.claims import claim
from theorycheck.claims import equality


@claim(
    "true-claim", title="A number is itself", kind="identity", sources=[], statement="n = n",
    hypotheses=["none"], control="one less", on={"number": st.integers(0, 50)}, enough=5,
)
def true_claim(setting, number):
    """A number is itself."""
    yield equality(np.array([number]), np.array([number - setting.altered]), "integers")
'''


VIOLATION = {
    "holds": False, "left": "1", "relation": "=", "right": "0", "tightness": None,
    "arithmetic": "integers", "reader": None, "kernel": None, "degenerate": None,
    "note": None, "case": None,
}  # fmt: skip


VERSION = versions_in(PROPERTIES)["true-claim"]


def entry(**changes: Any) -> dict[str, Any]:
    counts = {
        "tried": 9, "met": 9, "degenerate": 0, "open": 0, "counted": 9, "agreed": 0, "corners": {},
        "trivially": [], "rejected": {}, "strata": {}, "fraction": 1.0,
    }  # fmt: skip
    found: dict[str, Any] = {
        "examples": counts, "tightest": None, "counterexample": None, "nearest": None,
        "arithmetic": [], "fingerprints": ["0123456789abcdef"],
    }  # fmt: skip
    return {
        "id": "true-claim", "title": "A number is itself", "kind": "identity", "sources": [],
        "statement": "n = n", "description": "Words.", "hypotheses": ["none"],
        "formula": [], "corrects": None,
        "enough": 5, "version": VERSION, "formal_version": None, "verdict": "holds",
        "reason": "no counterexample", **found,
        "strength": {"level": "sampled", "architectures": 0, "largest": 0, "reason": None},
        "control": {"statement": "one less", **found, "counterexample": VIOLATION},
        "positive": None, "certificate": None, "seeds": [0], **changes,
    }  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_properties: None) -> Path:
    """The current folder, with one claim on record and its report."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "properties").mkdir()
    (tmp_path / "properties/test_toy.py").write_text(PROPERTIES)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    write(tmp_path, [entry()], {"true-claim": "holds"})
    return tmp_path


def write(folder: Path, entries: list[dict[str, Any]], record: dict[str, OnRecord]) -> None:
    """A report, as text that no class has made, and a record."""
    run = {
        "profile": "default", "seed": 0, "device": "cpu", "images": "digits",
        "finished": True, "sources": msgspec.to_builtins(Sources.of(folder, ["properties"])),
    }  # fmt: skip
    (folder / "reports").mkdir(exist_ok=True)
    document = {"schema_version": 4, "run": run, "claims": entries}
    (folder / "reports/claims.json").write_text(json.dumps(sealed(document)))
    (folder / "reports/baseline.json").write_text(on_record(record).text())


WORDING = {
    "true-claim": (
        "identity: A number is itself", "as n = n", "hypothesis: none", "control: one less",
        "enough: 5",
    )
}  # fmt: skip


def on_record(verdicts: dict[str, OnRecord], **tables: Any) -> Baseline:
    """With the statement that the entry has."""
    versions = {name: VERSION for name in verdicts if name == "true-claim"}
    return Baseline(verdicts=verdicts, versions=versions, **tables)


def test_module_runs_and_documents_its_exit_codes(project: Path) -> None:
    command = [sys.executable, "-m", "theorycheck", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for code in ExitCode:
        assert f"\n  {code.value}  " in text


def test_list(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert capsys.readouterr().out == "true-claim  identity    A number is itself\n"


def test_reader_that_stops_reading_is_no_error(project: Path) -> None:
    command = f"{sys.executable} -m theorycheck list | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_list_of_nothing_says_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--path", "nowhere"]) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "nowhere" in error


def test_run(project: Path) -> None:
    command = [sys.executable, "-m", "theorycheck", "run", "true-claim", "--seed", "3"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert json.loads((project / "reports/claims.json").read_text())["run"]["seed"] == 3


def test_run_from_an_installed_wheel_where_warnings_are_errors(project: Path) -> None:
    """pytest asks to rewrite the package of each plugin whose files an installation lists."""
    wheel = project / "site" / "theorycheck-1.dist-info"
    wheel.mkdir(parents=True)
    (wheel / "METADATA").write_text("Metadata-Version: 2.1\nName: theorycheck\nVersion: 1\n")
    (wheel / "RECORD").write_text("theorycheck/__init__.py,,\n")
    (wheel / "entry_points.txt").write_text(
        "[pytest11]\ntheorycheck = theorycheck.pytest_plugin.plugin\n"
    )
    command = [sys.executable, "-m", "theorycheck", "run", "true-claim", "-W", "error"]
    environment = {**os.environ, "PYTHONPATH": str(wheel.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_gate_agrees_with_the_record(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate"]) == 0
    assert "0 differ" in capsys.readouterr().out


def test_gate_names_what_changed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, [entry()], {"true-claim": "refuted"})
    assert main(["gate"]) == ExitCode.VERDICT_CHANGED
    assert "true-claim: on record as refuted, now holds" in capsys.readouterr().out


def test_gate_names_recorded_claims_that_the_report_lacks(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(project, [entry()], {"true-claim": "holds", "lost-claim": "holds"})
    assert main(["gate"]) == ExitCode.VERDICT_CHANGED
    assert "lost-claim: on record as holds, not examined" in capsys.readouterr().out


def test_gate_accepts_into_the_record(project: Path) -> None:
    write(project, [entry()], {"other-claim": "refuted"})
    assert main(["gate", "--accept"]) == 0
    record = load_baseline(project / "reports/baseline.json")
    expected = on_record({"other-claim": "refuted", "true-claim": "holds"}, wording=WORDING)
    assert record == expected


def test_gate_is_red_where_a_statement_changed_until_that_is_accepted(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict may be the same; a record without statements is completed alike."""
    for version, said in (
        ({**VERSION, "title": ""}, "true-claim: statement changed (title); if that is meant, rec"),
        ({}, "true-claim: statement changed (title, kind, sources"),
        (None, "true-claim: no statement on record; record it with `theorycheck gate --accept`"),
    ):
        versions = {} if version is None else {"true-claim": version}
        record = Baseline(verdicts={"true-claim": "holds"}, versions=versions)
        (project / "reports/baseline.json").write_text(record.text())
        assert main(["gate"]) == ExitCode.VERDICT_CHANGED
        assert said in capsys.readouterr().out
        assert main(["gate", "--accept"]) == 0
        assert main(["gate"]) == 0
        capsys.readouterr()


def test_gate_accepts_versions_of_statements(project: Path) -> None:
    """Those of this report; claims that it lacks keep theirs."""
    path = project / "reports/baseline.json"
    statements = {"other-claim": "0" * 16, "true-claim": "1" * 16}
    write(project, [entry(formal_version="2" * 16)], {"other-claim": "refuted"})
    path.write_text(Baseline(verdicts={"other-claim": "refuted"}, statements=statements).text())
    assert main(["gate", "--accept"]) == 0
    assert load_baseline(path).statements == {**statements, "true-claim": "2" * 16}


RENAMED = {"old-claim": "true-claim"}


def test_gate_keeps_what_was_renamed(project: Path) -> None:
    path = project / "reports/baseline.json"
    path.write_text(Baseline(verdicts={}, renamed=RENAMED).text())
    assert main(["gate", "--accept"]) == 0
    expected = on_record({"true-claim": "holds"}, renamed=RENAMED, wording=WORDING)
    assert load_baseline(path) == expected


def test_gate_names_the_new_id_of_a_renamed_claim_and_does_not_record_the_old_one(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a report has it that is older than the name."""
    version = versions_in(PROPERTIES.replace("true-claim", "old-claim"))["old-claim"]
    write(project, [entry(id="old-claim", version=version)], {})
    path = project / "reports/baseline.json"
    record = Baseline(verdicts={"true-claim": "holds"}, renamed=RENAMED).text()
    path.write_text(record)
    assert main(["gate"]) == ExitCode.VERDICT_CHANGED
    assert "old-claim, now called true-claim; run the claims again\n" in capsys.readouterr().out
    assert main(["gate", "--accept"]) == ExitCode.BAD_INPUT
    assert "old-claim, now called true-claim; run the claims again\n" in capsys.readouterr().err
    assert path.read_text() == record


def test_show_names_the_new_id_of_a_renamed_claim(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / "reports/baseline.json"
    path.write_text(Baseline(verdicts={}, renamed=RENAMED).text())
    assert main(["show", "old-claim"]) == ExitCode.BAD_INPUT
    assert "unknown claim: old-claim, now called true-claim;" in capsys.readouterr().err


def test_verify_names_the_new_id_of_a_renamed_claim(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the kernel thinks of the certificate."""
    certificates = project / "reports/certificates"
    certificates.mkdir()
    for name in ("old-claim", "true-claim"):
        (certificates / f"{name}.json").write_text(json.dumps({"claim": name}))
    record = project / "reports/baseline.json"
    for renamed in (RENAMED, {}):
        record.write_text(Baseline(verdicts={}, renamed=renamed).text())
        assert main(["verify", *map(str, certificates.iterdir())]) == 1
        said = capsys.readouterr().out
        assert ("old-claim is now called true-claim\n" in said) is bool(renamed)
        assert "true-claim is now" not in said
    record.unlink()
    assert main(["verify", "nowhere.json"]) == 1


def test_gate_accepts_nothing_undecided(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, [entry(verdict="undecided", strength=None)], {})
    assert main(["gate", "--accept"]) == ExitCode.BAD_INPUT
    assert "undecided claims go on no record: true-claim" in capsys.readouterr().err


BASELINES = {
    "no table": '{"schema_version": 1, "verdicts": {}, "statements": []}',
    "no text": '{"schema_version": 1, "verdicts": {}, "statements": {"true-claim": 3}}',
}


@pytest.mark.parametrize("fault", BASELINES)
def test_unreadable_versions_of_statements(
    project: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    (project / "reports/baseline.json").write_text(BASELINES[fault])
    assert main(["gate", "--accept"]) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "reports/baseline.json: Expected `" in error
    assert " - at `$.statements" in error
    assert "restore or delete it" in error


@pytest.mark.parametrize("command", [["report"], ["show", "true-claim"]])
def test_an_example_that_is_no_case_is_bad_input(
    project: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    example = {**VIOLATION, "case": {"inputs": []}}
    write(project, [entry(verdict="refuted", strength=None, counterexample=example)], {})
    assert main(command) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert "report reports/claims.json: claim 'true-claim' cannot be read: not a case: " in error
    assert error.count("\n") == 1
    assert not (project / "reports/claims.md").exists()


def test_report_rewrites_the_pages(project: Path) -> None:
    assert main(["report", "--commit", "0123456789abcdef"]) == 0
    assert "### A number is itself" in (project / "reports/claims.md").read_text()
    page = (project / "reports/claims.html").read_text()
    assert ("A number is itself" in page, "Commit <code>0123456789abcdef" in page) == (True, True)


def test_report_says_what_changed_since(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "old.json").write_text((project / "reports/claims.json").read_text())
    assert main(["report", "--since", "old.json"]) == 0
    assert capsys.readouterr().out.startswith("nothing differs from old.json\n")
    assert main(["report", "--since", "nowhere.json"]) == ExitCode.BAD_INPUT
    assert capsys.readouterr().err.count("\n") == 1


def test_show(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "true-claim"]) == 0
    assert "HOLDS" in capsys.readouterr().out


REPORTS = {
    "truncated": '{"schema_version": 1, "cla',
    "newer": '{"schema_version": 5, "run": {}, "claims": []}',
    "older": '{"schema_version": 3, "run": {}, "claims": []}',
    "versionless": '{"claims": []}',
    "claimless": '{"schema_version": 4, "run": {}}',
    "runless": '{"schema_version": 4, "run": {}, "claims": []}',
    "malformed": '{"schema_version": 4, "run": {"merged": []}, "claims": [{"id": 7}]}',
    "untrue": json.dumps({"schema_version": 4, "run": {"merged": []}, "claims": [entry(seeds=[])]}),
}


@pytest.mark.parametrize("command", [["report"], ["gate"], ["show", "true-claim"]])
@pytest.mark.parametrize("fault", REPORTS)
def test_unreadable_report(
    project: Path, capsys: pytest.CaptureFixture[str], fault: str, command: list[str]
) -> None:
    (project / "reports/claims.json").write_text(REPORTS[fault])
    assert main(command) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "claims.json" in error


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["show", "no-such-claim"], "no-such-claim"),
        (["gate", "--report-dir", "elsewhere"], "elsewhere"),
        (["report", "--report-dir", "elsewhere"], "elsewhere"),
        (["replay", "elsewhere.json"], "elsewhere.json"),
    ],
)
def test_missing_things_are_named(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    assert main(arguments) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert named in error


@pytest.mark.parametrize(
    "arguments", [["dance"], [], ["list", "--frob"], ["show"], ["verify"], ["replay"]]
)
def test_unusable_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == ExitCode.BAD_INPUT
    assert capsys.readouterr().err.count("\n") == 1


def test_interruption_has_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: str) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "_list", interrupted)
    assert main(["list"]) == ExitCode.INTERRUPTED


def test_verify_names_the_record_and_takes_another(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "reports/certificates").mkdir()
    path = project / "reports/certificates/a-claim.json"
    document = certificate()
    path.write_text(json.dumps(document))
    assert main(["verify", str(path)]) == 0
    assert "; the record beside it has no statement of this claim\n" in capsys.readouterr().out
    named = project / "named.json"
    named.write_text(Baseline(verdicts={}, statements={"a-claim": document["version"]}).text())
    assert main(["verify", "--record", "named.json", str(path)]) == 0
    assert "; its statement is on record in named.json\n" in capsys.readouterr().out
    named.write_text(Baseline(verdicts={}, statements={"a-claim": "another"}).text())
    assert main(["verify", str(path), "--record", "named.json"]) == 1
    assert "not the one on record for this claim in named.json" in capsys.readouterr().err
    assert main(["verify", str(path), "--record", "nowhere.json"]) == 1
    assert "REJECTED: the record nowhere.json: cannot be read" in capsys.readouterr().err
