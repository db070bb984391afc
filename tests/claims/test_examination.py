"""Examinations, without pytest: what is replayed first, what is searched, and what is left."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.claims.toy_claims import scalar, toy, weight_check
from theorycheck import kernel, notes
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.comparisons import equality
from theorycheck.claims.declaration import Claim
from theorycheck.claims.entries import Entry, Examination
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.examination import describe, examine, undecided
from theorycheck.claims.findings import Findings, Observation, Pair, Rejection
from theorycheck.claims.setting import PROFILES, Setting
from theorycheck.claims.verdicts import Judgement, Verdict
from theorycheck.claims.versions import version_of

WEIGHTS = st.builds(lambda weight: scalar(1, weight=weight), st.integers(0, 50))
FORMAL = "W[0][0][0] <= 6"


def weight(case: Case) -> int:
    return int(case.parameters[0].item())


@dataclass
class Watch:
    """A check that remembers what it was asked."""

    check: Callable[..., Findings] = weight_check
    asked: list[tuple[Setting, Case]] = field(default_factory=list)

    def __call__(self, setting: Setting, case: Case) -> Findings:
        self.asked.append((setting, case))
        yield from self.check(setting, case)


def watched(watch: Watch, formal: str | None = FORMAL, **changes: Any) -> Claim:
    fields = {"on": {"case": WEIGHTS}, "enough": 5, **changes}
    return toy(formal, check=watch, **fields)


def examined(about: Claim, **changes: Any) -> Examination:
    asked: dict[str, Any] = {"profile": PROFILES["default"], "run_seed": 0, "device": "cpu"}
    return examine(about, **{**asked, **changes})


def certificate(path: Path, weight: int, about: Claim) -> Path:
    """One on record, whose example has this weight."""
    document = certificates.issue(about, scalar(1, weight=weight), "refuted", {})
    path = path / "toy-claim.json"
    path.write_text(json.dumps(document))
    return path


# what is looked at


def test_claim_and_control_are_searched_with_seeds_of_their_own() -> None:
    """Seeds are the digests of run, id and side; all else is as the run says."""
    watch = Watch()
    examined(watched(watch), run_seed=12, profile=PROFILES["quick"], images="mnist:here")
    settings = [setting for setting, _ in watch.asked]
    assert {(s.device, s.images, s.effort) for s in settings} == {("cpu", "mnist:here", 0.25)}
    sides = [setting.altered for setting in settings]
    assert sides == sorted(sides)
    for altered, side in ((False, "claim"), (True, "control")):
        digest = hashlib.sha256(f"12/toy-claim/{side}".encode()).digest()
        seeds = {setting.seed for setting in settings if setting.altered is altered}
        assert seeds == {int.from_bytes(digest[:6], "big")}


@pytest.mark.parametrize(("profile", "tried"), [("quick", 10), ("default", 40)])
def test_the_profile_decides_how_much_is_tried(profile: str, tried: int) -> None:
    about = watched(Watch(harmless), "W[0][0][0] <= 60", examples=40)
    assert examined(about, profile=PROFILES[profile]).entry.examples.tried == tried


@pytest.mark.parametrize(("profile", "asked"), [("quick", 2), ("default", 20)])
def test_the_profile_decides_how_many_examples_the_kernel_is_asked_about(
    profile: str, asked: int
) -> None:
    about = watched(Watch(harmless), "W[0][0][0] <= 60", examples=160)
    assert examined(about, profile=PROFILES[profile]).entry.examples.agreed == asked


def harmless(setting: Setting, case: Case) -> Findings:
    """No weight exceeds 60, and the control is false at once."""
    bound = -1 if setting.altered else 60
    yield Observation(
        weight(case) <= bound, str(weight(case)), "≤", str(bound), "integers",
        weight(case) / 60, case=lambda: case,
    )  # fmt: skip


# what is left


def tendency(successes: int = 0, failures: int = 0, **changes: Any) -> Claim:
    def check(setting: Setting) -> Findings:
        """The control shows the opposite, and 30 pairs of the positive control all show it."""
        if setting.positive:
            yield from [Pair(True, "rank")] * 30
        else:
            for success in [True] * successes + [False] * failures:
                yield Pair(success is not setting.altered, "rank")

    return toy(None, kind="tendency", check=check, on={}, **changes)


def test_an_entry_has_the_evidence_of_both_sides() -> None:
    def check(setting: Setting) -> Findings:
        """Two comparisons of the claim, a third of its control."""
        yield Rejection("kink", 3)
        yield equality(np.array([1, 2]), np.array([1, 2]), "integers")
        if setting.altered:
            yield equality(np.array([1]), np.array([2]), "rationals")

    entry = examined(toy(None, check=check, on={}, enough=1), run_seed=7).entry
    assert (entry.verdict, entry.reason) == ("holds", "no counterexample; control refuted")
    assert (entry.examples.tried, entry.examples.met) == (5, 2)
    assert (entry.control.examples.tried, entry.control.examples.met) == (6, 3)
    assert entry.examples.rejected == entry.control.examples.rejected == {"kink": 3}
    assert (entry.arithmetic, entry.control.arithmetic) == (
        ("integers",),
        ("integers", "rationals"),
    )
    assert entry.counterexample is None
    assert entry.control.counterexample is not None
    assert (entry.control.counterexample.left, entry.control.statement) == ("1", "one less")
    assert (entry.seeds, entry.certificate, entry.formal_version) == ((7,), None, None)


def test_an_examination_says_how_long_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.3456])
    monkeypatch.setattr("theorycheck.claims.examination.time.perf_counter", lambda: next(clock))
    assert examined(tendency(40)).seconds == 2.35


def test_notes_of_both_sides_are_handed_on_once_and_in_order() -> None:
    def check(setting: Setting) -> Findings:
        """Says what it does."""
        notes.note("halved")
        notes.note("of the control" if setting.altered else "of the claim")
        yield equality(np.array([1]), np.array([1]), "integers")

    with notes.collecting() as outside:
        found = examined(toy(None, check=check, on={}))
    assert found.notes == ("halved", "of the claim", "of the control")
    assert outside == ["halved", "of the claim", "halved", "of the control"]
    assert examined(tendency(40)).notes == ()


def test_a_check_that_raises_ends_the_examination() -> None:
    def check(setting: Setting) -> Findings:
        """Fails."""
        raise RuntimeError("no such luck")
        yield

    with pytest.raises(RuntimeError, match="no such luck"):
        examined(toy(None, check=check, on={}))


def test_a_tight_example_is_certified_and_named() -> None:
    found = examined(watched(Watch(harmless), "W[0][0][0] <= 60"))
    assert found.entry.verdict is Verdict.HOLDS
    assert found.entry.certificate == "certificates/toy-claim.json"
    assert found.certificate is not None
    assert found.entry.tightest is not None
    assert found.certificate["shows"] == "tight"
    assert found.certificate["left"] == found.entry.tightest.left
    assert str(kernel.check(found.certificate)).startswith("toy-claim: verified")


@pytest.mark.parametrize("formal", [None, "W[3][0][0] <= 60"])
def test_what_the_kernel_cannot_confirm_of_a_claim_that_holds_has_no_certificate(
    formal: str | None,
) -> None:
    """It holds nevertheless: no example proves that."""
    found = examined(watched(Watch(harmless), formal))
    assert (found.entry.verdict, found.entry.certificate) == ("holds", None)
    assert found.certificate is None


def test_a_claim_on_whose_tightest_example_the_kernel_disagrees_is_undecided() -> None:
    found = examined(watched(Watch(harmless), "W[0][0][0] <= 0 - 1"))
    assert (found.entry.verdict, found.certificate) == ("undecided", None)
    assert re.fullmatch(
        r"the engine: (\d+) ≤ 60 holds \(integers\); the kernel: the conclusion is false",
        found.entry.reason,
    )


@pytest.mark.parametrize("formal", [FORMAL, None])
def test_a_violation_without_exact_numbers_refutes_nothing(formal: str | None) -> None:
    """Whatever the check says of its arithmetic; the example is printed."""

    def check(setting: Setting, case: Case) -> Findings:
        """The kernel would confirm it, were it asked."""
        violated = weight(case) > 6 - setting.altered
        yield Observation(not violated, str(weight(case)), "≤", "6", "rationals")

    entry = examined(watched(Watch(check), formal)).entry
    why = "there are no exact numbers" if formal else "not asked, and no exact reader found that"
    assert entry.verdict is Verdict.UNDECIDED
    assert entry.reason == f"counterexample: 7 ≤ 6 is false (rationals); the kernel: {why}"


@pytest.mark.parametrize(
    ("number", "verdict"), [(Fraction(1, 2), "refuted"), (0.5, "undecided"), (np.nan, "undecided")]
)
def test_a_claim_without_formula_is_refuted_by_an_exact_reader_alone(
    number: Any, verdict: str
) -> None:
    def check(setting: Setting) -> Findings:
        """Says of everything that it is exact."""
        yield equality(np.array([number]), np.array([Fraction(1)]), "float64 without rounding")

    entry = examined(toy(None, check=check, on={})).entry
    assert entry.verdict == verdict
    assert (entry.counterexample is None) is (number != number)


def test_a_contradicted_tendency_is_certified_with_its_pairs() -> None:
    found = examined(tendency(failures=40, positive="the other coin"))
    assert found.entry.verdict is Verdict.REFUTED
    assert found.entry.positive is not None
    assert found.entry.positive.statement == "the other coin"
    assert found.entry.positive.examples.met == 30
    assert found.entry.certificate == "certificates/toy-claim.json"
    assert found.certificate is not None
    numbers = found.certificate["case"]["numbers"]
    assert (numbers["successes_1"], numbers["failures_1"]) == ("0", "40")
    assert (numbers["shown_1"], numbers["missed_1"]) == ("30", "0")


def test_without_a_positive_control_a_tendency_is_not_refuted() -> None:
    found = examined(tendency(failures=40))
    assert (found.entry.verdict, found.entry.positive) == ("undecided", None)
    assert found.certificate is None


def test_a_tendency_and_its_controls_are_about_the_same_pairs() -> None:
    """They have one seed, and find what the others have trained."""
    settings: list[Setting] = []

    def check(setting: Setting) -> Findings:
        """Remembers what it was asked."""
        settings.append(setting)
        yield Pair(True, "rank")

    examined(toy(None, kind="tendency", check=check, on={}, positive="the same"))
    sides = [(setting.altered, setting.positive) for setting in settings]
    assert sides == [(False, False), (True, False), (False, True)]
    assert len({setting.seed for setting in settings}) == 1
    assert len({id(setting.trained) for setting in settings}) == 1
    examined(toy(None, kind="tendency", check=check, on={}))
    assert settings[-1].trained is not settings[0].trained
    shared: dict[Any, Any] = {}
    examined(toy(None, kind="tendency", check=check, on={}), trained=shared)
    assert settings[-1].trained is shared


def test_a_tendency_that_holds_or_is_open_has_no_certificate() -> None:
    for successes, verdict in ((40, "holds"), (3, "undecided")):
        found = examined(tendency(successes))
        assert (found.entry.verdict, found.entry.certificate) == (verdict, None)
        assert found.certificate is None


# claims that were not examined to the end


def test_an_undecided_claim_has_a_reason_and_no_evidence() -> None:
    about = watched(Watch())
    found = undecided(about, "the run ended")
    assert (found.certificate, found.notes, found.seconds) == (None, (), 0.0)
    entry = found.entry
    assert (entry.verdict, entry.reason) == ("undecided", "the run ended")
    assert (entry.examples.tried, entry.control.examples.tried) == (0, 0)
    assert (entry.seeds, entry.certificate) == ((), None)
    assert (entry.id, entry.control.statement) == ("toy-claim", "one less")


def test_an_entry_is_described_as_it_is_judged() -> None:
    """Whatever the evidence says: judging is not its business."""
    about = watched(Watch())
    evidence = Evidence(
        tried=3, met=2, counterexample=Observation(False, "7", "≤", "6", "integers")
    )
    control = Evidence(tried=1, rejected={"kink": 1})
    judgement = Judgement(Verdict.VACUOUS, "so I say")
    entry = describe(about, judgement, evidence, control, certified=True, seeds=(3, 5))
    assert isinstance(entry, Entry)
    assert (entry.verdict, entry.reason) == ("vacuous", "so I say")
    assert (entry.examples.tried, entry.examples.met, entry.examples.fraction) == (3, 2, 0.666667)
    assert entry.control.examples.rejected == {"kink": 1}
    assert entry.seeds == (3, 5)
    assert entry.certificate == "certificates/toy-claim.json"
    assert entry.formal_version == certificates.statement_version(about) is not None
    assert entry.version == version_of(about)
    bare = describe(replace(about, formal=None), judgement, Evidence(), Evidence())
    assert (bare.formal_version, bare.version["title"]) == (None, entry.version["title"])
