"""The document of powers, and what of it stands in the table of claims."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replaced

from tests.reports.entries import ENTRIES, report
from theorycheck import reports
from theorycheck.claims.outcomes import Fate
from theorycheck.errors import InputError
from theorycheck.reports.power import (
    NONE,
    Mutated,
    Power,
    Powers,
    beside,
    formula_digest,
    load_powers,
)

HOLDS = ENTRIES["holds"]
TRUE = Mutated(change="sign", words="`-a` for `a`", reason="algebra: it says nothing else")
SURVIVOR = Mutated(change="factor", words="`2 * a` for `a`", reason="true at 80 examples")
POWER = Power(
    claim=HOLDS.id, formula=formula_digest(HOLDS.id, HOLDS.formula), refuted=20,
    true=(TRUE,), survived=(SURVIVOR,), without_value=3,
)  # fmt: skip
POWERS = Powers(seed=0, claims=(POWER,), without_formula=("tenth-claim",))


def written(folder: Path, document: Any) -> Path:
    path = folder / "power.json"
    path.write_text(reports.dumps(document), encoding="utf-8")
    return path


def test_the_document_comes_back(tmp_path: Path) -> None:
    path = written(tmp_path, POWERS.document())
    assert load_powers(path) == beside(tmp_path) == POWERS
    assert beside(tmp_path / "elsewhere") is NONE
    assert (POWER.false, POWER.made) == (21, 22)


def test_the_table_shows_how_many_are_refuted(tmp_path: Path) -> None:
    page = reports.render_markdown(report(), reports.Companions(powers=POWERS))["claims.md"]
    [row] = [line for line in page.splitlines() if line.startswith(f"| [{HOLDS.title}]")]
    assert "| 20 of 21 |" in row
    assert "false neighbours" in page
    written(tmp_path, POWERS.document())
    reports.write_report(tmp_path, report())
    assert (tmp_path / "claims.md").read_text(encoding="utf-8") == page


def test_powers_of_another_statement_are_not_shown() -> None:
    assert POWERS.shown(HOLDS) == "20 of 21"
    assert POWERS.shown(replace(HOLDS, formula=(*HOLDS.formula, "given a > 0"))) == ""
    assert POWERS.shown(replace(HOLDS, title="In other words", version={})) == "20 of 21"
    assert POWERS.shown(ENTRIES["own"]) == ""
    refuted = ENTRIES["refuted"]
    old = replaced(POWER, claim=refuted.id, formula=formula_digest(refuted.id, refuted.formula))
    assert Powers(seed=0, claims=(old,)).shown(refuted) == ""
    assert NONE.shown(HOLDS) == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": "none"}, "Expected `int`"),
        ({"claims": [{}]}, "missing required field"),
        ({"without_formula": None}, "Expected `array`"),
    ],
)
def test_a_document_of_another_form_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    from theorycheck.reports.reading import digest

    content = {**POWERS.document(), **change}
    del content["digest"]
    path = written(tmp_path, {**content, "digest": digest(content)})
    with pytest.raises(InputError, match=message):
        load_powers(path)


def test_an_edited_document_is_refused_and_no_run_is_lost_for_it(tmp_path: Path) -> None:
    document = POWERS.document()
    document["claims"][0]["refuted"] = 21
    path = written(tmp_path, document)
    with pytest.raises(InputError, match="its digest differs; run `theorycheck power` again"):
        load_powers(path)
    said = reports.write_report(tmp_path, report())
    assert "its digest differs" in said
    assert "20 of 21" not in (tmp_path / "claims.md").read_text(encoding="utf-8")


def test_what_is_no_json_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "power.json"
    path.write_text("{")
    with pytest.raises(InputError) as caught:
        load_powers(path)
    assert "\n" not in str(caught.value)
    assert json.loads(reports.dumps(POWERS.document()))["schema_version"] == 2


def test_what_a_run_did_not_refute_other_examples_may() -> None:
    """A run tries few neighbours at few examples, the document all at many."""
    entry = replace(ENTRIES["holds"], formula=("f(n, 0) == 0",), neighbours={
        "sign: `-f`": Fate.SURVIVED, "index: `n + 1`": Fate.REFUTED, "term: `0`": Fate.SURVIVED,
        "factor: `2 * f`": Fate.SURVIVED,
    })  # fmt: skip
    power = Power(
        claim=entry.id,
        formula=formula_digest(entry.id, entry.formula),
        refuted=2,
        true=(Mutated(change="factor", words="`2 * f`", reason="algebra"),),
        survived=(Mutated(change="term", words="`0`", reason="nothing"),),
        without_value=0,
    )
    assert Powers(seed=0, claims=(power,)).fates(entry) == {
        "sign: `-f`": "refuted by other examples",
        "index: `n + 1`": "refuted",
        "term: `0`": "survived",
        "factor: `2 * f`": "true",
    }
    own = {words: fate.value for words, fate in entry.neighbours.items()}
    meaningless = replaced(power, without_value=1)
    for unknown in (Powers(seed=0, claims=()), Powers(seed=0, claims=(meaningless,))):
        assert unknown.fates(entry) == own
    assert Powers(seed=0, claims=(power,)).fates(replace(entry, formula=("0 == 0",))) == own
