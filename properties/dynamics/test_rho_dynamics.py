"""The flow of rho: xu2022, Eq. 2 and 6; poggio2020, Eq. 5; poggio2021, Eq. 3."""

from dataclasses import replace

import theorycheck as tc
from properties.assumptions import CHAIN, ONE_OUTPUT, SIGN_LABELS, UNIT_WEIGHTS
from properties.dynamics.normalised import (
    MEAN_LOSS,
    RHO_DOT,
    SUMMED_LOSS,
    points,
    points_of_any_network,
)
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT
from properties.papers import POGGIO2020, POGGIO2021, XU2022


def with_doubled_labels(case: tc.Case) -> tc.Case:
    assert case.targets is not None
    return replace(case, targets=2 * case.targets)


rho_dynamics_loss_in_margins = tc.stated(
    "rho-dynamics-loss-in-margins",
    title="The loss in terms of the margins and of their first two moments",
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
    sources=[XU2022.at("Eq. 2, Eq. 5, Eq. 6")],
    printed=r"\dot\rho = -\frac{\partial \mathcal L_S}{\partial \rho}"
    r" = \frac2N \sum_n (1 - \rho\bar f_n)\bar f_n - 2\lambda\rho"
    r" = 2(\mu - \rho(M + \lambda))",
    given=[CHAIN, SIGN_LABELS],
    states=flow_of_rho("weight_decay"),
    control=tc.altered(HALVED, flow_of_rho("weight_decay / 2")),
    where=[MARGIN, MEAN_MARGIN, SECOND_MOMENT, MEAN_LOSS, RHO_DOT],
    on=points(),
    examples=60,
    rests_on=["rho-dynamics-loss-in-margins"],
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
    sources=[POGGIO2020.at("Eq. 5"), POGGIO2021.at("Eq. 3")],
    printed=r"\dot\rho = -2\Big[\sum_n \rho (f_n)^2 - \sum_n f_n y_n\Big] - 2\lambda\rho",
    given=[CHAIN, SIGN_LABELS],
    states=SUMMED_FLOW + "2 * weight_decay * rho",
    control=tc.altered(HALVED, SUMMED_FLOW + "weight_decay * rho"),
    where=[SUMMED_LOSS, RHO_DOT],
    on=points(),
    examples=60,
    why="As Eq. 6 of xu2022 (`rho-dynamics`), for the loss summed over the samples (poggio2020,"
    " Eq. 4; poggio2021, Eq. 2): neither the sum nor lambda is divided by N. The derivative is a"
    " central difference of the loss.",
)

rho_dynamics_any_network = tc.stated(
    "rho-dynamics-any-network",
    title="The flow of rho, averaged loss, whatever network rho multiplies",
    printed=r"\dot\rho = \frac2N \sum_n (1 - \rho\bar f_n)\bar f_n - 2\lambda\rho"
    r" = 2(\mu - \rho(M + \lambda)) \quad \text{for any function } f",
    given=[SIGN_LABELS],
    states=flow_of_rho("weight_decay"),
    control=tc.altered(HALVED, flow_of_rho("weight_decay / 2")),
    where=[MARGIN, MEAN_MARGIN, SECOND_MOMENT, MEAN_LOSS, RHO_DOT],
    on=points_of_any_network("signs"),
    examples=50,
    why="A sharpening of xu2022, Eq. 6, of our own: Eq. 6 holds for networks with biases and skips"
    " and for weights of any norm, as f enters through its values alone. Minus the derivative of"
    " the mean of `(rho f_n - y_n)^2` is the mean of `2 (y_n - rho f_n) f_n`, and with `y_n^2 = 1`"
    " that is `2 (1 - rho fbar_n) fbar_n`. The labels +-1 are needed.",
)

rho_dynamics_any_labels = tc.stated(
    "rho-dynamics-any-labels",
    title="The flow of rho, summed loss, whatever the network and the labels are",
    printed=r"\dot\rho = -2\Big[\sum_n \rho (f_n)^2 - \sum_n f_n y_n\Big] - 2\lambda\rho"
    r" \quad \text{for any function } f \text{ and } y_n \in \mathbb{R}",
    given=[ONE_OUTPUT],
    states=SUMMED_FLOW + "2 * weight_decay * rho",
    control=tc.altered(HALVED, SUMMED_FLOW + "weight_decay * rho"),
    where=[SUMMED_LOSS, RHO_DOT],
    on=points_of_any_network("dyadic"),
    examples=50,
    why="A sharpening of poggio2020, Eq. 5, and poggio2021, Eq. 3, of our own:"
    " written with outputs instead of margins, the equation needs"
    " neither labels +-1 nor anything of the network, so that it holds for regression as well."
    " Minus the derivative of `(rho f_n - y_n)^2` is `2 (y_n f_n - rho f_n^2)`, whatever y_n is.",
)
