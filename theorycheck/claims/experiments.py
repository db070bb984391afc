"""Experiments: a tendency as recipes that differ in one factor, a measure, and how it compares.

Networks of a pair share data, initial weights and order of batches. A pair is a success when a
comparison of two measured numbers is true. Everything is real training, and pairs are trained until
the sequential test decides, which may look whenever it likes (`theorycheck.claims.sequential`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from torch import Tensor

from theorycheck.claims.declaration import Claim, Place, Source, claim
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Findings, Pair, Rejection
from theorycheck.claims.sequential import TENDENCY, Decision, decide, pairs_needed

if TYPE_CHECKING:
    from theorycheck.claims.setting import Setting
    from theorycheck.training.experiments import Experiment, Recipe, Trained
    from theorycheck.training.recording import Measures

STEP = 24
"""Pairs of one population that are trained at once: a few more than decide when all succeed."""

MOST_STEPS = 100
"""A claim that this many steps do not decide stays undecided."""

FRUITLESS = 4
"""After this many steps without any pair, all excluded by the rule, none is expected any more."""

Relation = Literal["<", "<=", ">", ">="]

Exclusions = Mapping[str, Tensor]
"""Why a trained network says nothing, and which do not, ``(K,)`` bool: a rule fixed beforehand."""


@dataclass(frozen=True, eq=False)
class Population:
    """Where pairs come from.

    Attributes:
        start: the experiment of as many members as there are seeds, which all its randomness
            comes from.
        measures: what is recorded in training, as for `theorycheck.training.sgd`.
        records: how many times, at equal distances in epochs; by default never.
        adapt: what a recipe is for this population; by default the same.
    """

    start: Callable[[Setting, Sequence[int]], Experiment]
    measures: Measures | None = None
    records: int | None = None
    adapt: Callable[[Recipe], Recipe] = lambda recipe: recipe


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is trained, and which two numbers are compared.

    Attributes:
        words: what is decided, in words; of a control, what it does differently.
        on: populations by name. Each is decided by itself.
        recipes: one for each network of a pair; they differ in one factor.
        sides: the two numbers of every member, ``(K,)`` each, given what each recipe trained.
        relation: how they compare where the tendency is true.
        effect: what the first number over the second is, the size of the effect.
        excluded: the rule, fixed beforehand, by which a trained network says nothing.
        times: a factor on the second number; other than 1 only where a magnitude is printed, or
            derived.
    """

    words: str
    on: Mapping[str, Population]
    recipes: tuple[Recipe, ...]
    sides: Callable[..., tuple[Tensor, Tensor]]
    relation: Relation
    effect: str
    excluded: Callable[[Trained], Exclusions]
    times: float = 1.0

    def findings(self, setting: Setting) -> Findings:
        """The pairs of all populations.

        A control ends as soon as it could have been confirmed: it need not be contradicted.
        """
        step = max(STEP, setting.scaled(STEP))
        for name, population in self.on.items():
            counted = Evidence()
            for index in range(MOST_STEPS):
                generator = np.random.default_rng([setting.seed, index])
                seeds = generator.integers(2**31, size=step).tolist()
                for finding in self._pairs(setting, name, population, seeds):
                    counted.add(finding)
                    yield finding
                stratum = counted.strata[name]
                decision = decide(TENDENCY, stratum.successes, stratum.failures)
                enough = setting.altered and stratum.pairs >= pairs_needed(TENDENCY)
                fruitless = stratum.pairs == 0 and index + 1 == FRUITLESS
                if enough or fruitless or decision is not Decision.OPEN:
                    break

    def _pairs(
        self, setting: Setting, name: str, population: Population, seeds: Sequence[int]
    ) -> Findings:
        trained = self._train(setting, population, seeds)
        rules = [rule for each in trained for rule in self.excluded(each).items()]
        excluded = [(why, found.tolist()) for why, found in rules]
        left, right = (side.detach().cpu().double() for side in self.sides(*trained))
        bound = self.times * right
        true = {"<": left < bound, "<=": left <= bound, ">": left > bound, ">=": left >= bound}
        numbers = left.isfinite() & bound.isfinite()
        rows = zip(
            numbers.tolist(),
            true[self.relation].tolist(),
            (left == bound).tolist(),
            (left / right).tolist(),
            strict=True,
        )
        for member, (finite, success, tie, effect) in enumerate(rows):
            reason = next((why for why, found in excluded if found[member]), None)
            if reason is None and not finite:
                reason = "what is compared is not a finite number"
            if reason is None:
                yield Pair(success, self.effect, name, effect, tie)
            else:
                yield Rejection(reason, stratum=name)

    def _train(
        self, setting: Setting, population: Population, seeds: Sequence[int]
    ) -> list[Trained]:
        # Loading an engine takes longer than stating a claim.
        from theorycheck.training.cohorts import resolve_device

        experiment = population.start(setting, seeds)
        recipes = [population.adapt(recipe) for recipe in self.recipes]
        found: dict[Recipe, Trained] = {}
        for epochs in {recipe.epochs for recipe in recipes}:
            alike = [recipe for recipe in recipes if recipe.epochs == epochs]
            trained = experiment.train(
                *alike,
                device=resolve_device(setting.device),
                measures=population.measures,
                record_every=population.records and epochs // population.records,
            )
            found.update(zip(alike, trained, strict=True))
        return [found[recipe] for recipe in recipes]

    def reordered(self) -> Comparison:
        """The placebo: both networks follow the first recipe, in different orders of the batches.

        They are exchangeable: neither is more often than not ahead of the other.
        """
        first = self.recipes[0]
        return replace(
            self,
            words="both networks follow the first recipe and differ in the order of the batches",
            recipes=(first, replace(first, order=1)),
        )


def between(measure: Callable[[Trained], Tensor]) -> Callable[..., tuple[Tensor, Tensor]]:
    """The measure of what the first recipe trained, and of what the second did."""
    return lambda first, second: (measure(first), measure(second))


def experiment_claim(
    id: str,
    *,
    title: str,
    sources: Sequence[Source],
    printed: str,
    given: Sequence[str],
    compares: Comparison,
    why: str,
    control: Comparison | None = None,
    positive: Comparison | None = None,
    rests_on: Sequence[str] = (),
) -> Claim:
    """Claim that a comparison of trained networks is true more often than not.

    Args:
        printed: what the paper prints, in LaTeX.
        given: the protocol, in words.
        compares: the experiment; its words say what is decided.
        why: what else is to be known about it.
        control: a near setting in which the comparison is not true more often than not; by default
            the placebo, `Comparison.reordered`.
        positive: a near setting in which it is known to be true. Without one the claim cannot be
            refuted.
        id, title, sources, rests_on: as in `claim`.

    Raises:
        InputError: when the id is malformed.
    """
    false = control or compares.reordered()

    def check(setting: Setting) -> Findings:
        chosen = positive if setting.positive else false if setting.altered else compares
        if chosen is not None:
            yield from chosen.findings(setting)

    check.__doc__ = f"Decided: in more than half of the pairs, {compares.words}.\n\n{why}"
    made = claim(
        id,
        title=title,
        kind="tendency",
        sources=sources,
        statement=printed,
        hypotheses=given,
        control=false.words,
        positive=None if positive is None else positive.words,
        rests_on=rests_on,
    )(check)
    caller = sys._getframe(1)
    place = Place(caller.f_globals["__name__"], caller.f_code.co_filename, caller.f_lineno)
    return replace(made, written=place)
