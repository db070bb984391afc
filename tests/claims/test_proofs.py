"""Proofs of claims: which architecture they are about, and files that are none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.claims.on_record import COMMITTED, PROOFS, ROOT, claims
from tests.claims.stated_claims import NO_BIASES
from tests.claims.test_settling import LEMMA, lemma
from theorycheck import Assumption, Claim, altered, cases, kernel, mlps, notes
from theorycheck.claims import proofs
from theorycheck.claims.certificates import formal_statement, load
from theorycheck.claims.proofs import Candidate, Unproved, leaves_out, prove
from theorycheck.errors import InputError
from theorycheck.networks.specification import mlp
from theorycheck.reports.baseline import load_baseline
from theorycheck.statements.architectures import Architecture

RECORD = load_baseline(ROOT / "reports/baseline.json")


def candidate(*widths: int, size: int = 10) -> Candidate:
    return Candidate(size, Architecture(mlp(list(widths)), 1, None, {}), 127)


def test_each_claim_that_is_true_of_architectures_has_a_proof_on_record() -> None:
    proved = {name for name, level in RECORD.strengths.items() if level == "architectures"}
    assert {path.name.removesuffix(".proof.json") for path in PROOFS} == proved


NUMBERS = {"f", "h", "df", "grad", "W", "x", "y", "network", "features"}
"""Words for weights, data and what follows from them; the others are about the architecture."""


@pytest.mark.parametrize("path", PROOFS, ids=lambda path: path.name.split(".")[0])
def test_a_proof_on_record_is_of_the_statement_of_its_claim(path: Path) -> None:
    document = proofs.verified(path, path.name.removesuffix(".proof.json"))
    claim = claims()[document["claim"]]
    statement = formal_statement(claim)
    assert statement is not None
    assert document["statement"] == statement.document
    assert claim.formal is not None
    named = set().union(*(formula.names[0] for formula in claim.formal.statement.formulas()))
    assert (document["degree"] > 0) is bool(named & NUMBERS)


def test_the_largest_that_the_kernel_is_quick_to_verify_is_chosen() -> None:
    small, large = candidate(2, 2, 1, size=6), candidate(2, 3, 1, size=11)
    found = prove(lemma(), [small, large])
    assert found["architecture"] == large.architecture.document()
    assert kernel.check(found).found == kernel.Settled(found["degree"], found["certainty"])
    beyond = large._replace(size=proofs.LARGEST + 1)
    assert prove(lemma(), [small, beyond])["architecture"] == small.architecture.document()
    slow = candidate(25, 20, 1, size=50)
    assert prove(lemma(), [small, slow])["architecture"] == small.architecture.document()


def test_size_is_a_rough_measure_of_work() -> None:
    """After a failure much smaller ones are tried first, but in the end all of them."""
    slow, quick = candidate(25, 20, 1, size=50), candidate(2, 3, 1, size=45)
    assert prove(lemma(), [slow, quick])["architecture"] == quick.architecture.document()
    control = altered("0", "rank(df(n, 0, k)) <= depth - 1")
    claim = lemma("rank(df(n, 0, k)) <= 1", control=control)
    with pytest.raises(Unproved, match="too many operations"):
        prove(claim, [slow, candidate(2, 2, 1, size=45)])


def test_an_architecture_at_which_the_control_is_true_too_proves_little() -> None:
    claim = lemma("rank(df(n, 0, k)) <= 1", control=altered("0", "rank(df(n, 0, k)) <= depth - 1"))
    shallow, deep = candidate(1, 1, size=2), candidate(2, 2, 1, size=8)
    assert prove(claim, [shallow, deep])["architecture"] == shallow.architecture.document()
    with pytest.raises(Unproved, match="the control is true"):
        prove(claim, [deep])


def of_shallow_networks() -> Claim:
    """Its control is about all networks."""
    shallow = Assumption("one layer", "depth == 1")
    return lemma(
        f"{LEMMA} and depth == 1",
        given=[NO_BIASES, shallow],
        control=altered("any depth", without=[shallow], on=cases(mlps(depths=(2, 3)))),
        on=cases(mlps(depths=(1, 1), outputs=(1, 1))),
    )


def test_a_control_that_leaves_out_hypotheses_is_asked_about_elsewhere() -> None:
    """It is true of each architecture that meets them."""
    shallow, deep = candidate(1, 1, size=2), candidate(2, 2, 1, size=8)
    found = prove(of_shallow_networks(), [shallow], deep)
    assert found["architecture"] == shallow.architecture.document()
    with pytest.raises(Unproved, match="true of an architecture of its own too"):
        prove(of_shallow_networks(), [shallow], shallow)
    with pytest.raises(Unproved, match="true of each architecture"):
        prove(of_shallow_networks(), [shallow])


def test_only_controls_with_other_hypotheses_and_cases_leave_some_out() -> None:
    assert leaves_out(of_shallow_networks())
    assert not leaves_out(lemma())
    assert not leaves_out(replace(of_shallow_networks(), control_on=None))
    assert not leaves_out(replace(of_shallow_networks(), altered=None))


def test_why_nothing_is_proved() -> None:
    with pytest.raises(Unproved, match="no architecture is small enough"):
        prove(lemma(), [candidate(2, 1, size=proofs.LARGEST + 1)])
    with pytest.raises(Unproved, match="not true of all weights"):
        prove(lemma("f(n, 0) == 0"), [candidate(2, 1)])


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_files_that_are_no_proof_of_a_claim(tmp_path: Path) -> None:
    path = tmp_path / "toy-lemma.proof.json"
    with pytest.raises(InputError, match="is gone; restore it"):
        proofs.verified(path, "toy-lemma")
    found = prove(lemma(), [candidate(2, 2, 1)])
    assert proofs.verified(write(path, found), "toy-lemma") == found
    with pytest.raises(InputError, match="is about toy-lemma"):
        proofs.verified(path, "another")
    with pytest.raises(InputError, match="the digest differs"):
        proofs.verified(write(path, {**found, "degree": 1}), "toy-lemma")
    with pytest.raises(InputError, match="is no proof"):
        proofs.verified(COMMITTED[0], COMMITTED[0].stem)
    with pytest.raises(InputError, match="is a proof, and has no example"):
        load(PROOFS[0])


def test_a_proof_on_record_is_the_one_found_anew_or_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, claim = tmp_path / "toy-lemma.proof.json", lemma()
    found = prove(claim, [candidate(2, 2, 1)])
    other = prove(claim, [candidate(2, 3, 1)])
    write(path, found)
    proofs.require(path, claim, other)
    with notes.collecting() as made:
        proofs.require(path, replace(claim, statement="2=2"), other)
    assert made == ["the proof on record is of an earlier statement, and passed over"]
    with pytest.raises(InputError, match="the digest differs"):
        proofs.require(write(path, {**found, "certainty": 126}), claim, found)
    monkeypatch.setattr(proofs, "verified", None)
    proofs.require(write(path, found), claim, found)
