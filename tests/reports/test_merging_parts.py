"""What becomes of each part of an entry that is merged: reasons, strengths, certificates."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.reports.drawn import reseeded
from tests.reports.runs import (
    CLAIMS,
    FAILED,
    MET,
    bounded,
    claim,
    entry,
    gathered,
    only,
    report,
    unfinished,
    violation,
)
from theorycheck.claims.entries import Entry
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Pair
from theorycheck.claims.strengths import Strength
from theorycheck.errors import InputError
from theorycheck.kernel import Rejected
from theorycheck.reports import merging
from theorycheck.reports.folders import write_report
from theorycheck.reports.merging import (
    certificates,
    issued_for,
    load,
    merge,
    unknown,
)
from theorycheck.reports.sources import Sources

HOLDS = entry(CLAIMS[0], [0], gathered(*[MET] * 4), gathered(FAILED))
REFUTED = entry(CLAIMS[0], [1], gathered(violation(7)), gathered(FAILED))
SETTLED = Strength(level="architectures", architectures=40, largest=9)


def merged(*entries: Entry) -> Entry:
    return only(merge(report(one.seeds[0] if one.seeds else 9, one) for one in entries))


def test_of_two_reasons_why_there_is_no_evidence_the_first_is_kept() -> None:
    """In the order of the alphabet, so that the order of the runs does not matter."""
    ended = [unfinished(CLAIMS[0], reason) for reason in ("the check failed", "the run ended")]
    for order in itertools.permutations(ended):
        assert merged(*order).reason == "the check failed"


def test_a_strength_is_that_of_a_run_in_which_the_claim_passed() -> None:
    settled, other = replace(HOLDS, strength=SETTLED), reseeded(HOLDS, 1)
    for order in itertools.permutations([settled, other]):
        assert merged(*order).strength == SETTLED
        assert merged(*order, reseeded(REFUTED, 2)).strength is None


def test_of_what_passes_only_when_merged_no_strength_is_known() -> None:
    parts = [
        entry(CLAIMS[0], [0], gathered(MET, MET, MET), gathered(FAILED)),
        entry(CLAIMS[0], [1], gathered(MET), Evidence()),
    ]
    assert [one.strength for one in parts] == [None, None]
    assert merged(*parts).strength is None


@pytest.mark.parametrize(
    ("certified", "bare"),
    [
        (gathered(violation(12)), gathered(violation(7))),
        (gathered(bounded(30)), gathered(bounded(31))),
    ],
    ids=["counterexample", "tightest"],
)
def test_the_certificate_of_another_example_is_not_named(
    certified: Evidence, bare: Evidence
) -> None:
    """The run whose example is shown has none."""
    one = entry(CLAIMS[0], [0], certified, gathered(FAILED))
    assert one.certificate is not None
    other = replace(entry(CLAIMS[0], [1], bare, gathered(FAILED)), certificate=None)
    for order in itertools.permutations([one, other]):
        assert merged(*order).certificate is None


@pytest.mark.parametrize("part", ["claim", "control"])
def test_one_search_is_refused_under_any_seed_in_any_order(part: str) -> None:
    """Also where it is among others that were merged before."""
    again = replace(HOLDS, seeds=(7,))
    if part == "control":
        again = replace(again, fingerprints=("0" * 15 + "7",))
    other = only(merge([report(0, reseeded(HOLDS, 1))]))
    for runs in (HOLDS, again), (HOLDS, again, other), (merged(HOLDS, other), again):
        for order in itertools.permutations(runs):
            with pytest.raises(InputError, match="identity-claim: two reports have evidence of on"):
                merged(*order)
    assert merged(HOLDS, other).seeds == (0, 1)


@pytest.mark.parametrize("part", ["claim", "control"])
def test_evidence_of_no_search_is_refused(part: str) -> None:
    bare = replace(HOLDS, fingerprints=())
    if part == "control":
        bare = replace(HOLDS, control=replace(HOLDS.control, fingerprints=()))
    with pytest.raises(InputError, match="identity-claim: evidence without the fingerprint of a s"):
        merged(bare)


def test_claims_that_rest_on_the_report_alone_are_named() -> None:
    known = "No certificate, the engine's word alone: identity-claim"
    bare = merge([report(1, replace(REFUTED, certificate=None))])
    assert unknown(bare)[1:] == [known]
    assert len(unknown(merge([report(1, REFUTED)]))) == 1


def test_the_order_of_runs_does_not_depend_on_that_of_their_folders() -> None:
    """Two runs of one seed that differ in the sources of two folders."""
    first = report(0, sources=Sources(engine="0" * 16, claims={"b": "1" * 16, "a": "0" * 16}))
    second = report(0, sources=Sources(engine="0" * 16, claims={"a": "1" * 16, "b": "0" * 16}))
    for order in itertools.permutations([first, second]):
        assert merge(order).runs == (*first.runs, *second.runs)


def test_an_entry_that_its_version_does_not_name_is_not_loaded(tmp_path: Path) -> None:
    for title in (HOLDS.title, "Another"):
        write_report(tmp_path, report(0, replace(HOLDS, title=title)))
        if title == HOLDS.title:
            assert load(tmp_path) == load(tmp_path / "claims.json")
            assert load(tmp_path)[0] == tmp_path
        else:
            with pytest.raises(InputError, match="its title is not the one that its version names"):
                load(tmp_path)


def test_certificates_are_those_of_the_examples_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not those of other examples, nor of other claims with the same numbers; one of equal ones.

    ``of_report`` stands for the kernel, which verifies what the folders hold.
    """
    other = claim("other-claim")
    larger = entry(CLAIMS[0], [2], gathered(violation(12)), gathered(FAILED))
    runs = [
        report(1, REFUTED),
        report(2, larger),
        report(3, entry(other, [3], gathered(violation(7)), gathered(FAILED))),
        report(4, entry(CLAIMS[0], [4], gathered(violation(7)), gathered(FAILED))),
        report(5, replace(HOLDS, id="bare-claim", certificate=None)),
    ]
    one, two = "certificates/identity-claim.json", "certificates/other-claim.json"
    held = {"1": {one: {"n": 2}}, "2": {one: {"n": 0}}, "3": {two: {"n": 9}}, "4": {one: {"n": 1}}}
    monkeypatch.setattr(merging, "of_report", lambda folder, _: held.get(folder.name, {}))
    folders = [(Path(str(run.runs[0].seed)), run) for run in runs]
    for order in (folders, folders[::-1]):
        found = certificates(merge(run for _, run in order), order)
        assert {name: json.loads(text) for name, text in found.items()} == {
            one: {"n": 1},
            two: {"n": 9},
        }


def test_proofs_come_from_whichever_run_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first in the order of their texts, whatever the order of the runs."""
    settled = replace(HOLDS, strength=SETTLED)
    runs = [report(seed, reseeded(settled, seed)) for seed in range(3)]
    proof = "certificates/identity-claim.proof.json"
    held = {"1": {proof: {"n": 2}}, "2": {proof: {"n": 1}}}
    shown = {"certificates/identity-claim.json": {"n": 0}}
    monkeypatch.setattr(merging, "of_report", lambda folder, _: held.get(folder.name, {}) | shown)
    folders = [(Path(str(run.runs[0].seed)), run) for run in runs]
    for order in itertools.permutations(folders):
        found = certificates(merge(run for _, run in order), order)
        assert json.loads(found[proof]) == {"n": 1}


def pairs(successes: int, failures: int) -> Evidence:
    return gathered(*[Pair(True, "rank")] * successes, *[Pair(False, "rank")] * failures)


def test_the_certificate_of_a_tendency_is_issued_for_all_pairs() -> None:
    about = claim("tendency-claim", "tendency", positive="the other coin")
    found = entry(about, [0], pairs(0, 40), pairs(3, 3), positive=pairs(40, 0))
    run = merge([report(0, found)])
    (text,) = certificates(run, []).values()
    assert json.loads(text)["case"]["numbers"]["failures_1"] == "40"
    bare = entry(CLAIMS[2], [0], pairs(0, 40), pairs(3, 3))
    with pytest.raises(Rejected):
        issued_for(bare)
