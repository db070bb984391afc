"""The report of needs: its document, and its line in the report of claims."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.reports.entries import ENTRIES
from theorycheck.claims.entries import Entry
from theorycheck.claims.needs import Need, Sharpness, Shown
from theorycheck.claims.strengths import Strength
from theorycheck.errors import InputError
from theorycheck.reports import dumps, section
from theorycheck.reports.companions import Companions
from theorycheck.reports.needs import Needs, Row, lines_of, load_needs, said_of, schema, summary

PUBLISHED = Path(__file__).parents[2] / "theorycheck/reports/needs.schema.json"
VERSION = "0123456789abcdef"


def shown(name: str) -> Shown:
    return Shown(comparison="1 = 2", network="1 -> linear 1 [bias]", numbers=5, name=name)


def need(words: str, outcome: Any, **changes: Any) -> Need:
    return Need(condition=f"{words}()", words=words, outcome=outcome, **{"examples": 0, **changes})


SETTLED = Strength(level="architectures", architectures=40, largest=50)
ROW = Row(
    version=VERSION,
    seed=0,
    needs=(
        need("no biases", "needed", examples=1, counterexample=shown("a-claim-needs-no-biases")),
        need("one output", "not seen", examples=7, strength=SETTLED),
        need("a chain", "not seen", examples=1),
        need("lambda > 0", "no meaning"),
        need("smooth", "open", examples=3),
        need("deep", "not tried"),
    ),
    sharpness=Sharpness(ratio=1.0, network="1", equality=shown("a-claim-is-sharp")),
)
NEEDS = Needs(claims={"a-claim": ROW})
HOLDS: Entry = replace(ENTRIES["holds"], id="a-claim", formal_version=VERSION, certificate=None)


def test_the_published_schema_is_that_of_the_document() -> None:
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    assert published == schema()
    jsonschema.Draft202012Validator(published).validate(json.loads(dumps(NEEDS.document())))


def test_a_document_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert load_needs(tmp_path) == Needs()
    (tmp_path / "needs.json").write_text(dumps(NEEDS.document()), "utf-8")
    assert load_needs(tmp_path) == NEEDS
    assert ROW.certificates() == ["a-claim-needs-no-biases", "a-claim-is-sharp"]


EDITS = {
    "no JSON": lambda text: text[:-9],
    "another outcome": lambda text: text.replace('"needed"', '"needless"'),
    "a number that was edited": lambda text: text.replace('"examples": 7', '"examples": 70'),
    "a later version": lambda text: text.replace('"schema_version": 1', '"schema_version": 2'),
    "no claims": lambda text: text.replace('"claims"', '"clams"'),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_document_that_cannot_be_used_is_one_line(edit: str, tmp_path: Path) -> None:
    path = tmp_path / "needs.json"
    path.write_text(EDITS[edit](dumps(NEEDS.document())), "utf-8")
    with pytest.raises(InputError) as error:
        load_needs(tmp_path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_claim_says_in_one_line_what_it_needs() -> None:
    assert lines_of(None) == []
    blank, line = lines_of(ROW)
    assert blank == ""
    example = "[`1 = 2`](needs/a-claim-{}.json) at `1 -> linear 1 [bias]`"
    assert line == (
        "Hypotheses, left out one at a time:"
        f" needed: no biases ({example.format('needs-no-biases')});"
        " not decided by the kernel: smooth;"
        " not seen to be needed: one output (7 examples, 40 architectures), a chain (1 example);"
        " no meaning without: lambda > 0; not tried: deep."
        f" The bound is sharp: {example.format('is-sharp')} is false."
    )


def test_two_conditions_of_the_same_words_are_said_once() -> None:
    """Several hypotheses of a claim may contain the same one."""
    twice = replace(ROW, needs=(need("deep", "not tried"), need("deep", "not tried")))
    assert said_of(replace(twice, sharpness=None)) == "not tried: deep."


def test_networks_may_be_left_to_the_certificates() -> None:
    asked, with_networks = "Hypotheses, left out one at a time: ", lines_of(ROW)[1]
    assert said_of(ROW) == with_networks.removeprefix(asked)
    assert said_of(ROW, networks=False) == said_of(ROW).replace(" at `1 -> linear 1 [bias]`", "")
    nothing = replace(ROW, needs=(), sharpness=None)
    assert (said_of(nothing), lines_of(nothing)) == ("", [])
    bound = replace(ROW, needs=())
    assert lines_of(bound) == ["", said_of(bound)]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Sharpness(ratio=0.75, network="1 -> linear 1"),
         "The bound is not seen to be reached: the best ratio of the sides is 0.75, at"
         " `1 -> linear 1`."),
        (Sharpness(ratio=None, network=None),
         "The bound is not tried: no example has two sides that are not 0."),
    ],
)  # fmt: skip
def test_a_bound_that_is_not_reached_has_a_ratio(found: Sharpness, said: str) -> None:
    assert lines_of(replace(ROW, needs=(), sharpness=found)) == ["", said]
    assert lines_of(replace(ROW, needs=(), sharpness=None)) == []


SEEN = Sharpness(ratio=0.75, network="1 -> linear 1")
UNSEEN = Sharpness(ratio=None, network=None)
OF_THE_SEARCH = "The bound is not seen to be reached: the best ratio of the sides is {}, at {}."


@pytest.mark.parametrize(
    ("found", "tightness", "ratio", "place"),
    [
        (SEEN, 0.875, 0.875, "the tightest example"),
        (UNSEEN, 0.875, 0.875, "the tightest example"),
        (SEEN, 0.75, 0.75, "`1 -> linear 1`"),
        (SEEN, 0.5, 0.75, "`1 -> linear 1`"),
        (SEEN, None, 0.75, "`1 -> linear 1`"),
    ],
)
def test_no_bound_is_said_to_be_slacker_than_the_example_that_is_shown(
    found: Sharpness, tightness: float | None, ratio: float, place: str
) -> None:
    assert HOLDS.tightest is not None
    tightest = replace(HOLDS.tightest, tightness=tightness)
    row, said = replace(ROW, needs=(), sharpness=found), OF_THE_SEARCH.format(ratio, place)
    assert lines_of(row, tightest) == ["", said]
    assert (
        section(
            replace(HOLDS, tightest=tightest), Companions(needs=Needs(claims={"a-claim": row}))
        )[-1]
        == said
    )
    # An equality that is certified stands, whatever is shown.
    assert lines_of(ROW, tightest) == lines_of(ROW)


@pytest.mark.parametrize(
    ("sides", "arithmetic", "sharp"),
    [
        (("16", "16"), "rationals with forward mode; float32 without rounding", True),
        (("16", "16"), "balls of 64 bits", False),
        (("15", "16"), "rationals", False),
    ],
)
def test_a_bound_that_the_tightest_example_reaches_is_sharp(
    sides: tuple[str, str], arithmetic: str, sharp: bool
) -> None:
    """Whether or not another search came as near; two balls with the same digits may differ."""
    assert HOLDS.tightest is not None
    left, right = sides
    tightest = replace(HOLDS.tightest, left=left, right=right, tightness=1.0, arithmetic=arithmetic)
    for found in (SEEN, UNSEEN, replace(SEEN, ratio=1.0)):
        [_, said] = lines_of(replace(ROW, needs=(), sharpness=found), tightest)
        assert ("is sharp: the tightest example has equality." in said) is sharp


def test_what_is_known_of_another_statement_is_not_shown() -> None:
    assert NEEDS.of(HOLDS) == ROW
    assert section(HOLDS, Companions(needs=NEEDS))[-1] == lines_of(ROW)[-1]
    assert NEEDS.of(replace(HOLDS, formal_version="f" * 16)) is None
    assert NEEDS.of(replace(HOLDS, id="other-claim")) is None
    refuted = replace(ENTRIES["refuted"], id="a-claim", formal_version=VERSION, certificate=None)
    assert NEEDS.of(refuted) is None


def test_the_command_says_it_in_lines() -> None:
    assert summary("a-claim", ROW) == [
        "a-claim: no biases: needed, 1 = 2",
        "a-claim: one output: not seen, 7 examples, settled",
        "a-claim: a chain: not seen, 1 examples",
        "a-claim: lambda > 0: no meaning",
        "a-claim: smooth: open",
        "a-claim: deep: not tried",
        "a-claim: the bound: sharp",
    ]
