"""Experiments: pairs are trained as the recipes say, compared as declared, and end when decided."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from theorycheck.claims.declaration import Claim
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.experiments import (
    MOST_STEPS,
    STEP,
    Comparison,
    Exclusions,
    Followed,
    between,
    either_half,
    experiment_claim,
    halves,
)
from theorycheck.claims.findings import Finding, Pair, Rejection
from theorycheck.claims.sequential import TENDENCY, Decision, decide, pairs_needed
from theorycheck.claims.setting import Setting
from theorycheck.claims.trainings import Population
from theorycheck.claims.verdicts import Judgement, Verdict, judge
from theorycheck.data.synthetic import uniform_sphere
from theorycheck.errors import InputError
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import mlp
from theorycheck.training.cohorts import State
from theorycheck.training.experiments import Experiment, Recipe, Trained

torch.set_num_threads(1)

RECIPE = Recipe(batch_size=2, epochs=2, learning_rate=0.125, weight_decay=0.25)
NO_DECAY = replace(RECIPE, weight_decay=0.0)


def networks(setting: Setting, seeds: Sequence[int]) -> Experiment:
    network = mlp([3, 4, 1])
    data = [uniform_sphere(4, 3, 2, seed) for seed in seeds]
    start = State(initialise(network, len(seeds), seed=seeds[0]))
    return Experiment.on(data, "signs", network, start, torch.tensor(seeds))


def norm(trained: Trained) -> Tensor:
    return torch.stack([w.square().sum(dim=(1, 2)) for w in trained.cohort.state.parameters]).sum(0)


def nothing(trained: Trained) -> Exclusions:
    return {}


def comparison(**changes: Any) -> Comparison:
    """Weight decay makes weights smaller."""
    fields: dict[str, Any] = {
        "words": "weights are smaller with decay", "on": {"sphere": Population(networks)},
        "recipes": (RECIPE, NO_DECAY), "sides": between(norm), "relation": "<",
        "effect": "norm / norm", "excluded": nothing,
    }  # fmt: skip
    return Comparison(**{**fields, **changes})


def pairs(found: Sequence[Finding]) -> list[Pair]:
    return [one for one in found if isinstance(one, Pair)]


def constant(left: Sequence[float], right: Sequence[float]) -> Any:
    """Sides of which nothing depends on the training."""

    def sides(*trained: Trained) -> tuple[Tensor, Tensor]:
        count = len(trained[0].run.diverged) // len(left)
        return torch.tensor(left).repeat(count), torch.tensor(right).repeat(count)

    return sides


def test_pairs_are_those_of_the_recipes_trained_by_hand() -> None:
    """The seeds are handed to the population; what it starts is trained by both recipes."""
    asked: list[list[int]] = []

    def watched(setting: Setting, seeds: Sequence[int]) -> Experiment:
        asked.append(list(seeds))
        return networks(setting, seeds)

    found = pairs(list(comparison(on={"sphere": Population(watched)}).findings(Setting(seed=3))))
    assert [len(seeds) for seeds in asked] == [STEP]
    assert len({*asked[0]}) == STEP
    one, other = networks(Setting(), asked[0]).train(RECIPE, NO_DECAY)
    expected = (norm(one) / norm(other)).tolist()
    assert [pair.effect for pair in found] == expected
    assert all(pair.success for pair in found)
    assert {(pair.note, pair.stratum, pair.tie) for pair in found} == {
        ("norm / norm", "sphere", False)
    }


def test_sides_that_are_not_finite_decide_nothing() -> None:
    """Also where the effect is a number: 1 over infinity is 0, and less."""
    inf, nan = float("inf"), float("nan")
    sides = constant([1.0, inf, nan, 1.0, -inf, 1.0], [inf, 1.0, 1.0, nan, 1.0, -inf])
    found = list(itertools.islice(comparison(sides=sides).findings(Setting()), STEP))
    assert found == [Rejection("what is compared is not a finite number", stratum="sphere")] * STEP


@pytest.mark.parametrize(
    ("relation", "times", "true"),
    [
        ("<", 1.0, [True, False, False]),
        ("<=", 1.0, [True, True, False]),
        (">", 1.0, [False, False, True]),
        (">=", 1.0, [False, True, True]),
        ("<", 2.0, [True, True, False]),
        (">", 0.5, [False, True, True]),
    ],
)
def test_what_is_compared(relation: str, times: float, true: list[bool]) -> None:
    """1 with 2, 2 with 2, and 4 with 2; a tie counts as what the relation says of it."""
    sides = constant([1.0, 2.0, 4.0], [2.0, 2.0, 2.0])
    found = pairs(
        list(comparison(sides=sides, relation=relation, times=times).findings(Setting()))
    )[:3]
    assert [pair.success for pair in found] == true
    assert [pair.effect for pair in found] == [0.5, 1.0, 2.0]
    bounds = [2.0 * times] * 3
    assert [pair.tie for pair in found] == [b == v for b, v in zip(bounds, [1, 2, 4], strict=True)]


def test_the_first_rule_that_excludes_is_named() -> None:
    def rules(trained: Trained) -> Exclusions:
        members = torch.arange(STEP)
        second = trained.cohort.weight_decay[0] == 0
        if second:
            return {"other lost": members < 3}
        return {"diverged": members == 1, "lost": (members == 1) | (members == 2)}

    found = list(itertools.islice(comparison(excluded=rules).findings(Setting()), STEP))
    assert [r.reason for r in found[:3] if isinstance(r, Rejection)] == [
        "other lost", "diverged", "lost",
    ]  # fmt: skip
    assert all(isinstance(one, Pair) for one in found[3:])


def test_an_effect_that_is_no_number_is_no_pair_in_the_evidence() -> None:
    evidence = Evidence()
    sides = constant([1.0, 1.0, 0.0], [2.0, 0.0, 0.0])
    for finding in comparison(sides=sides).findings(Setting()):
        evidence.add(finding)
    assert evidence.rejected == {"the effect is not a finite number": 2 * evidence.met}


def test_pairs_are_trained_until_they_decide_and_each_population_for_itself() -> None:
    """Three of four pairs show it, of which 24 decide nothing."""
    sides = constant([1.0, 1.0, 1.0, 3.0], [2.0] * 4)
    on = {"one": Population(networks), "other": Population(networks)}
    found = pairs(list(comparison(sides=sides, on=on).findings(Setting())))
    for name in ("one", "other"):
        own = [pair.success for pair in found if pair.stratum == name]
        assert len(own) % STEP == 0
        assert len(own) > STEP
        before = own[:-STEP]
        assert decide(TENDENCY, sum(own), len(own) - sum(own)) is Decision.CONFIRMED
        assert decide(TENDENCY, sum(before), len(before) - sum(before)) is Decision.OPEN


def test_a_control_ends_when_it_could_have_been_confirmed() -> None:
    found = pairs(list(comparison().reordered().findings(Setting(altered=True))))
    assert pairs_needed(TENDENCY) <= len(found) == STEP
    [name] = comparison().on
    for least in (STEP, STEP + 1, 3 * STEP):
        setting = Setting(altered=True, pairs={name: least})
        found = pairs(list(comparison().reordered().findings(setting)))
        assert len(found) == -(-least // STEP) * STEP


def test_what_is_never_decided_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the pairs show it; the number of steps is made small."""
    monkeypatch.setattr("theorycheck.claims.experiments.MOST_STEPS", 3)
    assert MOST_STEPS == 100
    found = list(comparison(sides=constant([1.0, 3.0], [2.0, 2.0])).findings(Setting()))
    assert len(pairs(found)) == 3 * STEP
    nobody = {"nobody trained": torch.ones(STEP, dtype=torch.bool)}
    lost = list(comparison(excluded=lambda trained: nobody).findings(Setting()))
    assert sum(isinstance(one, Rejection) for one in lost) == 3 * STEP


def test_the_placebo_differs_in_the_order_of_the_batches_alone() -> None:
    placebo = comparison().reordered()
    assert placebo.recipes == (RECIPE, replace(RECIPE, order=1))
    assert "order of the batches" in placebo.words
    effects = [pair.effect for pair in pairs(list(placebo.findings(Setting(altered=True))))]
    assert 1.0 not in effects


def test_a_population_adapts_recipes_and_records_measures() -> None:
    def largest(network: Any, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
        return state.parameters[0].abs().amax(dim=(1, 2))

    def adapted(recipe: Recipe) -> Recipe:
        return replace(recipe, epochs=2 * recipe.epochs)

    shapes = []

    def sides(one: Trained, other: Trained) -> tuple[Tensor, Tensor]:
        shapes.append((one.run.trace["largest"].shape, int(one.run.steps[0])))
        return norm(one), norm(other)

    on = {"sphere": Population(networks, {"largest": largest}, records=2, adapt=adapted)}
    list(comparison(on=on, sides=sides).findings(Setting()))
    # Two epochs made four, of two batches each; recorded at the start, and twice.
    assert shapes == [((3, STEP), 8)]


def claimed(**changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "title": "Decay makes weights smaller", "sources": [], "printed": "x", "given": ["none"],
        "compares": comparison(), "why": "It pulls.",
    }  # fmt: skip
    return experiment_claim("decay-shrinks", **{**fields, **changes})


def test_two_copies_in_one_training_are_the_halves_of_its_members() -> None:
    start = networks(Setting(), [1, 2, 3, 4])
    (trained,) = start.train(RECIPE)
    first, second = halves(norm)(trained)
    assert torch.equal(torch.cat([first, second]), norm(trained))
    assert len(first) == len(second) == 2
    rule = either_half(lambda _: {"odd": torch.tensor([True, False, False, False])})
    assert {why: found.tolist() for why, found in rule(trained).items()} == {"odd": [True, False]}


def test_a_claim_has_three_sides() -> None:
    other = comparison(words="other", relation=">")
    true = comparison(words="true", recipes=(RECIPE, replace(RECIPE, weight_decay=0.125)))
    about = claimed(control=other, positive=true)
    assert (about.kind, about.control, about.positive) == ("tendency", "other", "true")
    sides = [Setting(), Setting(altered=True), Setting(positive=True)]
    shown = [{pair.success for pair in pairs(list(about.check(side)))} for side in sides]
    assert shown == [{True}, {False}, {True}]


def test_a_claim_says_what_is_decided_and_where_it_is_written() -> None:
    about = claimed(rests_on=["used-claim"])
    decided = "Decided: in more than half of the pairs, weights are smaller with decay."
    assert about.description == f"{decided}\n\nIt pulls."
    assert (about.statement, about.hypotheses) == ("x", ("none",))
    assert about.control == comparison().reordered().words
    assert about.positive is None
    assert about.rests_on == ("used-claim",)
    assert list(about.check(Setting(positive=True))) == []
    assert about.place.path == __file__
    with pytest.raises(InputError, match="two or more lower-case words"):
        experiment_claim(
            "Id", title="", sources=[], printed="", given=[], compares=comparison(), why=""
        )


REFUSED: list[tuple[str, str, list[Any]]] = [
    ("on", "populations must be", [None, [Population(networks)], {"sphere": None}, networks]),
    ("recipes", "recipes must be a tuple of Recipe", [None, [RECIPE, NO_DECAY], RECIPE, (1, 2)]),
    ("sides", "sides must be a function", [None, (norm, norm)]),
    ("relation", "unknown relation", [None, "=", np.array(["<", ">"]), ["<"]]),
    ("excluded", "excluded must be a function", [None, {}]),
    ("times", "times must be a number", [None, "2", [2.0], True, math.nan, math.inf]),
    ("followed", "followed must be a Followed", [norm, ("norm", norm)]),
]


@pytest.mark.parametrize(
    ("name", "message", "value"), [(n, m, v) for n, m, values in REFUSED for v in values]
)
def test_what_is_no_comparison(name: str, message: str, value: Any) -> None:
    with pytest.raises(InputError, match=message):
        comparison(**{name: value})


ONE = torch.ones(3)


@pytest.mark.parametrize(
    ("sides", "excluded", "message"),
    [
        (1.0, {}, "what sides returns must be a tuple of Tensor"),
        ((np.ones(3), np.ones(3)), {}, "what sides returns must be a tuple of Tensor"),
        ((ONE, ONE, ONE), {}, "two tensors, not 3"),
        ((ONE.sum(), ONE.sum()), {}, r"an entry for each pair, not \(\), \(\)"),
        ((ONE[:, None], ONE[:, None]), {}, r"not \(3, 1\), \(3, 1\)"),
        ((ONE, ONE[:, None]), {}, r"not \(3,\), \(3, 1\)"),
        ((ONE, ONE[:2]), {}, r"not \(3,\), \(2,\)"),
        ((ONE, ONE), {"none": ONE[:2] > 1}, r"not \(3,\), \(3,\), \(2,\)"),
        ((ONE, ONE), [ONE > 1], "what excluded returns must be a Mapping"),
        ((ONE, ONE), {"none": [False] * 3}, "what excluded returns must be a tuple of Tensor"),
    ],
)
def test_what_is_compared_has_an_entry_for_each_pair(
    sides: Any, excluded: Any, message: str
) -> None:
    about = comparison(
        sides=lambda *_: sides, excluded=lambda _: excluded, followed=Followed((), lambda *_: ())
    )
    with pytest.raises(InputError, match=message):
        list(about.findings(Setting()))


@pytest.mark.parametrize("wrong", [None, 3, "norm", (norm, norm)])
def test_what_is_no_function_of_a_training(wrong: Any) -> None:
    for use in (between, halves, either_half):
        with pytest.raises(InputError, match="must be a function, not"):
            use(wrong)
    for changed in ({"start": wrong}, {"start": networks, "adapt": wrong}):
        with pytest.raises(InputError, match="must be a function, not"):
            Population(**changed)
    with pytest.raises(InputError, match="numbers must be a function, not"):
        Followed(("norm",), wrong)


@pytest.mark.parametrize("records", [0, 2.0, True, "2", [2]], ids=str)
def test_records_of_populations_that_are_none(records: Any) -> None:
    with pytest.raises(InputError, match="records must be a whole number"):
        Population(networks, records=records)


@pytest.mark.parametrize("name", ["compares", "control", "positive"])
def test_claims_are_of_comparisons(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} must be a Comparison( or None)?, not"):
        claimed(**{name: norm})


def test_a_population_of_which_all_pairs_are_excluded_leaves_the_claim_undecided() -> None:
    """As with pictures that are all black: the others decide nothing for it."""

    def all_lost(trained: Trained) -> Exclusions:
        dark = trained.cohort.inputs[0].abs().sum() == 0
        return {"nothing learnt": torch.full((len(trained.run.diverged),), bool(dark))}

    def black(setting: Setting, seeds: Sequence[int]) -> Experiment:
        drawn = [uniform_sphere(4, 3, 2, seed) for seed in seeds]
        data = [replace(one, inputs=0 * one.inputs) for one in drawn]
        network = mlp([3, 4, 1])
        start = State(initialise(network, len(seeds), seed=seeds[0]))
        return Experiment.on(data, "signs", network, start, torch.tensor(seeds))

    both = {"sphere": Population(networks), "images": Population(black)}
    compared = comparison(on=both, excluded=all_lost)
    evidence = Evidence()
    for finding in compared.findings(Setting()):
        evidence.add(finding)
    assert evidence.strata["images"].pairs == 0
    assert evidence.strata["sphere"].pairs >= STEP
    judged = judge("tendency", 1, evidence, Evidence())
    assert judged == Judgement(
        Verdict.UNDECIDED, "it shows in no pair at all (images): not decided yet"
    )
