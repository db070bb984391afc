"""Thousands of certificates that were tampered with.

What was changed without a new seal must be rejected. What was sealed again by someone who knows the
kernel may be accepted only when it is true, which the full engine decides.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.examples import CERTIFICATES, ROOT, Json, each_certificate, judged, sealed
from theorycheck import kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.declaration import Claim
from theorycheck.claims.search import replay
from theorycheck.claims.setting import Setting
from theorycheck.claims.verdicts import contradicted
from theorycheck.errors import InputError
from theorycheck.kernel import Rejected
from theorycheck.pytest_plugin.collecting import collect_claims

Place = tuple[Any, ...]

ODD: list[Any] = [
    None, True, False, 0, 1, -1, 10**400, "", "0", "1", "-1", "1/2", "2/4", "1/0", "-0", "00", "+1",
    "1.5", "1e999999999", "1e9", "NaN", "Infinity", "-inf", "\u0661", "\uff11", "1\u200b", "\ud800",
    " 1", "1\n", "1_000", "9" * 1501, "9" * 5000, "1/" + "9" * 1501, [], {}, [[]], ["1"], {"": ""},
    "__import__('os')", "0 <= 1", "refuted", "tight", "dense", "identity", "batch", "none",
]  # fmt: skip


def places(document: Json, place: Place = ()) -> Iterator[Place]:
    """Where the parts of a document are, the document itself first."""
    yield place
    if isinstance(document, (dict, list)):
        keys = document.keys() if isinstance(document, dict) else range(len(document))
        for key in keys:
            yield from places(document[key], (*place, key))


def part(document: Json, place: Place) -> Json:
    for key in place:
        document = document[key]
    return document


def with_digit(number: str, generator: random.Random) -> str:
    digits = [i for i, letter in enumerate(number) if letter.isdigit()]
    if not digits:
        return number + "0"
    i = generator.choice(digits)
    return number[:i] + generator.choice("0123456789") + number[i + 1 :]


def tampered(document: Json, generator: random.Random) -> Json:
    """The document with one thing changed, somewhere."""
    document = copy.deepcopy(document)
    place = generator.choice([*places(document)][1:])
    holder, key = part(document, place[:-1]), place[-1]
    value = holder[key]
    kinds = ["odd", "remove", "deep", "twice"]
    if isinstance(value, str):
        kinds += ["digit"] * 4 + ["sign", "letter"] * 2
    if isinstance(value, list) and len(value) > 1:
        kinds += ["swap", "row"] * 2
    if type(value) is int:
        kinds += ["step"] * 3
    match generator.choice(kinds):
        case "odd":
            holder[key] = copy.deepcopy(generator.choice(ODD))
        case "remove":
            del holder[key]
        case "deep":
            holder[key] = [[[value]]]
        case "twice" if isinstance(holder, list):
            holder.insert(key, copy.deepcopy(value))
        case "twice":
            holder[f"{key}_1"] = copy.deepcopy(value)
        case "digit":
            holder[key] = with_digit(value, generator)
        case "sign":
            holder[key] = value[1:] if value.startswith("-") else "-" + value
        case "letter":
            i = generator.randrange(len(value) + 1)
            holder[key] = value[:i] + generator.choice("0ax_ (,-\n\u00e9") + value[i + 1 :]
        case "swap":
            i, j = generator.sample(range(len(value)), 2)
            value[i], value[j] = value[j], value[i]
        case "row":
            del value[generator.randrange(len(value))]
        case "step":
            holder[key] = value + generator.choice([-2, -1, 1, 2, 1000])
    return document


@each_certificate
def test_what_is_changed_without_a_new_seal_is_rejected(path: Path) -> None:
    original = json.loads(path.read_text())
    generator = random.Random(path.stem)
    for _ in range(60):
        changed = tampered(original, generator)
        if changed != original or json.dumps(changed) != json.dumps(original):
            assert judged(changed) is not None, changed


def test_texts_that_are_cut_or_garbled_are_rejected() -> None:
    generator = random.Random(0)
    for path in CERTIFICATES:
        text = path.read_text()
        for _ in range(25):
            end = generator.randrange(len(text.rstrip()))
            letter = chr(
                generator.choice([0, 9, 34, 44, 58, 91, 123, 233, 0x2028, 0xFFFF, 0x1F600])
            )
            for garbled in (
                text[:end],
                text[:end] + letter + text[end:],
                text[end:],
                text + letter,
            ):
                try:
                    # A space more between two values changes nothing.
                    unchanged = json.loads(garbled) == json.loads(text)
                except ValueError:
                    unchanged = False
                if not unchanged:
                    with pytest.raises(Rejected) as caught:
                        kernel.check(kernel.read(garbled, kernel.MOST_BYTES))
                    assert str(caught.value).isprintable()


# --- Resealed by an attacker: only what is true --------------------------------------------------


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
    generator = random.Random("sealed " + path.stem)
    for _ in range(60 if len(text) < 5000 else 8):
        changed = sealed(tampered(original, generator))
        if judged(changed) is None and changed["claim"] == original["claim"]:
            if changed["statement"] != original["statement"]:
                assert changed["version"] != original["version"]
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
        assert engine_finds(claim, case), case
