"""What is on record of false neighbours: of all claims that pass, of their present formulas."""

from __future__ import annotations

from tests.claims.on_record import ROOT, claims
from theorycheck.cli.power import is_stated
from theorycheck.reports.baseline import load_baseline
from theorycheck.reports.power import FILE, formula_digest, load_powers

RECORD = load_baseline(ROOT / "reports/baseline.json")


def test_all_claims_that_pass_are_there_with_their_present_formulas() -> None:
    """If one is missing: `theorycheck power` with its id, and `theorycheck report`."""
    powers = load_powers(ROOT / "reports" / FILE)
    passed = {name: claim for name, claim in claims().items() if RECORD.passes(name)}
    stated = {
        name: formula_digest(name, claim.formal.lines())
        for name, claim in passed.items()
        if claim.formal is not None and is_stated(claim)
    }
    assert {power.claim: power.formula for power in powers.claims} == stated
    assert set(powers.without_formula) == passed.keys() - stated.keys()
