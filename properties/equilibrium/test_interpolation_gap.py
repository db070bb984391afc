"""The gap to interpolation: xu2022, Eq. 8 and the equation after Eq. 7."""

from __future__ import annotations

from collections.abc import Callable

from flint import fmpq

from properties.assumptions import CHAIN, POSITIVE_WEIGHT_DECAY, SIGN_LABELS, UNIT_WEIGHTS
from properties.dynamics.normalised import NormalisedPoint, compare, points
from properties.equilibrium.rational_functions import LAMBDA, MEAN, VARIANCE, identical
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT
from properties.papers import XU2022
from theorycheck import Case, Findings, Formal, Rejection, Setting, claim, mlps

DENOMINATOR = MEAN**2 + VARIANCE + LAMBDA


@claim(
    "interpolation-gap",
    title="The gap to interpolation in terms of mean and variance of the margins",
    kind="symbolic",
    sources=[XU2022.at("Eq. 8")],
    statement=r"\epsilon = 1 - \frac{\mu^2}{\mu^2 + \sigma^2 + \lambda}"
    r" = \frac{\sigma^2 + \lambda}{\mu^2 + \sigma^2 + \lambda}",
    hypotheses=[POSITIVE_WEIGHT_DECAY.prose, "M = mu^2 + sigma^2"],
    control="without the variance in the numerator, as in Lemma 6",
    enough=1,
)
def interpolation_gap(setting: Setting) -> Findings:
    """The mean of `1 - rho_eq bar f_n`, the gap, in the two printed forms; and with `M` written out
    in `1 - mu^2/(M + lambda)`.

    The difference of two rational functions is brought to one fraction, whose numerator expands to
    0.
    """
    numerator = LAMBDA if setting.altered else VARIANCE + LAMBDA
    yield identical(1 - MEAN**2 / DENOMINATOR, numerator / DENOMINATOR)


def gap_from_equilibria(
    case: Case, unregularised: Callable[[fmpq, fmpq], fmpq], *, gap_decay: int = 1
) -> Findings:
    """Compare ``(rho_{lambda=0} - rho_lambda) mu`` with ``1 - mu^2 / (M + lambda)``.

    Args:
        unregularised: ``rho_{lambda=0}`` from ``mu`` and ``M``.
        gap_decay: factor on lambda in the right-hand side.
    """
    for point in NormalisedPoint.each(case):
        mean, moment = point.moments()
        if mean == 0:
            yield Rejection("the mean margin is 0")
            continue
        difference = (unregularised(mean, moment) - point.equilibrium) * mean
        gap = 1 - mean * mean / (moment + gap_decay * point.decay)
        yield compare(point, [difference], [gap])


@claim(
    "interpolation-gap-first-equality",
    title="The gap to interpolation as the difference of two equilibria, as printed",
    kind="identity",
    sources=[XU2022.at("after Eq. 7")],
    statement=r"\epsilon = (\rho_{\lambda=0} - \rho_\lambda)\mu = 1 - \frac{\mu}{M+\lambda}\mu",
    hypotheses=[
        CHAIN.prose,
        SIGN_LABELS.prose,
        POSITIVE_WEIGHT_DECAY.prose,
        "mu is not 0",
        "rho_{lambda=0} is Eq. 7 with lambda = 0",
    ],
    control="lambda is left out of the right-hand side",
    on={"case": points(mlps(depths=(1, 2), widths=(1, 2)))},
    formal=Formal(
        "(mu / M - mu / (M + weight_decay)) * mu == 1 - mu / (M + weight_decay) * mu",
        given=(
            CHAIN.formula,
            SIGN_LABELS.formula,
            UNIT_WEIGHTS.formula,
            POSITIVE_WEIGHT_DECAY.formula,
            "mu != 0",
        ),
        where=(MARGIN, MEAN_MARGIN, SECOND_MOMENT),
        numbers=("weight_decay",),
    ),
)
def interpolation_gap_first_equality(setting: Setting, case: Case) -> Findings:
    """With `rho_{lambda=0} = mu/M`, which is Eq. 7 for lambda = 0 at the same V, the left-hand side
    is `mu^2/M - mu^2/(M + lambda)`. It equals the right-hand side only if `mu^2 = M`, that is, if
    all margins are equal.
    """
    gap_decay = 0 if setting.altered else 1
    yield from gap_from_equilibria(case, lambda mean, moment: mean / moment, gap_decay=gap_decay)


@claim(
    "interpolation-gap-from-reciprocal",
    title="The gap to interpolation as a difference, corrected",
    kind="identity",
    sources=[XU2022.at("after Eq. 7; Section 3.2; Lemma 6 (proof)")],
    statement=r"\epsilon = \Big(\frac1\mu - \rho_\lambda\Big)\mu = 1 - \frac{\mu}{M+\lambda}\mu",
    hypotheses=[CHAIN.prose, SIGN_LABELS.prose, POSITIVE_WEIGHT_DECAY.prose, "mu is not 0"],
    control="mu/M, which is Eq. 7 with lambda = 0, in place of 1/mu",
    on={"case": points()},
    examples=60,
    corrects="interpolation-gap-first-equality",
)
def interpolation_gap_from_reciprocal(setting: Setting, case: Case) -> Findings:
    """The equality holds at every V when `rho_{lambda=0}` is `1/mu`, the norm that Section 3.2
    derives for a solution that interpolates.

    Then `epsilon = 1 - rho_lambda mu`, as in the proof of Lemma 6. Where all margins are equal,
    `1/mu` is Eq. 7 with lambda = 0 as well.
    """
    yield from gap_from_equilibria(
        case, lambda mean, moment: mean / moment if setting.altered else 1 / mean
    )
