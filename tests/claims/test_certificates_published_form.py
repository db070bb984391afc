"""The published form of certificates: the schema, which admits all that the kernel accepts."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.claims.on_record import FILES, ROOT, SCHEMA, VALIDATOR, Document
from tests.claims.toy_claims import outputs, scalar
from theorycheck import kernel
from theorycheck.claims import certificates
from theorycheck.kernel import Rejected

CONTENT = [json.loads(path.read_text(encoding="utf-8")) for path in FILES]
SMALL = [document for document in CONTENT if len(json.dumps(document)) < 4000]


def sealed(document: Document) -> Document:
    """With the version and digest that belong to the content, as a forger would write them."""
    content = {key: value for key, value in document.items() if key != "digest"}
    if {"claim", "statement", "version"} <= content.keys():
        content["version"] = kernel.digest([content["claim"], content["statement"]])[:16]
    return {**content, "digest": kernel.digest(content)} if "digest" in document else content


def accepted(document: Document) -> bool:
    try:
        kernel.check(document)
    except Rejected:
        return False
    return True


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_certificates_on_record_are_of_the_published_form(path: Path) -> None:
    VALIDATOR.validate(json.loads(path.read_text(encoding="utf-8")))


def places(part: Any, *above: str | int) -> Iterator[tuple[str | int, ...]]:
    """Where the objects, arrays and values of a document are."""
    yield above
    if isinstance(part, dict | list):
        for key, inner in part.items() if isinstance(part, dict) else enumerate(part):
            yield from places(inner, *above, key)


def at_place(document: Document, place: tuple[str | int, ...]) -> Any:
    part: Any = document
    for key in place:
        part = part[key]
    return part


FREE = (("at",), ("case", "numbers"), ("architecture", "numbers"))
"""Objects whose keys the certificate chooses."""
OBJECTS = {
    (*("an index" if isinstance(key, int) else key for key in place), *sorted(found)): (
        index,
        place,
    )
    for index, document in enumerate(SMALL)
    for place in places(document)
    if isinstance(found := at_place(document, place), dict) and place not in FREE
}
"""One of each kind: at the same place of a document, whatever the index, with the same keys."""


def test_objects_have_exactly_their_keys() -> None:
    """In schema and kernel alike: none is optional, and there is no other."""
    assert len(OBJECTS) >= 8
    for index, place in OBJECTS.values():
        for key in at_place(SMALL[index], place):
            less = deepcopy(SMALL[index])
            del at_place(less, place)[key]
            assert not VALIDATOR.is_valid(sealed(less)), (place, key)
            assert not accepted(sealed(less)), (place, key)
        more = deepcopy(SMALL[index])
        at_place(more, place)["remark"] = "none"
        assert not VALIDATOR.is_valid(sealed(more)), place
        assert not accepted(sealed(more)), place


ODD = st.sampled_from(
    [
        None, True, False, 0, 1, -1, 2, 41, 1001, 10**30, "", "x", "0", "1", "-1", "1/2", "2/4",
        "1/1", "0/3", "-0", "+1", "01", "1.5", "1e9", "nan", "Infinity", " 1", "1/0", "1/-2",
        [], ["1"], [["1"]], [[["1"]]], [1], {}, {"a": "1"}, "not normalised()", "n in samples",
        "refuted", "tight", "dense", "identity", "batch", "lambda: 0", "a b = 1", "é = 1",
    ]
)  # fmt: skip


@given(st.sampled_from(SMALL), st.data())
@settings(max_examples=1500)
def test_the_kernel_accepts_nothing_that_the_schema_does_not(
    document: Document, data: st.DataObject
) -> None:
    """Any part replaced by something odd, or an array made longer or shorter, and sealed anew."""
    changed = deepcopy(document)
    *above, key = data.draw(st.sampled_from([place for place in places(document) if place]))
    outer = at_place(changed, tuple(above))
    if isinstance(outer[key], list) and data.draw(st.booleans()):
        outer[key] = outer[key][1:] if data.draw(st.booleans()) else outer[key] * 2
    else:
        outer[key] = data.draw(ODD)
    forged = changed if key in ("digest", "version") else sealed(changed)
    assert VALIDATOR.is_valid(forged) or not accepted(forged)


MALFORMED: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "another format": (("schema_version",), 1),
    "claim as number": (("claim",), 7),
    "claim as path": (("claim",), "../claim"),
    "verdict": (("shows",), "holds"),
    "float": (("left",), 0.5),
    "decimal": (("left",), "0.5"),
    "not a number": (("left",), "nan"),
    "exponent": (("left",), "1e999999999"),
    "not reduced": (("left",), "1/1"),
    "division by zero": (("left",), "1/0"),
    "enclosure of one": (("left",), ["1"]),
    "hypothesis as number": (("statement", "hypotheses"), [3]),
    "no conclusion": (("statement", "conclusion"), ""),
    "long conclusion": (("statement", "conclusion"), "1 <= 1" + " + 1" * 1000),
    "range without name": (("statement", "forall"), ["samples"]),
    "abbreviation without name": (("statement", "where"), ["= 3"]),
    "variable without name": (("at", "n 1"), 0),
    "variable as text": (("at", "n"), "0"),
    "number as number": (("case", "numbers", "rho"), 1),
    "no layers": (("case", "network", "layers"), []),
    "too many layers": (("case", "network", "layers"), [{}] * 41),
    "width": (("case", "network", "input_width"), 0),
    "width as text": (("case", "network", "input_width"), "1"),
    "bias as number": (("case", "network", "layers", 0, "bias"), 0),
    "normalisation": (("case", "network", "layers", 0, "normalisation"), "layer"),
    "no edges": (("case", "network", "layers", 0, "edges"), []),
    "edge": (("case", "network", "layers", 0, "edges", 0, "map"), "loop"),
    "source": (("case", "network", "layers", 0, "edges", 0, "source"), -1),
    "two members": (("case", "inputs"), [[["1"]], [["1"]]]),
    "no samples": (("case", "inputs"), [[]]),
    "targets": (("case", "targets"), []),
    "digest": (("digest",), "0" * 63),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_malformed_certificates_are_neither_valid_nor_accepted(fault: str) -> None:
    document = certificates.issue(outputs(), scalar(5, 9, 8), "refuted", {})
    assert VALIDATOR.is_valid(document)
    assert accepted(document)
    (*above, key), value = MALFORMED[fault]
    at_place(document, tuple(above))[key] = value
    forged = document if key == "digest" else sealed(document)
    assert not VALIDATOR.is_valid(forged)
    assert not accepted(forged)


def test_schema_and_kernel_name_the_same_limits() -> None:
    named = SCHEMA["$defs"]
    assert named["schema_version"]["const"] == kernel.SCHEMA_VERSION
    for form in ("example", "proof", "architecture"):
        assert named[form]["required"] == list(named[form]["properties"])
    bounds = named["proof"]["properties"]
    assert tuple(bounds["exponent"]["enum"]) == kernel.EXPONENTS
    assert bounds["certainty"]["minimum"] == kernel.LEAST_CERTAINTY
    assert named["statement"]["required"] == list(kernel.STATEMENT)
    assert named["network"]["properties"]["layers"]["maxItems"] == kernel.DEEPEST
    for key in ("hypotheses", "given", "where", "forall"):
        assert named["statement"]["properties"][key]["maxItems"] == kernel.DEEPEST
    formula = f"{kernel.FORMULA.pattern}$"
    assert named["formula"]["pattern"] == f"^{formula}"
    for key in ("where", "forall"):
        assert named["statement"]["properties"][key]["items"]["pattern"].endswith(f" {formula}")
    assert named["name"]["pattern"] == f"^{kernel.NAME}$"
    rational = re.compile(named["rational"]["pattern"])
    for digits in (1499, 1500, 1501):
        for text in ("9" * digits, "-" + "9" * digits, "1/" + "9" * digits):
            assert bool(rational.fullmatch(text)) == bool(kernel.NUMBER.fullmatch(text))


def test_the_schema_is_part_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packaged = project["tool"]["setuptools"]["package-data"]["theorycheck.claims"]
    assert packaged == ["certificate.schema.json"]
