"""Certificates: issued only with the kernel's consent, complete, and those on record."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.claims.on_record import VALIDATOR
from tests.claims.toy_claims import outputs, scalar, toy
from theorycheck import kernel, reports
from theorycheck.claims import certificates
from theorycheck.claims.declaration import Claim, claim
from theorycheck.claims.entries import Examination
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.examination import examine
from theorycheck.claims.findings import Observation
from theorycheck.claims.outcomes import Answer, KernelWord, Stratum
from theorycheck.claims.sequential import TENDENCY
from theorycheck.claims.setting import PROFILES
from theorycheck.errors import InputError
from theorycheck.kernel import Rejected
from theorycheck.reports.baseline import Baseline

# issuing


def test_a_refutation_names_the_first_violation() -> None:
    issued = certificates.issue(outputs(), scalar(5, 9, 8), "refuted", {})
    assert (issued["at"], issued["left"], issued["right"]) == ({"n": 1}, "9", "6")
    assert (issued["claim"], issued["shows"]) == ("toy-claim", "refuted")
    assert issued["version"] == certificates.statement_version(outputs())
    assert issued["case"] == scalar(5, 9, 8).to_dict()
    assert str(kernel.check(issued)) == "toy-claim: verified, 9 ≤ 6 is false at n = 1"


def test_a_tight_example_names_the_largest_ratio() -> None:
    issued = certificates.issue(outputs(), scalar(2, 5, 3), "tight", {})
    assert (issued["at"], issued["left"], issued["shows"]) == ({"n": 1}, "5", "tight")


def test_what_the_engine_knows_of_the_variables_is_kept() -> None:
    assert certificates.issue(outputs(), scalar(5, 9, 8), "refuted", {"n": 2})["left"] == "8"
    assert certificates.issue(outputs(), scalar(2, 5, 3), "tight", {"n": 0})["left"] == "2"


def test_values_that_violate_a_hypothesis_are_left_out() -> None:
    about = toy("f(n, 0) <= 6", forall=("n in samples",), given=("x[n][0] != 9",))
    assert certificates.issue(about, scalar(9, 5, 8), "refuted", {})["at"] == {"n": 2}


def test_irrational_sides_are_enclosed() -> None:
    issued = certificates.issue(toy("root(f(0, 0)) <= 6"), scalar(2, weight=1), "tight", {})
    low, high = (kernel.number(end) for end in issued["left"])
    assert low**2 < 2 < high**2
    assert high - low <= high / 2**40


@pytest.mark.parametrize(
    ("about", "shows", "reason"),
    [
        (toy(None), "refuted", "no formal statement"),
        (outputs(), "refuted", "the conclusion is nowhere false"),
        (toy("f(0, 0) <= 4"), "tight", "the conclusion is false"),
        (toy("f(n, 0) <= 4", forall=("n in samples",)), "tight", "conclusion is false at n = 0"),
        (toy("f(n, 0) <= 4", forall=("n in range(0)",)), "tight", "variables have no values"),
        (toy("f(0, 0) <= 4", given=("normalised()",)), "refuted", "is not met: normalised()"),
        (toy("f(7, 0) <= 4"), "refuted", "a sample that is not in the batch"),
        (toy("len(W[0][0][0]) <= 4"), "refuted", "cannot be evaluated: TypeError"),
        (toy("root(2) * root(2) - 2 == root(3) * 0 + root(2) * root(2) - 2"), "tight", "not decid"),
    ],
)  # fmt: skip
def test_nothing_is_issued_that_the_kernel_does_not_confirm(
    about: Claim, shows: certificates.Shows, reason: str
) -> None:
    with pytest.raises(Rejected, match=re.escape(reason)):
        certificates.issue(about, scalar(5), shows, {})


def test_the_formal_statement_is_the_whole_claim() -> None:
    about = toy("f(n, 0) <= b", forall=("n in samples",), given=("b > 0",), where=("b = 6",))
    found = certificates.formal_statement(about)
    assert found is not None
    assert found.document == {
        "latex": "1 = 1",
        "hypotheses": ["none"],
        "given": ["b > 0"],
        "where": ["b = 6"],
        "forall": ["n in samples"],
        "conclusion": "f(n, 0) <= b",
    }
    assert certificates.formal_statement(toy(None)) is None


def test_every_change_of_the_statement_changes_its_version() -> None:
    fields = {"forall": ("n in samples",), "given": ("b > 0",), "where": ("b = 6",)}
    first = toy("f(n, 0) <= b", **fields)
    others = [
        toy("f(n, 0) <= b + 0", **fields),
        toy("f(n, 0) <= b", **{**fields, "forall": ("n in outputs",)}),
        toy("f(n, 0) <= b", **{**fields, "given": ("b > 1",)}),
        toy("f(n, 0) <= b", **{**fields, "given": ()}),
        toy("f(n, 0) <= b", **{**fields, "where": ("b = 7",)}),
        toy("f(n, 0) <= b", **fields, statement="1 = 2"),
        toy("f(n, 0) <= b", **fields, hypotheses=("some",)),
        toy("f(n, 0) <= b", **fields, id="other-claim"),
    ]
    versions = {certificates.statement_version(about) for about in (first, *others)}
    assert len(versions) == 1 + len(others)
    same = toy("f(n, 0) <= b", **fields, title="Another", control="two less", enough=7)
    assert certificates.statement_version(same) == certificates.statement_version(first)
    assert certificates.statement_version(toy(None)) is None


# asking


BOUND = Observation(True, "2", "≤", "6", "integers", tightness=1 / 3)
VIOLATED = Observation(False, "9", "≤", "6", "integers")


def asked(about: Claim, **examples: Observation) -> Evidence:
    return certificates.certify(about, Evidence(**examples))[0]  # type: ignore[arg-type]


def test_both_examples_are_asked_about_and_the_one_that_is_shown_is_certified() -> None:
    false = replace(VIOLATED, case=lambda: scalar(5, 9))
    tight = replace(BOUND, case=lambda: scalar(2))
    evidence, certificate = certificates.certify(
        outputs(), Evidence(counterexample=false, tightest=tight)
    )
    confirmed = KernelWord(answer=Answer.CONFIRMED, reason=None)
    assert evidence.counterexample == replace(false, kernel=confirmed)
    assert evidence.tightest == replace(tight, kernel=confirmed)
    assert certificate == certificates.issue(outputs(), scalar(5, 9), "refuted", {})
    _, certificate = certificates.certify(outputs(), Evidence(tightest=tight))
    assert certificate == certificates.issue(outputs(), scalar(2), "tight", {})
    assert certificates.certify(outputs(), Evidence()) == (Evidence(), None)


@pytest.mark.parametrize(
    ("about", "answer", "reason"),
    [
        (outputs(), Answer.CONTRADICTED, "the conclusion is false at n = 1"),
        (toy("f(0, 0) <= 6", given=("normalised()",)), Answer.CONTRADICTED, "is not met"),
        (toy("f(7, 0) <= 6"), Answer.OPEN, "not in the batch"),
        (toy("f(0, 0) <= 2"), Answer.CONFIRMED, None),
    ],
)  # fmt: skip
def test_a_tight_example_is_confirmed_contradicted_or_open(
    about: Claim, answer: Answer, reason: str | None
) -> None:
    found = asked(about, tightest=replace(BOUND, case=lambda: scalar(2, 9))).tightest
    assert found is not None
    assert found.kernel is not None
    assert found.kernel.answer is answer
    assert (reason is None) is (found.kernel.reason is None)
    assert (reason or "") in (found.kernel.reason or "")


def test_a_disagreement_is_another_thing_than_a_rejection() -> None:
    with pytest.raises(certificates.Contradicted):
        certificates.issue(outputs(), scalar(5), "refuted", {})
    with pytest.raises(Rejected) as error:
        certificates.issue(toy("f(7, 0) <= 6"), scalar(5), "refuted", {})
    assert not isinstance(error.value, certificates.Contradicted)


def test_an_example_without_exact_numbers_is_open() -> None:
    evidence = asked(outputs(), counterexample=VIOLATED, tightest=BOUND)
    word = KernelWord(answer=Answer.OPEN, reason="there are no exact numbers")
    assert evidence.counterexample == replace(VIOLATED, kernel=word)
    assert evidence.tightest == replace(BOUND, kernel=word)


@pytest.mark.parametrize("about", [toy(None), toy("1 == 1", kind="tendency")])
def test_nothing_is_asked_about_a_claim_that_says_nothing_to_the_kernel(about: Claim) -> None:
    evidence = Evidence(counterexample=replace(VIOLATED, case=lambda: scalar(5)))
    assert certificates.certify(about, evidence) == (evidence, None)


def test_the_kernel_is_asked_about_the_pairs_of_a_tendency() -> None:
    positive = Evidence(strata=strata(SHOWN))
    against, open_ = (Evidence(strata=strata(counts)) for counts in ((1, 23), (3, 3)))
    found = certificates.certify_pairs(toss(), against, positive)
    assert found.word == KernelWord(answer=Answer.CONFIRMED, reason=None)
    issued = certificates.issue_contradicted(toss(), against.strata, positive.strata)
    assert found.certificate == issued
    for evidence, could in ((open_, positive), (against, None)):
        found = certificates.certify_pairs(toss(), evidence, could)
        assert (found.word.answer, found.certificate) == (Answer.CONTRADICTED, None)


# loading


@pytest.fixture
def issued(tmp_path: Path) -> Path:
    path = tmp_path / "reports/certificates/toy-claim.json"
    document = certificates.issue(outputs(), scalar(5, 9, 8), "refuted", {})
    reports.write_atomically(path, reports.dumps(document))
    return path


def test_what_is_issued_can_be_loaded(issued: Path) -> None:
    assert certificates.load(issued)["left"] == "9"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"9"', '"8"', "the digest differs"),
        ('"schema_version": 2', '"schema_version": 3', "schema version 3"),
        ('"schema_version": 2', '"schema_version": 2.0', "2.0: numbers other than sizes"),
        ("{", "", "not JSON"),
    ],
)
def test_what_the_kernel_rejects_is_not_loaded(
    issued: Path, old: str, new: str, reason: str
) -> None:
    issued.write_text(issued.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=reason) as error:
        certificates.load(issued)
    assert str(error.value).startswith(f"certificate {issued}: ")
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "nowhere.json", tmp_path, tmp_path / "binary"):
        with pytest.raises(InputError, match=r"not a file|cannot be read") as error:
            certificates.load(path)
        assert "\n" not in str(error.value)


def test_the_statement_has_to_be_the_one_on_record(issued: Path) -> None:
    record = issued.parents[1] / "baseline.json"
    version = certificates.statement_version(outputs()) or ""
    recorded = Baseline(verdicts={"toy-claim": "refuted"}, statements={"toy-claim": version})
    record.write_text(recorded.text())
    assert certificates.load(issued, record)["version"] == version
    record.write_text(replace(recorded, statements={"toy-claim": "0" * 16}).text())
    with pytest.raises(InputError, match="not the one on record for this claim"):
        certificates.load(issued, record)


# the kernel's consent to verdicts


def examined(about: Claim) -> Examination:
    weights = st.builds(lambda w: scalar(1, weight=w), st.integers(0, 50))
    about = replace(about, on={"case": weights})
    return examine(about, profile=PROFILES["default"], run_seed=0, device="cpu")


def test_a_violation_that_the_kernel_confirms_is_certified() -> None:
    found = examined(toy("W[0][0][0] <= 6"))
    assert found.certificate is not None
    assert (found.entry.verdict, found.certificate["left"]) == ("refuted", "7")


@pytest.mark.parametrize(
    ("about", "said", "objection"),
    [
        (toy("W[0][0][0] <= 60"), "the engine", "the conclusion is nowhere false"),
        (
            toy("W[0][0][0] <= 6", given=("depth > 1",)),
            "the engine",
            "a hypothesis is not met: depth > 1",
        ),
        (toy("W[3][0][0] <= 6"), "counterexample", "a number or subscript out of range"),
    ],
)
def test_a_violation_that_the_kernel_does_not_confirm_is_undecided(
    about: Claim, said: str, objection: str
) -> None:
    """It says whether the kernel disagrees, or merely cannot tell."""
    found = examined(about)
    entry = found.entry
    assert entry.verdict == "undecided"
    assert entry.reason == f"{said}: 7 ≤ 6 is false (integers); the kernel: {objection}"
    assert (found.certificate, entry.certificate) == (None, None)
    assert entry.counterexample is not None
    assert entry.counterexample.left == "7"


# tendencies


def toss(**changes: Any) -> Claim:
    """A tendency whose pairs nobody has trained."""
    fields: dict[str, Any] = {
        "title": "Heads", "kind": "tendency", "sources": [], "statement": "p > 1/2",
        "hypotheses": ["a coin"], "control": "tails",
    }  # fmt: skip
    return claim("coin-toss", **{**fields, **changes})(lambda setting: iter(()))


def strata(*counts: tuple[int, int]) -> dict[str, Stratum]:
    return {
        name: Stratum(successes=s, failures=f, ties=0, effects={}, measured=())
        for name, (s, f) in zip("abc", counts, strict=False)
    }


SHOWN = (30, 1)


@pytest.mark.parametrize("counts", [(0, 17), (1, 23), (7, 40), (60, 130), (500, 900)])
def test_a_contradicted_tendency_is_certified_with_its_evidence(counts: tuple[int, int]) -> None:
    found = certificates.issue_contradicted(toss(), strata(counts), strata(SHOWN))
    assert (found["shows"], found["at"]) == ("refuted", {"i": 0})
    assert (found["left"], found["right"]) == ("1", "0")
    assert VALIDATOR.is_valid(found)
    again = certificates.counted_pairs(found["case"]["numbers"])
    assert [s.successes for s in again[0].values()] == [counts[0]]
    assert certificates.issue_contradicted(toss(), *again) == found


def test_the_certificate_names_the_stratum_that_contradicts_and_could_have_confirmed() -> None:
    """The first is confirmed, the second contradicted without a positive control."""
    found = certificates.issue_contradicted(
        toss(), strata((40, 0), (0, 40), (3, 60)), strata(SHOWN, (12, 12), SHOWN)
    )
    assert found["at"] == {"i": 2}


@pytest.mark.parametrize("counts", [(17, 0), (3, 3), (0, 0), (2, 22), (300, 100)])
def test_a_tendency_that_is_not_contradicted_has_no_certificate(counts: tuple[int, int]) -> None:
    with pytest.raises(kernel.Rejected):
        certificates.issue_contradicted(toss(), strata(counts), strata(SHOWN))


@pytest.mark.parametrize("positive", [strata((12, 12)), strata((0, 40)), {}])
def test_without_a_confirmed_positive_control_there_is_no_certificate(
    positive: dict[str, Stratum],
) -> None:
    with pytest.raises(kernel.Rejected, match="a hypothesis is not met"):
        certificates.issue_contradicted(toss(), strata((0, 40)), positive)


@pytest.mark.parametrize(
    "numbers",
    [
        {}, {"successes_1": "1"},
        {"successes_1": "1/2", "failures_1": "1", "shown_1": "1", "missed_1": "0"},
        {"successes_1": "-1", "failures_1": "1", "shown_1": "1", "missed_1": "0"},
    ],
)  # fmt: skip
def test_numbers_of_no_tendency_are_refused(numbers: dict[str, str]) -> None:
    with pytest.raises(InputError):
        certificates.counted_pairs(numbers)


def resealed(document: dict[str, Any], **numbers: str) -> dict[str, Any]:
    """As somebody seals it who has other numbers in mind."""
    changed = copy.deepcopy(document)
    changed["case"]["numbers"].update(numbers)
    del changed["digest"]
    return {**changed, "digest": kernel.digest(changed)}


@pytest.mark.parametrize(
    "numbers",
    [
        {"successes_1": "0", "failures_1": "1"},
        {"successes_1": "0", "failures_1": "1", "shown_1": "1", "missed_1": "0"},
        {"successes_1": "0", "failures_1": "16"},
        {"failures_1": "16", "successes_1": "-16"},
        {"shown_1": "16", "missed_1": "-16"},
        {"shown_1": "16", "missed_1": "0"},
        {"failures_1": "33/2"},
    ],
)
def test_no_certificate_chooses_its_own_test(numbers: dict[str, str]) -> None:
    """Seventeen pairs are the fewest that decide; what the rates are is in the statement."""
    found = certificates.issue_contradicted(toss(), strata((0, 17)), strata((17, 0)))
    assert kernel.check(found)
    with pytest.raises(kernel.Rejected):
        kernel.check(resealed(found, **numbers))
    for name, rate in {"alpha": "999/1000", "beta": "999/1000", "null": "1"}.items():
        with pytest.raises(kernel.Rejected):
            kernel.check(resealed(found, **numbers, **{name: rate}))
    rates = [1 / TENDENCY.alpha, 1 / TENDENCY.beta]
    statement = json.dumps(found["statement"])
    assert all(f" > {rate}" in statement for rate in rates)
    assert "alpha" not in statement
