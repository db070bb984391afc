"""Experiments: a tendency as recipes that differ in one factor, a measure, and how it compares.

Networks of a pair share data, initial weights and order of batches. A pair is a success when a
comparison of two measured numbers is true. Everything is real training, and pairs are trained until
the sequential test decides, which may look whenever it likes (`theorycheck.claims.sequential`).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from torch import Tensor

from theorycheck.arguments import choose, function, instance, instances, real_number
from theorycheck.claims.courses import (
    MOST_LINES,
    MOST_MILESTONES,
    MOST_POPULATIONS,
    Course,
    Line,
    Settings,
    binned,
    stages,
)
from theorycheck.claims.declaration import Claim, Place, Source, claim
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Findings, Pair, Rejection, Traced
from theorycheck.claims.sequential import TENDENCY, Decision, decide, pairs_needed
from theorycheck.claims.trainings import Population, train
from theorycheck.errors import InputError

if TYPE_CHECKING:
    from theorycheck.claims.setting import Setting
    from theorycheck.training.experiments import Recipe, Trained

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
class Followed:
    """What is followed over training, for figures; it decides nothing.

    Attributes:
        words: the names of the numbers.
        numbers: as many, of every member, ``(K,)`` each, given what each recipe had trained until
            then (`theorycheck.training.experiments.Trained.at`).

    Raises:
        InputError: unless the words are a tuple of text, and the numbers a function.
    """

    words: tuple[str, ...]
    numbers: Callable[..., Sequence[Tensor]]

    def __post_init__(self) -> None:
        instances("words", self.words, str)
        function("numbers", self.numbers)


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
        followed: what figures show over training. By default the two sides, unless something is
            recorded for them on the way, which early states lack.

    Raises:
        InputError: for an attribute of another type, for an unknown relation, and for more recipes,
            milestones, followed numbers or populations than a report holds.
    """

    words: str
    on: Mapping[str, Population]
    recipes: tuple[Recipe, ...]
    sides: Callable[..., tuple[Tensor, Tensor]]
    relation: Relation
    effect: str
    excluded: Callable[[Trained], Exclusions]
    times: float = 1.0
    followed: Followed | None = None

    def __post_init__(self) -> None:
        # Loaded already where there are recipes.
        from theorycheck.training.experiments import Recipe

        instance("populations", self.on, Mapping)
        instances("populations", tuple(self.on.values()), Population)
        instances("recipes", self.recipes, Recipe)
        instance("followed", self.followed, Followed | None)
        function("sides", self.sides)
        function("excluded", self.excluded)
        choose("relation", self.relation, Relation)
        if not math.isfinite(real_number("times", self.times)):
            raise InputError(f"times must be a number that is finite, not {self.times}")
        followed = () if self.followed is None else self.followed.words
        if max(len(self.recipes), len(followed)) > MOST_LINES or len(self.on) > MOST_POPULATIONS:
            raise InputError(
                f"an experiment has at most {MOST_LINES} recipes, {MOST_LINES} numbers that are"
                f" followed, and {MOST_POPULATIONS} populations: make several claims"
            )
        if any(len(recipe.milestones) > MOST_MILESTONES for recipe in self.recipes):
            raise InputError(f"a recipe of an experiment has at most {MOST_MILESTONES} milestones")

    def findings(self, setting: Setting) -> Findings:
        """The pairs of all populations.

        A control ends as soon as it could have been confirmed, if it showed as often as the claim:
        it need not be contradicted.
        """
        step = max(STEP, setting.scaled(STEP))
        for name, population in self.on.items():
            counted = Evidence()
            for index in range(MOST_STEPS):
                generator = np.random.default_rng([setting.seed, index])
                seeds = generator.integers(2**31, size=step).tolist()
                for finding in self._pairs(setting, name, population, seeds, first=index == 0):
                    counted.add(finding)
                    yield finding
                stratum = counted.strata[name]
                decision = decide(TENDENCY, stratum.successes, stratum.failures)
                needed = setting.pairs.get(name, pairs_needed(TENDENCY))
                enough = setting.altered and stratum.pairs >= needed
                fruitless = stratum.pairs == 0 and index + 1 == FRUITLESS
                if enough or fruitless or decision is not Decision.OPEN:
                    break

    def _pairs(
        self,
        setting: Setting,
        name: str,
        population: Population,
        seeds: Sequence[int],
        *,
        first: bool,
    ) -> Findings:
        """Pairs of one step; after the first one, how they were trained."""
        followed = self._followed(setting, population) if first else None
        recipes = [population.adapt(recipe) for recipe in self.recipes]
        trained = train(population, setting, seeds, recipes, keep=followed is not None)
        counted: list[bool] = []
        for finding in self._compared(name, trained):
            yield finding
            counted.append(isinstance(finding, Pair) and math.isfinite(finding.effect or 0.0))
        if first:
            yield Traced(name, _course(recipes, trained, followed, counted, self.times))

    def _compared(self, name: str, trained: Sequence[Trained]) -> Findings:
        rules = [rule for each in trained for rule in _rules(self.excluded(each))]
        excluded = [(why, found.tolist()) for why, found in rules]
        sides = self.sides(*trained)
        instances("what sides returns", sides, Tensor)
        if len(sides) != 2:
            raise InputError(f"sides must return two tensors, not {len(sides)}")
        _require_columns([*sides, *(found for _, found in rules)])
        left, right = (side.detach().cpu().double() for side in sides)
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

    def _followed(self, setting: Setting, population: Population) -> Followed | None:
        """What is followed: of the claim itself alone, as controls have only to be decided."""
        if setting.altered or setting.positive:
            return None
        if self.followed is not None:
            return self.followed
        if population.measures or population.records:
            return None
        named = tuple(self.effect.split(" / "))
        return Followed(named if len(named) == 2 else ("first side", "second side"), self.sides)

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


def _rules(excluded: Exclusions) -> list[tuple[str, Tensor]]:
    instance("what excluded returns", excluded, Mapping)
    instances("what excluded returns", tuple(excluded.values()), Tensor)
    return list(excluded.items())


def _require_columns(columns: Sequence[Tensor]) -> None:
    """Require as many entries of each, in a row: one for each pair."""
    shapes = [tuple(column.shape) for column in columns]
    if len(set(shapes)) != 1 or len(shapes[0]) != 1:
        said = ", ".join(map(str, shapes))
        raise InputError(
            f"sides and excluded must return tensors (K,), an entry for each pair, not {said}"
        )


def _course(
    recipes: Sequence[Recipe],
    trained: Sequence[Trained],
    followed: Followed | None,
    counted: Sequence[bool],
    threshold: float,
) -> Course:
    """How these were trained, and what was followed of the members that count."""
    lines: list[Line] = []
    if followed is not None and all(one.run.kept for one in trained):
        numbers = [
            followed.numbers(*(one.at(epoch) for one, epoch in zip(trained, then, strict=True)))
            for then in zip(*(stages(recipe.epochs) for recipe in recipes), strict=True)
        ]
        for words, values in zip(followed.words, zip(*numbers, strict=True), strict=True):
            kept = (
                [number for number, counts in zip(one.tolist(), counted, strict=True) if counts]
                for one in values
            )
            lines.append(Line(words=words, stages=tuple(map(binned, kept))))
    return Course(
        recipes=tuple(Settings(**vars(recipe)) for recipe in recipes),
        epochs=tuple(stages(recipes[0].epochs)) if lines else (),
        threshold=threshold,
        pairs=sum(counted),
        lines=tuple(lines),
    )


def between(measure: Callable[[Trained], Tensor]) -> Callable[..., tuple[Tensor, Tensor]]:
    """The measure of what the first recipe trained, and of what the second did.

    Raises:
        InputError: for what is no function.
    """
    function("the measure", measure)
    return lambda first, second: (measure(first), measure(second))


def halves(measure: Callable[[Trained], Tensor]) -> Callable[[Trained], tuple[Tensor, Tensor]]:
    """The measure of two copies that one recipe trained: of the first half of the members first.

    Raises:
        InputError: for what is no function.
    """
    function("the measure", measure)

    def sides(trained: Trained) -> tuple[Tensor, Tensor]:
        first, second = measure(trained).chunk(2)
        return first, second

    return sides


def either_half(excluded: Callable[[Trained], Exclusions]) -> Callable[[Trained], Exclusions]:
    """The rule for pairs of such copies, neither of which may be excluded.

    Raises:
        InputError: for what is no function.
    """
    function("the rule", excluded)

    def rule(trained: Trained) -> Exclusions:
        found = {why: excludes.chunk(2) for why, excludes in excluded(trained).items()}
        return {why: first | second for why, (first, second) in found.items()}

    return rule


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
        InputError: when the id is malformed, or a comparison is none.
    """
    instance("compares", compares, Comparison)
    instance("control", control, Comparison | None)
    instance("positive", positive, Comparison | None)
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
