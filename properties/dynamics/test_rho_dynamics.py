"""The flow of rho: xu2022, Eq. 2 and 6; poggio2020, Eq. 5; poggio2021, Eq. 3."""

from __future__ import annotations

from dataclasses import replace

import theorycheck as tc
from properties.assumptions import CHAIN, SIGN_LABELS, UNIT_WEIGHTS
from properties.dynamics.normalised import MEAN_LOSS, RHO_DOT, SUMMED_LOSS, points
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT
from properties.papers import POGGIO2020, POGGIO2021, XU2022


def with_doubled_labels(case: tc.Case) -> tc.Case:
    assert case.targets is not None
    return replace(case, targets=2 * case.targets)


rho_dynamics_loss_in_margins = tc.stated(
    "rho-dynamics-loss-in-margins",
    title="The loss in terms of the margins and of their first two moments",
    kind="identity",
    sources=[XU2022.at("Eq. 1, Lemma 1, Eq. 11")],
    printed=r"\frac1N \sum_n (\rho f_n - y_n)^2 + \lambda\rho^2"
    r" = \frac1N \sum_n (1 - \rho \bar f_n)^2 + \lambda\rho^2"
    r" = 1 - 2\rho\mu + \rho^2 M + \lambda\rho^2",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS],
    states="loss(rho) == sum([(1 - rho * margin(n)) ** 2 for n in samples]) / len(samples)"
    " + weight_decay * rho ** 2"
    " and loss(rho) == 1 - 2 * rho * mu + rho ** 2 * M + weight_decay * rho ** 2",
    control=tc.altered("labels +-2", without=[SIGN_LABELS], on=points().map(with_doubled_labels)),
    where=[MARGIN, MEAN_MARGIN, SECOND_MOMENT, MEAN_LOSS],
    numbers=["rho", "weight_decay"],
    on=points(),
    examples=60,
    corrects="loss-descent-sum-printed",
    why="The square loss of `rho f_V` depends on the data only through the mean mu and the second"
    " moment M of the margins `y_n f_n`. On the unit spheres the Lagrange term of Eq. 1 is 0. The"
    " second line of Eq. 11 is printed without its sum over n.",
)


def flow_of_rho(decay: str) -> str:
    """Both forms of the flow for the averaged loss and some weight decay."""
    return (
        "rho_dot(rho) == 2 / len(samples) * sum([(1 - rho * margin(n)) * margin(n)"
        f" for n in samples]) - 2 * {decay} * rho"
        f" and rho_dot(rho) == 2 * (mu - rho * (M + {decay}))"
    )


HALVED = "weight decay contributes lambda rho, as for a penalty (lambda/2) rho^2"

rho_dynamics = tc.stated(
    "rho-dynamics",
    title="The flow of rho, averaged loss",
    kind="identity",
    sources=[XU2022.at("Eq. 2, Eq. 5, Eq. 6")],
    printed=r"\dot\rho = -\frac{\partial \mathcal L_S}{\partial \rho}"
    r" = \frac2N \sum_n (1 - \rho\bar f_n)\bar f_n - 2\lambda\rho"
    r" = 2(\mu - \rho(M + \lambda))",
    given=[CHAIN, SIGN_LABELS],
    states=flow_of_rho("weight_decay"),
    control=tc.altered(HALVED, flow_of_rho("weight_decay / 2")),
    where=[MARGIN, MEAN_MARGIN, SECOND_MOMENT, MEAN_LOSS, RHO_DOT],
    numbers=["rho", "weight_decay"],
    on=points(),
    examples=60,
    why="Minus the derivative of the loss with respect to rho is the printed right-hand side. The"
    " loss is quadratic in rho, so that its central difference with step 1 is its derivative; no"
    " rule of differentiation takes part.",
)

SUMMED_FLOW = (
    "rho_dot(rho) == -2 * (sum([rho * f(n, 0) ** 2 for n in samples])"
    " - sum([f(n, 0) * y[n][0] for n in samples])) - "
)

rho_dynamics_of_sums = tc.stated(
    "rho-dynamics-of-sums",
    title="The flow of rho, summed loss",
    kind="identity",
    sources=[POGGIO2020.at("Eq. 5"), POGGIO2021.at("Eq. 3")],
    printed=r"\dot\rho = -2\Big[\sum_n \rho (f_n)^2 - \sum_n f_n y_n\Big] - 2\lambda\rho",
    given=[CHAIN, SIGN_LABELS],
    states=SUMMED_FLOW + "2 * weight_decay * rho",
    control=tc.altered(HALVED, SUMMED_FLOW + "weight_decay * rho"),
    where=[SUMMED_LOSS, RHO_DOT],
    numbers=["rho", "weight_decay"],
    on=points(),
    examples=60,
    why="The same for the loss that is summed over the samples (poggio2020, Eq. 4; poggio2021,"
    " Eq. 2), with a lambda that is not divided by N either. Again the derivative is a central"
    " difference of the loss.",
)
