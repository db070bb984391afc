"""Evidence in one line: how sure, by what kind of evidence there is."""

from __future__ import annotations

from dataclasses import replace

from tests.reports.entries import ENTRIES
from theorycheck.claims.outcomes import Answer, KernelWord
from theorycheck.claims.strengths import Strength
from theorycheck.reports.html.evidence import conclusion, sureness


def test_how_sure_a_counterexample_is() -> None:
    refuted = ENTRIES["refuted"]
    assert refuted.counterexample is not None
    assert sureness(refuted) == "one counterexample, compared as rationals"
    confirmed = replace(
        refuted.counterexample, kernel=KernelWord(answer=Answer.CONFIRMED, reason=None)
    )
    found = sureness(replace(refuted, counterexample=confirmed))
    assert found == "one counterexample, which the kernel confirms"


def test_how_sure_what_passes_is() -> None:
    settled = replace(
        ENTRIES["holds"], strength=Strength(level="architectures", architectures=41, largest=9)
    )
    assert sureness(settled).startswith(
        "true of all weights, data and activation patterns of 41 architectures, the largest with 9"
        " numbers; 1 example counts"
    )
    general = replace(ENTRIES["proved"], strength=Strength(level="general"))
    assert sureness(general).startswith("general")


def test_how_sure_a_tendency_is() -> None:
    assert sureness(ENTRIES["tendency"]) == (
        "decided in each population by itself, with an error of at most 1e-4"
    )


def test_what_was_compared() -> None:
    lines = ("for all k in weights", "given chain()", "f(k) == 1", "where f(k) = 2")
    assert conclusion(replace(ENTRIES["holds"], formula=lines)) == "f(k) == 1"
    assert conclusion(ENTRIES["holds"]) == ""
