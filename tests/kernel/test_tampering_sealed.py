"""Certificates sealed again by someone who knows the kernel: accepted only when they are true.

The full engine decides what is true.
"""

from __future__ import annotations

import copy
import json
import random
from fractions import Fraction
from pathlib import Path

import pytest

from tests.kernel.examples import ROOT, Json, each_certificate, judged, sealed
from tests.kernel.tampering import part, places, tampered
from theorycheck import kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.declaration import Claim
from theorycheck.claims.search import replay
from theorycheck.claims.setting import Setting
from theorycheck.claims.trajectories import Observing
from theorycheck.claims.verdicts import contradicted
from theorycheck.errors import InputError
from theorycheck.kernel import Rejected
from theorycheck.pytest_plugin.collecting import collect_claims


def is_trained(claim: Claim) -> bool:
    """Whether numbers of its examples are found by training, which the kernel cannot repeat.

    What it accepts may then be false; to replay the example shows it.
    """
    return isinstance(claim.along, Observing)


@pytest.fixture(scope="module")
def claims() -> dict[str, Claim]:
    return {claim.id: claim for claim in collect_claims([str(ROOT / "properties")]).values()}


def engine_finds(claim: Claim, case: Json) -> bool:
    """Whether the engine finds the claim violated by the example of a certificate."""
    if claim.kind == "tendency":
        return bool(contradicted(*certificates.counted_pairs(case["numbers"])))
    return replay(claim, Setting(), Case.from_dict(case)).counterexample is not None


@each_certificate
def test_what_is_sealed_again_is_accepted_only_when_it_is_true(
    path: Path, claims: dict[str, Claim]
) -> None:
    """Another statement has another version than the one on record; the engine decides the rest."""
    text = path.read_text()
    original = json.loads(text)
    trained = is_trained(claims[original["claim"]])
    generator = random.Random("sealed " + path.stem)
    for _ in range(60 if len(text) < 5000 else 8):
        changed = sealed(tampered(original, generator))
        if judged(changed) is None and changed["claim"] == original["claim"]:
            if changed["statement"] != original["statement"]:
                assert changed["version"] != original["version"]
                continue
            if trained:
                continue
            violated = engine_finds(claims[original["claim"]], changed["case"])
            assert violated is (changed["shows"] == "refuted")


def changed_numbers(document: Json, generator: random.Random) -> Json:
    """A certificate's example with a few other numbers, still a well-formed one."""
    case = copy.deepcopy(document["case"])
    numbers = [
        place
        for place in places(case)
        if isinstance(part(case, place), str) and kernel.NUMBER.fullmatch(part(case, place))
    ]
    for _ in range(generator.choice([1, 1, 2, 3])):
        place = generator.choice(numbers)
        holder, key = part(case, place[:-1]), place[-1]
        value = Fraction(holder[key])
        other = [value + 1, value - 1, -value, 2 * value, Fraction(0), Fraction(1), value / 2]
        holder[key] = str(generator.choice(other))
    return case


@each_certificate
def test_the_engine_agrees_with_every_other_example_that_the_kernel_accepts(
    path: Path, claims: dict[str, Claim]
) -> None:
    """The attacker changes the numbers, and has the kernel compute the sides and the seal."""
    document = json.loads(path.read_text())
    claim = claims[document["claim"]]
    generator = random.Random("numbers " + path.stem)
    for _ in range(3 if len(path.read_text()) > 5000 else 12):
        case = changed_numbers(document, generator)
        try:
            if claim.kind == "tendency":
                pairs = certificates.counted_pairs(case["numbers"])
                certificates.issue_contradicted(claim, *pairs)
            else:
                certificates.issue(claim, Case.from_dict(case), "refuted", document["at"])
        except (Rejected, InputError):
            continue
        if is_trained(claim):
            continue
        assert engine_finds(claim, case), case
