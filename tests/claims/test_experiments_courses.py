"""Experiments: what is followed over training, of which pairs, and that it changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.claims.test_experiments import (
    NO_DECAY,
    RECIPE,
    comparison,
    constant,
    networks,
    norm,
    pairs,
)
from theorycheck.claims.courses import Course, Settings, binned, counts
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.experiments import STEP, Comparison, Exclusions, Followed
from theorycheck.claims.findings import Traced
from theorycheck.claims.setting import Setting
from theorycheck.claims.trainings import Population
from theorycheck.errors import InputError
from theorycheck.training.experiments import Experiment, Trained

torch.set_num_threads(1)


def course(compared: Comparison, setting: Setting | None = None) -> Course:
    """The course of the first population."""
    found = compared.findings(setting or Setting(seed=3))
    return next(one for one in found if isinstance(one, Traced)).course


def test_both_sides_are_followed_from_the_start_to_the_end() -> None:
    """At each stage they are what shorter trainings give."""
    asked: list[list[int]] = []

    def watched(setting: Setting, seeds: Sequence[int]) -> Experiment:
        asked.append(list(seeds))
        return networks(setting, seeds)

    longer = replace(RECIPE, epochs=8), replace(NO_DECAY, epochs=16)
    on = {"sphere": Population(watched)}
    found = course(comparison(on=on, recipes=longer, effect="norm with decay / without"))
    assert found.recipes == tuple(Settings(**vars(recipe)) for recipe in longer)
    assert (found.epochs, found.pairs) == (tuple(range(9)), STEP)
    assert [line.words for line in found.lines] == ["norm with decay", "without"]
    for line, recipe, stride in zip(found.lines, longer, (1, 2), strict=True):
        for stage in (1, 3, 8):
            shorter = replace(recipe, epochs=stage * stride)
            (trained,) = networks(Setting(), asked[0]).train(shorter)
            assert line.stages[stage] == binned(norm(trained).tolist())
        weights = networks(Setting(), asked[0]).start.parameters
        start = sum(w.square().sum(dim=(1, 2)) for w in weights)
        assert isinstance(start, Tensor)
        assert line.stages[0] == binned(start.tolist())


def test_only_pairs_that_count_are_followed_and_only_numbers() -> None:
    def first_two(trained: Trained) -> Exclusions:
        return {"lost": torch.arange(STEP) < 2}

    def numbers(*trained: Trained) -> list[Tensor]:
        size = norm(trained[0])
        return [torch.where(torch.arange(STEP) < 5, float("inf"), size)]

    followed = Followed(("size",), numbers)
    found = course(comparison(excluded=first_two, followed=followed))
    assert found.pairs == STEP - 2
    [line] = found.lines
    assert [sum(counts(bins).values()) for bins in line.stages] == [STEP - 5] * 9


def test_what_cannot_be_followed_has_its_recipes_alone() -> None:
    """Controls, and sides for which something is recorded on the way, which early states lack."""
    recorded = {"sphere": Population(networks, records=2)}
    for compared, setting in (
        (comparison(), Setting(altered=True)),
        (comparison(), Setting(positive=True)),
        (comparison(on=recorded), Setting()),
    ):
        found = course(compared, setting)
        assert (found.epochs, found.lines, len(found.recipes)) == ((), (), 2)


def test_states_that_take_too_much_memory_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """24 pairs of networks of 16 numbers, at 9 stages."""
    [tensor, *_] = networks(Setting(), [0]).start.parameters
    needed = 2 * STEP * 16 * tensor.element_size() * 9
    for most, kept in ((needed, 2), (needed - 1, 0)):
        monkeypatch.setattr("theorycheck.claims.trainings.MOST_KEPT", most)
        assert len(course(comparison()).lines) == kept


@pytest.mark.parametrize(
    "changes",
    [
        {"recipes": (RECIPE,) * 5},
        {"recipes": (replace(RECIPE, milestones=tuple(range(17))),)},
        {"followed": Followed(("size",) * 5, lambda *trained: [])},
        {"on": {str(number): Population(networks) for number in range(17)}},
    ],
)
def test_experiments_that_no_report_holds_are_refused(changes: dict[str, Any]) -> None:
    comparison(
        recipes=(RECIPE,) * 4, on={str(number): Population(networks) for number in range(16)}
    )
    with pytest.raises(InputError, match="has at most"):
        comparison(**changes)


def test_following_changes_no_pair() -> None:
    nothing_followed = comparison(on={"sphere": Population(networks, records=1)})
    found = [pairs(list(one.findings(Setting()))) for one in (nothing_followed, comparison())]
    assert found[0] == found[1] != []


def test_a_course_is_of_the_first_step_of_each_population() -> None:
    sides: Any = constant([1.0, 1.0, 1.0, 3.0], [2.0] * 4)
    on = {"one": Population(networks), "other": Population(networks)}
    found = list(comparison(sides=sides, on=on).findings(Setting()))
    traced = [one for one in found if isinstance(one, Traced)]
    assert [(one.stratum, one.course.pairs) for one in traced] == [("one", STEP), ("other", STEP)]
    evidence = Evidence()
    for finding in found:
        evidence.add(finding)
    assert evidence.courses == {one.stratum: one.course for one in traced}
    assert evidence.tried == len(pairs(found)) > 2 * STEP
