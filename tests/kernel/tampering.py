"""One thing changed in a certificate, somewhere."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

from tests.kernel.examples import Json

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
