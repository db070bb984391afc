"""The flow of rho: xu2022, Eq. 2 and 6; poggio2020, Eq. 5; poggio2021, Eq. 3."""

from __future__ import annotations

from properties.assumptions import CHAIN, SIGN_LABELS, UNIT_WEIGHTS
from properties.dynamics.normalised import NormalisedPoint, compare, points
from properties.papers import POGGIO2020, POGGIO2021, XU2022
from theorycheck import Case, Findings, Setting, claim


@claim(
    "rho-dynamics-loss-in-margins",
    title="The loss in terms of the margins and of their first two moments",
    kind="identity",
    sources=[XU2022.at("Eq. 1, Lemma 1 (proof), Eq. 11")],
    statement=r"\frac1N \sum_n (\rho f_n - y_n)^2 + \lambda\rho^2"
    r" = \frac1N \sum_n (1 - \rho \bar f_n)^2 + \lambda\rho^2"
    r" = 1 - 2\rho\mu + \rho^2 M + \lambda\rho^2",
    hypotheses=[CHAIN.prose, UNIT_WEIGHTS.prose, SIGN_LABELS.prose],
    control="labels +-2",
    on={"case": points()},
    examples=60,
)
def rho_dynamics_loss_in_margins(setting: Setting, case: Case) -> Findings:
    """The square loss of `rho f_V` depends on the data only through the mean mu and the second
    moment M of the margins `y_n f_n`.

    On the unit spheres the Lagrange term of Eq. 1 is 0. The second line of Eq. 11 is printed
    without its sum over n.
    """
    for point in NormalisedPoint.each(case):
        rho, labels, outputs = point.rho, point.labels, point.values
        if setting.altered:
            labels = 2 * labels
        penalty = point.decay * rho * rho
        first = point.reduce((rho * outputs - labels) ** 2) + penalty
        second = point.reduce((1 - rho * labels * outputs) ** 2) + penalty
        mean, moment = point.reduce(labels * outputs), point.reduce((labels * outputs) ** 2)
        third = 1 - 2 * rho * mean + rho * rho * moment + penalty
        yield compare(point, [first, first], [second, third])


@claim(
    "rho-dynamics",
    title="The flow of rho, averaged loss",
    kind="identity",
    sources=[XU2022.at("Eq. 2, Eq. 5 and Eq. 6")],
    statement=r"\dot\rho = -\frac{\partial \mathcal L_S}{\partial \rho}"
    r" = \frac2N \sum_n (1 - \rho\bar f_n)\bar f_n - 2\lambda\rho"
    r" = 2(\mu - \rho(M + \lambda))",
    hypotheses=[CHAIN.prose, SIGN_LABELS.prose],
    control="weight decay contributes lambda rho, as for a penalty (lambda/2) rho^2",
    on={"case": points()},
    examples=60,
)
def rho_dynamics(setting: Setting, case: Case) -> Findings:
    """Minus the derivative of the loss with respect to rho is the printed right-hand side.

    The loss is quadratic in rho, so that a central difference of the loss itself, in rationals, is
    its derivative; no rule of differentiation takes part.
    """
    for point in NormalisedPoint.each(case):
        rho, margins = point.rho, point.margins
        mean, moment = point.moments()
        decay = (1 if setting.altered else 2) * point.decay * rho
        printed = [
            2 * point.reduce((1 - rho * margins) * margins) - decay,
            2 * (mean - rho * moment) - decay,
        ]
        yield compare(point, [-point.slope(rho)] * 2, printed)


@claim(
    "rho-dynamics-of-sums",
    title="The flow of rho, summed loss",
    kind="identity",
    sources=[POGGIO2020.at("Eq. 5"), POGGIO2021.at("Eq. 3")],
    statement=r"\dot\rho = -2\Big[\sum_n \rho (f_n)^2 - \sum_n f_n y_n\Big] - 2\lambda\rho",
    hypotheses=[CHAIN.prose, SIGN_LABELS.prose],
    control="weight decay contributes lambda rho, as for a penalty (lambda/2) rho^2",
    on={"case": points()},
    examples=60,
)
def rho_dynamics_of_sums(setting: Setting, case: Case) -> Findings:
    """The same for the loss that is summed over the samples (poggio2020, Eq. 4; poggio2021,
    Eq. 2), with a lambda that is not divided by N either.
    """
    for point in NormalisedPoint.each(case, "sum"):
        rho, outputs = point.rho, point.values
        decay = (1 if setting.altered else 2) * point.decay * rho
        bracket = (rho * outputs * outputs).sum() - (outputs * point.labels).sum()
        yield compare(point, [-point.slope(rho)], [-2 * bracket - decay])
