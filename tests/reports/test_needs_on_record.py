"""What is on record of hypotheses and bounds: of all claims, of their present statements."""

from __future__ import annotations

from collections import Counter

from tests.claims.on_record import ROOT, claims
from theorycheck import kernel
from theorycheck.claims.certificates import statement_version
from theorycheck.claims.conditions import conditions_of
from theorycheck.claims.necessity import denying
from theorycheck.claims.wider import is_read_anywhere
from theorycheck.reports.baseline import load_baseline
from theorycheck.reports.needs import FOLDER, load_needs

REPORTS = ROOT / "reports"
RECORD = load_baseline(REPORTS / "baseline.json")
NEEDS = load_needs(REPORTS).claims
ASKED = {
    name: claim
    for name, claim in claims().items()
    if is_read_anywhere(claim) and RECORD.passes(name)
}


def test_all_claims_that_are_asked_are_there_with_their_present_statements() -> None:
    """If one is missing: `theorycheck needs` with its id, and `theorycheck report`."""
    found = {name: row.version for name, row in NEEDS.items()}
    assert found == {name: statement_version(claim) for name, claim in ASKED.items()}


def test_the_kernel_verifies_every_example_of_a_hypothesis_that_is_needed() -> None:
    for name, row in NEEDS.items():
        conditions = conditions_of(ASKED[name])
        assert [need.condition for need in row.needs] == [one.formula for one in conditions]
        for need, condition in zip(row.needs, conditions, strict=True):
            assert (need.counterexample is not None) is (need.outcome == "needed")
            if need.counterexample is not None:
                path = REPORTS / FOLDER / f"{need.counterexample.name}.json"
                document = kernel.check(kernel.read_file(path, kernel.MOST_BYTES)).document
                assert document["shows"] == "refuted"
                assert document["version"] == statement_version(denying(ASKED[name], condition))


def test_the_folder_holds_what_is_named_and_the_kernel_verifies_it() -> None:
    named = {name for row in NEEDS.values() for name in row.certificates()}
    files = {path.stem: path for path in (REPORTS / FOLDER).iterdir()}
    assert files.keys() == named
    for row in NEEDS.values():
        sharp = None if row.sharpness is None else row.sharpness.equality
        if sharp is not None:
            kernel.check(kernel.read_file(files[sharp.name], kernel.MOST_BYTES))


def test_the_readme_counts_them() -> None:
    found = Counter(need.outcome for row in NEEDS.values() for need in row.needs)
    bounds = [row.sharpness for row in NEEDS.values() if row.sharpness is not None]
    sharp = sum(bound.equality is not None for bound in bounds)
    assert (
        f"Of the {found.total()} hypotheses of the {len(NEEDS)} claims that were asked"
        f" {found['needed']} are needed and {found['not seen']} not seen to be needed; of"
        f" {len(bounds)} bounds {sharp} are sharp."
    ) in (ROOT / "README.md").read_text(encoding="utf-8")
