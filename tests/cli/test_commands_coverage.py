"""``theorycheck coverage``: what of each paper is claimed, and the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reports.entries import PAPER
from theorycheck.cli.commands import main
from theorycheck.errors import ExitCode
from theorycheck.reports import Baseline

CLAIM = f'''
from theorycheck.claims import Paper, claim, equality
import numpy as np


@claim(
    "true-claim", title="One is one", kind="identity", statement="1 = 1", hypotheses=["none"],
    sources=[Paper("{PAPER.key}", "A toy", "N. N.", 2020).at("Eq. 1-2")], control="one less",
)
def true_claim(setting):
    """One is one."""
    yield equality(np.array([1]), np.array([1 - setting.altered]), "integers")
'''
ITEMS = "".join(
    f'[[items]]\nlabel = "Eq. {number}"\nwords = "w"\nsays = "equation {number}"\n'
    for number in (1, 2)
)


@pytest.fixture
def items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_properties: None) -> Path:
    """The list of items in a project, the current folder, with one claim on record."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "properties/items").mkdir(parents=True)
    (tmp_path / "reports").mkdir()
    (tmp_path / "properties/test_toy.py").write_text(CLAIM)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    record = Baseline(verdicts={"true-claim": "holds"})
    (tmp_path / "reports/baseline.json").write_text(record.text())
    path = tmp_path / "properties/items" / f"{PAPER.key}.toml"
    path.write_text(f'paper = "{PAPER.key}"\n{ITEMS}')
    return path


def test_everything_is_claimed(items: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", PAPER.key]) == ExitCode.OK
    assert capsys.readouterr().out.splitlines() == [
        "toy2020: 2 items, 2 with claims, 0 not to be checked, 0 open",
        "  Eq. 1  equation 1",
        "         holds      true-claim",
        "  Eq. 2  equation 2",
        "         holds      true-claim",
    ]


def test_an_open_item_is_red(items: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items.write_text(items.read_text() + ITEMS.replace("Eq. 1", "Eq. 3").replace("Eq. 2", "Eq. 4"))
    assert main(["coverage"]) == ExitCode.VERDICT_CHANGED
    assert capsys.readouterr().out.count("OPEN") == 2


def test_a_claim_without_a_record_is_new(items: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("reports/baseline.json").unlink()
    assert main(["coverage"]) == ExitCode.OK
    assert "new        true-claim" in capsys.readouterr().out


def test_papers_without_a_list_are_named(items: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items.unlink()
    assert main(["coverage"]) == ExitCode.OK
    assert capsys.readouterr().out == "toy2020: no list of its items\n"
    assert main(["coverage", "toy2020"]) == ExitCode.BAD_INPUT
    assert capsys.readouterr().err.strip().endswith("toy2020; listed are: none")


def test_a_list_that_is_wrong_is_bad_input_to_command_and_run(
    items: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items.write_text("paper = 7")
    assert main(["coverage"]) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "toy2020.toml" in error
    assert main(["run"]) == ExitCode.BAD_INPUT


def test_the_report_of_a_run_has_the_section(items: Path) -> None:
    main(["run"])
    assert "| toy2020 | 2 | 2 | 0 | 0 |" in Path("reports/claims.md").read_text()
