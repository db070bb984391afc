"""The README's example works, and what it says of the code is so."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from theorycheck import reports
from theorycheck.claims.setting import PROFILES

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


EXAMPLES = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


CLAIMS = [text for text in EXAMPLES if text.startswith("# properties/")]


@pytest.mark.parametrize("text", CLAIMS, ids=lambda text: text.splitlines()[0][2:])
def test_each_example_of_a_claim_holds_and_is_short(
    text: str, pytester: pytest.Pytester, no_properties: None
) -> None:
    comment, *_ = text.splitlines()
    path = pytester.path / comment.removeprefix("# ")
    path.parent.mkdir()
    path.write_text(text)
    pytester.runpytest_inprocess("properties", "-p", "no:xdist")
    [entry] = reports.load_report(pytester.path / "reports/claims.json").claims
    assert entry.verdict == "holds"
    assert entry.version is not None
    declared = text[text.index("PAPER.at") :]
    assert "@claim" in text or len(declared.splitlines()) < 20


def test_example_training_runs() -> None:
    """No member of a thousand diverges, and the median of their steps is not zero."""
    ran = subprocess.run(
        [sys.executable, "-c", next(text for text in EXAMPLES if "Cohort.broadcast" in text)],
        capture_output=True,
        text=True,
        check=True,
    )
    median, diverged = re.findall(r"tensor\((.*?)\)", ran.stdout)
    assert float(median) > 0
    assert diverged == "0"


def test_the_structure_names_what_there_is_and_nothing_else() -> None:
    """Packages and modules of the engine, engines of training, and subjects of the claims."""
    drawn = README[README.index("## Structure") :].split("```")[1]
    packages = {path.parent.name for path in (ROOT / "theorycheck").glob("*/__init__.py")}
    engines = {path.parent.name for path in (ROOT / "theorycheck/training").glob("*/__init__.py")}
    subjects = {path.parent.name for path in (ROOT / "properties").glob("*/__init__.py")}
    top = {"theorycheck", "properties", "tests", "reports"}
    others = {"faults"}  # Of the tests.
    assert set(re.findall(r"(\w+)/", drawn)) == packages | engines | subjects | top | others
    modules = {path.stem for path in (ROOT / "theorycheck").glob("[!_]*.py")}
    assert modules <= set(re.findall(r"\w+", drawn))


def test_claims_are_counted_as_they_are_on_record() -> None:
    record = reports.load_baseline(ROOT / "reports/baseline.json")
    total, found = len(record.verdicts), Counter(record.verdicts.values())
    assert (
        f"({total} claims: {found['proved']} proved, {found['holds']} hold,"
        f" {found['vacuous']} vacuous, {found['refuted']} refuted)"
    ) in README
    assert set(re.findall(r"of (\d+) claims", README)) == {str(total)}


def test_every_profile_is_named() -> None:
    assert r"\|".join(PROFILES) in README
