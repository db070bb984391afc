"""Declarations: a claim is what its decorator is given, or is refused in one line."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.claims.declaration import (
    KINDS,
    Claim,
    Formal,
    Kind,
    Paper,
    Source,
    claim,
    declarations,
    is_claim_id,
)
from theorycheck.claims.findings import Findings
from theorycheck.claims.setting import Setting
from theorycheck.errors import InputError

PAPER = Paper("toy2020", "A toy", "N. N.", 2020)


def check(setting: Setting) -> Findings:
    """One line.

    And another,
        further in.
    """
    yield from ()


def undocumented(setting: Setting) -> Findings:
    yield from ()


def declared(id: Any = "some-claim", check: Callable[..., Any] = check, **changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "title": "A title", "kind": "identity", "sources": [PAPER.at("Eq. 1")],
        "statement": "1 = 1", "hypotheses": ["first", "second"], "control": "one less",
    }  # fmt: skip
    return claim(id, **{**fields, **changes})(check)


IDS = ["a-b", "some-claim", "sgd-noise-2", "2-4", "a1-b2-c3"]
NO_IDS = [
    "", "-", "claim", "Some-claim", "some_claim", "some-Claim", "-some-claim", "some-claim-",
    "some--claim", "some claim", "some-claim ", " some-claim", "some-claim\n", "some-clàim",
    "some-claim.json", "../some-claim", "some/claim", "some-claim\0", "some–claim", "²-³",
]  # fmt: skip


@pytest.mark.parametrize("id", IDS)
def test_ids_are_words_joined_by_hyphens(id: str) -> None:
    assert is_claim_id(id)
    assert declared(id).id == id


@pytest.mark.parametrize("id", NO_IDS)
def test_other_ids_are_refused_in_one_line(id: str) -> None:
    assert not is_claim_id(id)
    with pytest.raises(
        InputError, match="use two or more lower-case words joined by hyph"
    ) as error:
        declared(id)
    assert str(error.value).startswith(f"claim id {id!r}: ")
    assert "\n" not in str(error.value)


ALLOWED = set(string.ascii_lowercase + string.digits)


@given(st.text(st.sampled_from("ab-9_A.\n é²"), max_size=6) | st.text(max_size=5))
def test_an_id_is_two_words_or_more_of_ascii_letters_and_digits(text: str) -> None:
    words = text.split("-")
    assert is_claim_id(text) == (len(words) > 1 and all(w and set(w) <= ALLOWED for w in words))


def test_no_function_can_be_named_like_a_claim() -> None:
    """So that a claim and a test of one file never have one node id."""
    assert not any(id.isidentifier() for id in IDS)


def test_the_kinds_are_those_of_the_type() -> None:
    assert get_args(Kind) == KINDS
    for kind in KINDS:
        assert declared(kind=kind).kind == kind


@pytest.mark.parametrize("kind", ["", "Identity", "equality", "identity ", None])
def test_other_kinds_are_refused_in_one_line_that_names_all(kind: Any) -> None:
    with pytest.raises(InputError) as error:
        declared(kind=kind)
    assert str(error.value) == (
        f"claim some-claim: kind {kind!r} is not one of identity, inequality, rank, consistency,"
        " symbolic, trajectory, tendency"
    )


def test_a_claim_is_what_its_decorator_is_given() -> None:
    on, formal = {"number": st.integers()}, Formal("1 == 1", where=("b = 6",))
    found = declared(
        on=on, examples=7, enough=3, corrects="printed-claim", formal=formal, altered=formal,
        rests_on=["used-claim"],
    )  # fmt: skip
    assert vars(found) == {
        "id": "some-claim", "title": "A title", "kind": "identity",
        "sources": (Source(PAPER, "Eq. 1"),), "statement": "1 = 1",
        "hypotheses": ("first", "second"), "control": "one less", "check": check, "on": on,
        "examples": 7, "enough": 3, "corrects": "printed-claim", "formal": formal,
        "altered": formal, "along": (), "control_on": None, "written": None, "positive": None,
        "rests_on": ("used-claim",), "given": (),
    }  # fmt: skip


def test_what_is_not_given() -> None:
    found = declared()
    assert (found.on, found.corrects, found.formal, found.altered) == ({}, None, None, None)
    assert (found.examples, found.enough) == (100, 20)


def test_a_source_is_a_place_in_a_paper() -> None:
    assert PAPER.at("Theorem 4") == Source(Paper("toy2020", "A toy", "N. N.", 2020), "Theorem 4")


def test_the_description_is_the_docstring_without_its_indentation() -> None:
    assert declared().description == "One line.\n\nAnd another,\n    further in."
    assert declared(check=undocumented).description == ""


def test_a_claim_is_itself_and_equal_to_no_other() -> None:
    """Claims are keys; two with the same fields are two claims."""
    one, other = declared(), declared()
    assert one == one
    assert one != other
    assert len({one, other, one}) == 2


def test_seeds_depend_on_run_claim_and_side() -> None:
    claims = [declared(name) for name in ("one-claim", "another-claim")]
    seeds = [
        claim.seed(run, altered=altered)
        for claim in claims
        for run in (0, 1)
        for altered in (False, True)
    ]
    assert len(set(seeds)) == 8


def test_tendencies_have_one_seed_for_all_sides() -> None:
    """The same pairs show what each says, and that its control does not."""
    one, other = (replace(declared(name), kind="tendency") for name in ("a-claim", "b-claim"))
    sides = [(False, False), (True, False), (False, True)]
    for run in (0, 1):
        digest = hashlib.sha256(f"{run}/tendencies".encode()).digest()
        seeds = {c.seed(run, altered=a, positive=p) for c in (one, other) for a, p in sides}
        assert seeds == {int.from_bytes(digest[:6], "big")}


@pytest.mark.parametrize(("altered", "side"), [(False, "claim"), (True, "control")])
def test_seeds_are_the_same_everywhere_and_for_ever(altered: bool, side: str) -> None:
    """The first 6 bytes of the digest of run, id and side, whatever else the claim says."""
    digest = hashlib.sha256(f"12/some-claim/{side}".encode()).hexdigest()
    for found in (declared(), declared(title="Another", statement="1 = 2", examples=3)):
        assert found.seed(12, altered=altered) == int(digest[:12], 16)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"conclusion": "slopee(1) == 1"}, "unknown word 'slopee'; do you mean 'slope'?"),
        ({"conclusion": "0 < f(0, 0) < 6"}, "a conclusion is one comparison"),
        ({"conclusion": "mu == 1"}, "unknown name 'mu'; a number of the case is to be declared"),
        ({"conclusion": "1 == 1", "given": ("chain(",)}, "in `chain(`, column 6: "),
        ({"conclusion": "1 == 1", "forall": ("k of weights",)}, "quantifies nothing"),
        ({"conclusion": "1 == 1", "where": ("f = 1",)}, "'f' has another meaning already"),
    ],
)
def test_a_formal_statement_that_is_wrong_is_refused_where_it_is_written(
    parts: dict[str, Any], reason: str
) -> None:
    """Not when a counterexample turns up that a certificate is to be issued for."""
    with pytest.raises(InputError, match=re.escape(reason)):
        Formal(**parts)


def test_numbers_of_the_case_are_declared() -> None:
    formal = Formal("mu * f(0, 0) <= 1", numbers=("mu",))
    assert formal.statement.conclusion.text == "mu * f(0, 0) <= 1"


def test_a_formal_statement_is_shown_in_the_order_in_which_it_is_read() -> None:
    formal = Formal(
        "margin(n) <= 1",
        forall=("n in samples",),
        given=("depth > 1",),
        where=("margin(n) = y[n][0] * f(n, 0)",),
    )
    assert formal.lines() == (
        "for all n in samples",
        "given depth > 1",
        "margin(n) <= 1",
        "where margin(n) = y[n][0] * f(n, 0)",
    )


def test_abbreviations_that_nothing_comes_to_are_not_shown() -> None:
    formal = Formal(
        "twice(0) <= bound",
        forall=("n in range(most)",),
        where=("half = 1 / 2", "most = 3", "bound = 8", "once(k) = k / half", "twice(k) = once(k)",
               "spare(k) = twice(k)"),
    )  # fmt: skip
    shown = [line.split(" = ")[0] for line in formal.lines() if line.startswith("where ")]
    assert shown == ["where half", "where most", "where bound", "where once(k)", "where twice(k)"]
    assert len(formal.where) == 6


def test_definitions_are_kept_as_the_kernel_reads_them() -> None:
    assert Formal("g(0,1) <= 1", where=("g(a,b)=a+b",)).where == ("g(a, b) = a+b",)


def test_those_who_listen_hear_of_claims_that_are_declared_meanwhile() -> None:
    def named(id: str) -> Claim:
        words: dict[str, Any] = {"title": "x", "statement": "x", "control": "x"}
        made = claim(id, kind="identity", sources=[], hypotheses=[], **words)
        return made(lambda setting: iter(()))

    named("a-before")
    with declarations() as outer:
        first = named("a-first")
        with declarations() as inner:
            again, second = replace(first), named("a-second")
        named("a-third")
    named("an-after")
    assert inner == {"a-first": again, "a-second": second}
    assert list(outer) == ["a-first", "a-second", "a-third"]
    assert outer["a-first"] is again
