"""The search for a counterexample, and the sizes that claims give it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from theorycheck.arithmetic.cases import Case
from theorycheck.claims.comparisons import equality
from theorycheck.claims.declaration import Claim
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Findings, Observation
from theorycheck.claims.search import ROUNDS, is_short, search
from theorycheck.claims.setting import Setting
from theorycheck.networks.specification import mlp

LARGEST = 10
"""Of the numbers below, those up to here satisfy the claim, and those below 0 its control."""


def small_numbers(tried: list[int], *, highest: int = 100, examples: int = 100) -> Claim:
    """The claim that integers are small; it notes every number that it is checked on."""

    def check(setting: Setting, number: int) -> Findings:
        tried.append(number)
        holds = number < 0 if setting.altered else number <= LARGEST
        yield equality(np.array([holds]), np.array([True]), "integers")

    given = {"number": st.integers(-100, highest)}
    return Claim("small-numbers", "", "identity", (), "", (), "", check, given, examples)


def test_a_search_for_nothing_smaller_ends_at_the_first_violation() -> None:
    for altered in (False, True):
        tried: list[int] = []
        evidence = search(small_numbers(tried), Setting(seed=1, altered=altered), shrink=False)
        assert evidence.counterexample is not None
        violated = [number >= 0 if altered else number > LARGEST for number in tried]
        assert violated == [False] * (len(tried) - 1) + [True]


def test_counting_stops_at_the_first_violation_and_shrinking_goes_on() -> None:
    tried: list[int] = []
    evidence = search(small_numbers(tried), Setting(seed=1))
    first = next(i for i, number in enumerate(tried) if number > LARGEST)
    assert evidence.counterexample is not None
    assert evidence.tried == evidence.met == first + 1 < len(tried)
    assert tried[-1] == LARGEST + 1


def test_the_control_is_altered_and_not_shrunk() -> None:
    tried: list[int] = []
    evidence = search(small_numbers(tried), Setting(altered=True, seed=1))
    first = next(i for i, number in enumerate(tried) if number >= 0)
    assert evidence.counterexample is not None
    assert evidence.tried == first + 1
    assert set(tried[first:]) == {tried[first]}


def test_the_seed_decides_what_is_tried() -> None:
    runs: list[list[int]] = [[], [], []]
    for tried, seed in zip(runs, (1, 1, 2), strict=True):
        search(small_numbers(tried), Setting(seed=seed))
    assert runs[0] == runs[1] != runs[2]


def test_effort_scales_the_number_of_examples_and_leaves_one() -> None:
    for effort, expected in ((1.0, 40), (0.25, 10), (0.001, 1)):
        tried: list[int] = []
        claim = replace(small_numbers(tried, highest=0, examples=40), enough=0)
        assert search(claim, Setting(seed=1, effort=effort)).tried == len(tried) == expected


def test_a_search_that_is_short_of_evidence_goes_on_within_bounds() -> None:
    """With 10 examples a round, of which all count: 25 need three rounds, and 1000 end it."""
    for enough, rounds in ((5, 1), (10, 1), (25, 3), (1000, ROUNDS)):
        tried: list[int] = []
        claim = replace(small_numbers(tried, highest=0, examples=10), enough=enough)
        evidence = search(claim, Setting(seed=1))
        assert evidence.tried == len(tried) == 10 * rounds
        half = len(tried) // 2
        assert rounds == 1 or tried[:half] != tried[half : 2 * half]


@pytest.mark.parametrize("altered", [False, True])
@pytest.mark.parametrize(("met", "trivial"), [(4, 4), (5, 5), (9, 9), (9, 8), (9, 5), (9, 4)])
def test_examples_that_are_trivial_do_not_end_a_search(
    met: int, trivial: int, altered: bool
) -> None:
    """Of five that are enough: one cohort may have that many, and the next one none."""
    evidence = Evidence()
    evidence.met, evidence.degenerate, evidence.counted = met, trivial, met - trivial
    claim = replace(small_numbers([], highest=0, examples=10), enough=5)
    assert is_short(claim, evidence, altered=altered) is (altered or met - trivial < 5)


def test_all_rounds_draw_as_many_examples() -> None:
    """What one of them finds says of the others how probably they find as much."""
    for effort, size in ((1.0, 40), (0.25, 10), (0.01, 1)):
        tried: list[int] = []
        claim = replace(small_numbers(tried, highest=0, examples=40), enough=1000)
        found = search(claim, Setting(seed=1, effort=effort)).tried
        assert found == len(tried) == size * ROUNDS


def test_a_control_that_survives_is_searched_again() -> None:
    """No number below 0 refutes it; one round of 5 numbers from -100 to 0 may well miss 0."""
    tried: list[int] = []
    claim = small_numbers(tried, highest=-1, examples=5)
    assert search(claim, Setting(altered=True, seed=1)).counterexample is None
    assert len(tried) == 5 * ROUNDS


def test_an_example_counts_for_as_many_networks_as_were_drawn() -> None:
    """And no more, whatever an observation says that it stands for."""

    def check(setting: Setting, case: Case) -> Findings:
        yield Observation(True, "1", "=", "1", "integers", count=1000)
        yield Observation(True, "1", "=", "1", "integers")

    def counted(members: int) -> int:
        ones = np.ones((members, 1, 1))
        cases = st.just(Case(mlp([1, 1]), (ones,), ones))
        claim = Claim("counted-claim", "", "identity", (), "", (), "", check, {"case": cases}, 1)
        return search(replace(claim, enough=0), Setting()).counted

    assert counted(1) == 1 + 1
    assert counted(8) == 8 + 1


def test_where_nothing_is_drawn_an_observation_counts_once() -> None:
    def check(setting: Setting) -> Findings:
        yield Observation(True, "1", "=", "1", "integers", count=1000)

    claim = Claim("counted-claim", "", "identity", (), "", (), "", check)
    assert search(claim, Setting()).counted == 1
