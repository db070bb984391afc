"""Reports that do not fit each other, or cannot be merged at all, are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.claims.findings import traced
from tests.reports.entries import sealed
from tests.reports.runs import CLAIMS, FAILED, MET, entry, gathered, report, scalar
from theorycheck.claims.entries import Entry
from theorycheck.claims.evidence import Evidence
from theorycheck.errors import InputError
from theorycheck.reports import merging
from theorycheck.reports.merging import merge

FIRST, SECOND = (entry(CLAIMS[0], [seed], gathered(MET), Evidence()) for seed in (0, 1))

CHANGES: dict[str, Any] = {
    "title": "Another",
    "kind": "rank",
    "sources": (),
    "statement": "1 = 2",
    "description": "Other words.",
    "hypotheses": ("some",),
    "formula": ("1 == 2",),
    "corrects": "other-claim",
    "enough": 5,
    "version": {"title": "0123456789abcdef"},
    "formal_version": "0123456789abcdef",
    "module": "properties.other.test_other",
    "rests_on": ("other-claim",),
    "control": replace(SECOND.control, statement="two less"),
    "positive": replace(SECOND.control, statement="one more"),
}


def test_every_field_of_an_entry_is_merged_or_compared() -> None:
    merged = {
        "id", "verdict", "reason", "examples", "tightest", "counterexample", "nearest",
        "arithmetic", "fingerprints", "certificate", "seeds",
        "strength", "neighbours", "courses",
    }  # fmt: skip
    assert CHANGES.keys() | merged == {field.name for field in fields(Entry)}


def test_trainings_by_different_recipes_are_refused() -> None:
    one, other = traced("images", 2.0), traced("images", 3.0)
    other = replace(other, course=replace(other.course, epochs=(0, 50)))
    runs = [
        report(seed, entry(CLAIMS[2], [seed], gathered(found), gathered()))
        for seed, found in enumerate((one, other))
    ]
    said = "claim tendency-claim: the networks were trained or measured in different ways; merge"
    with pytest.raises(InputError, match=said):
        merge(runs)


@pytest.mark.parametrize("field", CHANGES)
def test_different_claims_of_one_id_are_refused(field: str) -> None:
    merge([report(0, FIRST), report(1, SECOND)])
    changed = replace(SECOND, **{field: CHANGES[field]})
    said = f"identity-claim: the reports differ in its {field}( control)?;"
    with pytest.raises(InputError, match=said):
        merge([report(0, FIRST), report(1, changed)])


def test_different_images_are_refused() -> None:
    runs = [report(0), report(1, images="mnist:data")]
    with pytest.raises(InputError, match="different images, digits and mnist:data"):
        merge(runs)


def test_a_report_on_different_images_is_refused(tmp_path: Path) -> None:
    """As no merge makes one; it says which report that is."""
    runs = (*report(0).runs, *report(1, images="mnist:data").runs)
    document = replace(report(0), runs=runs, merged=True).document()
    (tmp_path / "claims.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError) as error:
        merging.load(tmp_path)
    said = f"report {tmp_path}/claims.json: the runs trained on different images, digits and mnist"
    assert str(error.value).startswith(said)


Document = dict[str, Any]

CASE = scalar(7.0).to_dict()

VIOLATION = replace(FAILED, case=lambda: scalar(7.0))


PAIR = {"successes": 1, "failures": 0, "ties": 0, "effects": {}, "measured": []}


def update(**changes: Any) -> Callable[[Document], None]:
    return lambda e: e.update(changes)


def count(**changes: Any) -> Callable[[Document], None]:
    return lambda e: e["examples"].update(changes)


def shown(**changes: Any) -> Callable[[Document], None]:
    return lambda e: e["control"]["counterexample"].update(changes)


def case(**changes: Any) -> Callable[[Document], None]:
    return shown(case={**CASE, **changes})


EMPTY: Document = msgspec.to_builtins(Evidence().outcome())


def unseeded(**found: Any) -> Callable[[Document], None]:
    """No example was tried, no seed is named, and yet something was found on the control."""

    def spoil(e: Document) -> None:
        e.update(EMPTY, seeds=[])
        e["control"].update({**EMPTY, **found})

    return spoil


def unseeded_count(**found: Any) -> Callable[[Document], None]:
    return unseeded(examples={**EMPTY["examples"], **found})


FAULTS: dict[str, tuple[Callable[[Document], None], str]] = {
    "id": (update(id="../../elsewhere"), "no claim has the id '../../elsewhere'"),
    "id as number": (update(id=7), "claim 7 cannot be read: Expected `str`, got `int` - at `$.id`"),
    "no id": (lambda e: e.pop("id"), "claim None cannot be read: Object missing required field"),
    "kind": (update(kind="rumour"), "Invalid enum value 'rumour' - at `$.kind`"),
    "kind as list": (update(kind=[]), "Expected `str`, got `array` - at `$.kind`"),
    "statement": (update(statement=None), "Expected `str`, got `null` - at `$.statement`"),
    "source": (update(sources=[{}]), "missing required field `paper` - at `$.sources[0]`"),
    "sources": (update(sources=3), "Expected `array`, got `int` - at `$.sources`"),
    "seeds": (update(seeds=None), "Expected `array`, got `null` - at `$.seeds`"),
    "seed as text": (update(seeds=["0"]), "Expected `int`, got `str` - at `$.seeds[0]`"),
    "seed as truth": (update(seeds=[True]), "Expected `int`, got `bool` - at `$.seeds[0]`"),
    "seed as float": (update(seeds=[0.0]), "Expected `int`, got `float` - at `$.seeds[0]`"),
    "no seed": (update(seeds=[]), "identity-claim has evidence without a seed"),
    "no seed of an example": (
        unseeded(counterexample=vars(FAILED.example())),
        "evidence without a seed",
    ),
    "no seed of a tight example": (unseeded(tightest=vars(MET.example())), "without a seed"),
    "no seed of a way": (unseeded(arithmetic=["integers"]), "evidence without a seed"),
    "no seed of a miss": (unseeded(nearest={"distance": 1.0, "note": ""}), "without a seed"),
    "no seed of a reason": (unseeded_count(rejected={"kink": 1}), "evidence without a seed"),
    "no seed of pairs": (unseeded_count(strata={"all": PAIR}), "(0, 0, 0, 1) of 0 of 0 examples"),
    "enough": (update(enough=None), "Expected `int`, got `null` - at `$.enough`"),
    "enough as truth": (update(enough=True), "Expected `int`, got `bool` - at `$.enough`"),
    "count": (count(tried=-1), "Expected `int` >= 0 - at `$.examples.tried`"),
    "count as truth": (count(met=True), "Expected `int`, got `bool` - at `$.examples.met`"),
    "count as float": (count(met=1.0), "Expected `int`, got `float` - at `$.examples.met`"),
    "count of a reason": (count(rejected={"kink": -1}), "Expected `int` >= 0 - at `$.examples.rej"),
    "count missing": (lambda e: e["examples"].pop("met"), "missing required field `met`"),
    "more met than tried": (count(met=2), "(0, 0, 1, 0) of 2 of 1 examples - at `$.examples`"),
    "more open than met": (count(open=2), "(0, 2, 1, 0) of 1 of 1 examples - at `$.examples`"),
    "more degenerate than met": (count(degenerate=2), "(2, 0, 1, 0) of 1 of 1 examples"),
    "more pairs than met": (
        count(strata={"one": PAIR, "other": PAIR}),
        "(0, 0, 1, 2) of 1 of 1 examples",
    ),
    "no fraction": (count(fraction=None), "a fraction of None of 1 examples - at `$.examples`"),
    "control": (update(control=[]), "Expected `object`, got `array` - at `$.control`"),
    "control without counts": (
        lambda e: e["control"].pop("examples"),
        "missing required field `examples` - at `$.control`",
    ),
    "nothing violated": (shown(holds=True), "a counterexample that violates nothing"),
    "nothing decided": (shown(holds=None), "a counterexample that violates nothing"),
    "holds as number": (shown(holds=0), "Expected `bool | null`, got `int`"),
    "tightness as truth": (shown(tightness=True), "Expected `float | null`, got `bool`"),
    "miss": (
        update(nearest={"distance": "far", "note": ""}),
        "got `str` - at `$.nearest.distance`",
    ),
    "certificate elsewhere": (
        update(certificate="../secret.json"),
        "the certificate of identity-claim is named '../secret.json'",
    ),
    "certificate of another": (
        update(certificate="certificates/proved-claim.json"),
        "the certificate of identity-claim is named 'certificates/proved-claim.json'",
    ),
    "certificate of nothing": (
        update(certificate="certificates/identity-claim.json", tightest=None),
        "a certificate without an example",
    ),
    "long": (update(certificate="x" * 1000), "cannot be read"),
    "no case": (shown(case={}), "not a case: KeyError('network')"),
    "case as list": (shown(case=[]), "Expected `object | null`, got `array`"),
    "case of no network": (case(network={}), "not a network description: KeyError('layers')"),
    "case of no number": (case(inputs=[[["1/0"]]]), "'1/0' is not a rational"),
    "case of two lines": (case(inputs=[[["1\n2"]]]), "is not a rational"),
    "case of too few numbers": (case(parameters=[]), "arrays of shapes [(1, 1, 1)] are no"),
    "case of a long text": (case(inputs=[[["1" * 1000 + "x"]]]), "cannot be read"),
}


@pytest.mark.parametrize(("spoil", "complaint"), FAULTS.values(), ids=FAULTS)
def test_reports_that_cannot_be_merged_are_named(
    tmp_path: Path, spoil: Callable[[Document], None], complaint: str
) -> None:
    one = report(0, entry(CLAIMS[0], [0], gathered(MET), gathered(VIOLATION))).document()
    path = tmp_path / "claims.json"
    path.write_text(json.dumps(one), encoding="utf-8")
    merging.load(tmp_path)
    spoil(one["claims"][0])
    path.write_text(json.dumps(sealed(one)), encoding="utf-8")
    with pytest.raises(InputError) as error:
        merging.load(tmp_path)
    message = str(error.value)
    assert message.startswith(f"report {path}: claim ")
    assert complaint in message
    assert "\n" not in message
    assert len(message) < len(str(path)) + 240


def test_a_claim_that_is_there_twice_is_named(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    path.write_text(json.dumps(report(0, FIRST, FIRST).document()), encoding="utf-8")
    with pytest.raises(InputError) as error:
        merging.load(path)
    assert str(error.value).startswith(f"report {path}: claim 'identity-claim' occurs twice;")
