"""Flips over many seeds: stable verdicts do not flip, verdicts that hang on luck do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from theorycheck.claims.setting import PROFILES
from theorycheck.cli.commands import main
from theorycheck.cli.stability import document, measure
from theorycheck.errors import ExitCode, InputError
from theorycheck.reports import Baseline

PROPERTIES = '''
import random

import numpy as np
from hypothesis import strategies as st
from theorycheck.claims import claim
from theorycheck.claims import Observation, Pair, equality


def toy(id, **changes):
    fields = dict(
        title=id, kind="identity", sources=[], statement="1 = 1", hypotheses=["none"],
        control="another", on={"number": st.integers(0, 50)}, enough=5,
    )
    return claim(id, **{**fields, **changes})


@toy("stable-claim")
def stable_claim(setting, number):
    """A number is itself."""
    yield equality(np.array([number]), np.array([number - setting.altered]), "integers")


@toy("lucky-claim")
def lucky_claim(setting, number):
    """Its control is refuted for half of the seeds."""
    false = setting.altered and setting.seed % 2
    yield Observation(not false, "1", "=", "1", "integers")


@toy("false-claim")
def false_claim(setting, number):
    """Never found false by a search; on record is a certificate."""
    yield equality(np.array([number]), np.array([number - setting.altered]), "integers")


def pairs(setting, share):
    generator = random.Random(setting.seed)
    for _ in range(30):
        yield Pair(generator.random() < (1 - share if setting.altered else share), "heads")


@toy("clear-tendency", kind="tendency", on={})
def clear_tendency(setting):
    """Always heads."""
    yield from pairs(setting, 1.0)


@toy("weak-tendency", kind="tendency", on={})
def weak_tendency(setting):
    """Heads more often than not, which thirty pairs cannot tell."""
    yield from pairs(setting, 0.75)
'''

RECORD = {
    "stable-claim": "holds",
    "lucky-claim": "holds",
    "false-claim": "refuted",
    "clear-tendency": "holds",
    "weak-tendency": "holds",
}
RUNS = 40


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_properties: None) -> Path:
    (tmp_path / "properties").mkdir()
    (tmp_path / "properties" / "test_toy.py").write_text(PROPERTIES, encoding="utf-8")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "baseline.json").write_text(Baseline(verdicts=RECORD).text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_verdicts_that_hang_on_luck_flip_and_others_do_not(project: Path) -> None:
    path = str(project / "properties")
    outcomes = measure(path, RECORD, PROFILES["default"], runs=RUNS, pool=6, workers=1)
    flips = {outcome.claim: dict(outcome.flips) for outcome in outcomes}
    assert flips["stable-claim"] == flips["false-claim"] == flips["clear-tendency"] == {}
    assert 0 < flips["lucky-claim"]["undecided"] < RUNS
    assert flips["weak-tendency"]["undecided"] > 0
    figures = document(outcomes, PROFILES["default"], RUNS)
    assert figures["flips"] == sum(sum(found.values()) for found in flips.values())


def test_command(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["stability", "--pool", "2", "--runs", "7", "--workers", "1", "stable-claim"]
    assert main([*arguments, "--output", "figures.json"]) == ExitCode.OK
    assert capsys.readouterr().out == "1 claims, 7 runs, 4 real searches: no verdict flips\n"
    figures = json.loads((project / "figures.json").read_text())
    assert (figures["flips"], figures["runs"], figures["profile"]) == (0, 7, "quick")
    (project / "reports" / "baseline.json").write_text(
        Baseline(verdicts={"stable-claim": "refuted", "lucky-claim": "vacuous"}).text()
    )
    assert main(["stability", "--pool", "1", "--runs", "3", "lucky-claim"]) == (
        ExitCode.VERDICT_CHANGED
    )
    assert "on record as vacuous, 3 of 3 runs" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["no-such-claim"], ["--runs", "0"], ["--pool", "-1"], ["--profile", "sloppy"]]
)
def test_bad_input(project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(["stability", *arguments]) == ExitCode.BAD_INPUT
    assert capsys.readouterr().err.count("\n") == 1


def test_counts_are_checked_before_anything_is_run() -> None:
    with pytest.raises(InputError, match="at least 1"):
        measure("nowhere", {}, PROFILES["quick"], runs=1, pool=0, workers=1)
