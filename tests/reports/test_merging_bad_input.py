"""Reports that do not fit each other, or cannot be merged at all, are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reports.runs import CLAIMS, FAILED, MET, document, entry, gathered
from theorycheck import reports
from theorycheck.claims.evidence import Evidence
from theorycheck.errors import InputError
from theorycheck.reports import merging
from theorycheck.reports.documents import Entry
from theorycheck.reports.merging import merge

CHANGES: dict[str, Callable[[Entry], None]] = {
    "title": lambda e: e.update(title="Another"),
    "kind": lambda e: e.update(kind="rank"),
    "sources": lambda e: e.update(sources=[]),
    "statement": lambda e: e.update(statement="1 = 2"),
    "description": lambda e: e.update(description="Other words."),
    "hypotheses": lambda e: e.update(hypotheses=["some"]),
    "corrects": lambda e: e.update(corrects="other-claim"),
    "enough": lambda e: e.update(enough=5),
    "version": lambda e: e.update(version="0123456789abcdef"),
    "control": lambda e: e["control"].update(statement="two less"),
}


def test_every_field_of_an_entry_is_merged_or_compared() -> None:
    merged = {
        "id", "verdict", "reason", "examples", "tightest", "counterexample", "nearest",
        "arithmetic", "certificate", "seeds", "seconds",
    }  # fmt: skip
    assert CHANGES.keys() | merged == reports.ENTRY_FIELDS


@pytest.mark.parametrize("field", CHANGES)
def test_different_claims_of_one_id_are_refused(field: str) -> None:
    first = document(0, entry(CLAIMS[0], [0], gathered(MET), Evidence()))
    second = document(1, entry(CLAIMS[0], [1], gathered(MET), Evidence()))
    CHANGES[field](second["claims"][0])
    with pytest.raises(InputError, match=f"identity-claim: the reports differ in its {field}"):
        merge([first, second])


def test_different_images_are_refused() -> None:
    runs = [document(0), document(1, images="mnist:data")]
    with pytest.raises(InputError, match="different images, digits and mnist:data"):
        merge(runs)


FAULTS: dict[str, tuple[Callable[[Entry], None], str]] = {
    "id": (lambda e: e.update(id="../../elsewhere"), "no claim has such an id"),
    "id as number": (lambda e: e.update(id=7), "no text"),
    "kind": (lambda e: e.update(kind="rumour"), "no claim has such an id or kind"),
    "kind as list": (lambda e: e.update(kind=[]), "no claim has such an id or kind"),
    "statement": (lambda e: e.update(statement=None), "no text"),
    "source": (lambda e: e.update(sources=[{}]), "KeyError('paper')"),
    "sources": (lambda e: e.update(sources=3), "TypeError"),
    "seeds": (lambda e: e.update(seeds=None), "TypeError"),
    "seed as text": (lambda e: e.update(seeds=["0"]), "a seed"),
    "no seed": (lambda e: e.update(seeds=[]), "evidence without a seed"),
    "enough": (lambda e: e.update(enough=None), "number of examples needed"),
    "seconds": (lambda e: e.update(seconds="long"), "ValueError"),
    "count": (lambda e: e["examples"].update(tried=-1), "-1 is no count"),
    "count missing": (lambda e: e["examples"].pop("met"), "KeyError('met')"),
    "control": (lambda e: e.update(control=[]), "TypeError"),
    "control without counts": (lambda e: e["control"].pop("examples"), "KeyError('examples')"),
    "certificate elsewhere": (
        lambda e: e.update(certificate="../secret.json"),
        "its certificate is named '../secret.json'",
    ),
    "certificate of nothing": (
        lambda e: e.update(certificate="certificates/identity-claim.json", tightest=None),
        "a certificate without an example",
    ),
    "long": (lambda e: e.update(certificate="x" * 1000), "cannot be read"),
}


@pytest.mark.parametrize(("spoil", "complaint"), FAULTS.values(), ids=FAULTS)
def test_reports_that_cannot_be_merged_are_named(
    tmp_path: Path, spoil: Callable[[Entry], None], complaint: str
) -> None:
    one = document(0, entry(CLAIMS[0], [0], gathered(MET), gathered(FAILED)))
    spoil(one["claims"][0])
    path = tmp_path / "claims.json"
    path.write_text(json.dumps(one), encoding="utf-8")
    with pytest.raises(InputError) as error:
        merging.load(tmp_path)
    message = str(error.value)
    assert message.startswith(f"report {path}: claim ")
    assert complaint in message
    assert "\n" not in message
    assert len(message) < len(str(path)) + 220
