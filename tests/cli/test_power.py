"""`theorycheck power`: what it prints, what it writes, and what it cannot do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from theorycheck.cli import power
from theorycheck.cli.commands import main
from theorycheck.cli.power import Measured
from theorycheck.errors import ExitCode
from theorycheck.reports import Baseline
from theorycheck.reports.power import Mutated, Power, load_powers

PROPERTIES = '''
import numpy as np
from hypothesis import strategies as st
import theorycheck as tc
from theorycheck.networks.specification import mlp


def weight(value):
    """A network that multiplies by a weight, at the input 1."""
    return tc.Case(mlp([1, 1]), (np.array([[[value]]]),), np.array([[[1.0]]]))


def bound(id, *values):
    return tc.stated(
        id, title="Outputs are bounded", kind="inequality", sources=[], printed="f(1) <= 4",
        given=[tc.Assumption("the weight is at most 4", "W[0][0][0] <= 4")],
        states="f(0, 0) <= 4 * x[0][0]", control=tc.altered("3", "f(0, 0) <= 3 * x[0][0]"),
        on=st.builds(weight, st.sampled_from(values)), why="Because.", enough=2, examples=30,
    )


strong = bound("strong-check", -4.0, 1.0, 4.0)
weak = bound("weak-check", -4.0, 1.0, 3.5)
refuted = bound("refuted-claim", 9.0)


@tc.claim(
    "unstated-claim", title="A number is itself", kind="identity", sources=[], statement="n = n",
    hypotheses=["none"], control="one less", on={"number": st.integers(0, 50)}, enough=5,
)
def unstated(setting, number):
    """A number is itself."""
    yield tc.equality(np.array([number]), np.array([number - setting.altered]), "integers")
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_properties: None) -> Path:
    (tmp_path / "properties").mkdir()
    (tmp_path / "properties" / "test_toy.py").write_text(PROPERTIES, encoding="utf-8")
    (tmp_path / "reports").mkdir()
    record = Baseline(
        verdicts={
            "strong-check": "holds", "weak-check": "holds", "unstated-claim": "holds",
            "refuted-claim": "refuted",
        }
    )  # fmt: skip
    (tmp_path / "reports" / "baseline.json").write_text(record.text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_claims_that_pass_go_to_a_file(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["power", "--workers", "2"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "strong-check: refuted " in said
    assert "  survived: constant: `63 / 64 * (4 * x[0][0])` for `4 * x[0][0]`" in said
    assert "no formula, and so no mutants: unstated-claim" in said
    first = (project / "reports/power.json").read_bytes()
    powers = load_powers(project / "reports/power.json")
    assert [one.claim for one in powers.claims] == ["strong-check", "weak-check"]
    assert powers.without_formula == ("unstated-claim",)
    strong, weak = powers.claims
    assert "constant" not in [one.change for one in strong.survived]
    assert "constant" in [one.change for one in weak.survived]
    assert main(["power", "--workers", "1"]) == ExitCode.OK
    assert (project / "reports/power.json").read_bytes() == first


def test_of_some_claims_the_file_has_new_rows_and_keeps_the_others(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project / "reports/power.json"
    assert main(["power", "strong-check", "--workers", "1"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "1 claims" in said or "1 claim" in said
    assert "weak-check" not in said
    assert [one.claim for one in load_powers(file).claims] == ["strong-check"]
    assert main(["power", "unstated-claim", "weak-check", "--workers", "1"]) == ExitCode.OK
    by_parts = file.read_bytes()
    assert main(["power", "--workers", "1"]) == ExitCode.OK
    assert file.read_bytes() == by_parts
    capsys.readouterr()
    assert main(["power", "weak-check", "--seed", "3"]) == ExitCode.BAD_INPUT
    assert "power.json is from seed 0: give --seed 0, or no ids" in capsys.readouterr().err
    assert file.read_bytes() == by_parts


def test_what_passes_no_longer_is_not_kept(project: Path) -> None:
    file, record = project / "reports/power.json", project / "reports/baseline.json"
    assert main(["power", "unstated-claim", "weak-check", "--workers", "1"]) == ExitCode.OK
    later = Baseline(verdicts={"strong-check": "holds", "weak-check": "refuted"})
    record.write_text(later.text())
    assert main(["power", "strong-check", "--workers", "1"]) == ExitCode.OK
    assert [one.claim for one in load_powers(file).claims] == ["strong-check"]
    assert load_powers(file).without_formula == ()


@pytest.mark.parametrize("ids", [[], ["strong-check", "weak-check"]])
def test_what_was_measured_stays_when_the_rest_is_interrupted(
    project: Path, monkeypatch: pytest.MonkeyPatch, ids: list[str]
) -> None:
    file = project / "reports/power.json"
    assert main(["power", "--workers", "1"]) == ExitCode.OK
    before = load_powers(file)
    changed = replace(before.claims[0], refuted=77)

    def interrupted(*arguments: Any) -> Iterator[Measured]:
        yield Measured(changed, ())
        raise KeyboardInterrupt

    monkeypatch.setattr(power, "measured", interrupted)
    assert main(["power", *ids]) == ExitCode.INTERRUPTED
    assert load_powers(file).claims == (changed, before.claims[1])


class InProcess(Executor):
    """Works in this process, where all claims are loaded once."""

    def __init__(self, workers: int) -> None:
        pass

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_the_seed_decides_which_examples_are_drawn(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of many weights refutes a mutant: with some seeds it is drawn, with others not."""
    monkeypatch.setattr(power, "ProcessPoolExecutor", InProcess)
    rare = '\nrare = bound("rare-check", 0.0, *(k / 64 for k in range(1, 64)), 4.0)\n'
    (project / "properties" / "test_toy.py").write_text(PROPERTIES + rare, encoding="utf-8")
    record = Baseline(verdicts={"rare-check": "holds"})
    (project / "reports" / "baseline.json").write_text(record.text())
    survived = set()
    for seed in range(6):
        assert main(["power", "--seed", str(seed)]) == ExitCode.OK
        found = load_powers(project / "reports/power.json")
        assert found.seed == seed
        [one] = found.claims
        survived.add("constant" in [mutant.change for mutant in one.survived])
    assert survived == {True, False}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stong-check"], "stong-check"),
        (["refuted-claim"], "claim 'refuted-claim' is not on record as passing"),
        (["--workers", "0"], "workers are a count: give at least 1"),
        (["--seed", "x"], "invalid int value"),
    ],
)
def test_bad_input_in_one_line(
    project: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["power", *arguments]) == ExitCode.BAD_INPUT
    [line] = capsys.readouterr().err.splitlines()
    assert message in line


def test_unreadable_powers_are_bad_input_to_the_report(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["run", "strong-check"])
    capsys.readouterr()
    partial = project / "reports/partial"
    (partial / "power.json").write_text("{}")
    assert main(["report", "--report-dir", str(partial)]) == ExitCode.BAD_INPUT
    [line] = capsys.readouterr().err.splitlines()
    assert "power.json has no schema_version" in line


def test_what_is_printed_of_one_claim() -> None:
    survivor = Mutated(change="sign", words="`-a` for `a`", reason="true at 80 examples")
    measured = Power(
        claim="a-claim", formula="", refuted=4, true=(), survived=(survivor,), without_value=2
    )
    assert list(Measured(measured, ()).lines()) == [
        "a-claim: refuted 4 of 5 false neighbours; 0 are true, 2 without a value",
        "  survived: sign: `-a` for `a` (true at 80 examples)",
    ]
