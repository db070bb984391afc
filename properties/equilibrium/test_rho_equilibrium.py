"""The equilibrium of rho, and that training takes rho there.

xu2022, Eq. 7; poggio2020, Eq. 7; poggio2021, Eq. 5.
"""

from fractions import Fraction
from functools import partial

from flint import arb

import theorycheck as tc
from properties.assumptions import CHAIN, ONE_OUTPUT, POSITIVE_WEIGHT_DECAY, SIGN_LABELS
from properties.dynamics.normalised import (
    MEAN_LOSS,
    RHO_DOT,
    SUMMED_LOSS,
    points,
    points_of_any_network,
)
from properties.equilibrium.rest import (
    LEARNING_RATE,
    SETTLED,
    STARTS,
    TOLERANCE,
    WATCH,
    distance_at_rest,
    enclosure,
    margins_of,
    resumed,
    rho_of,
    scale_of,
    start_names,
    started,
    starts,
    trained_point,
    weighted_mean_bound,
)
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT
from properties.papers import POGGIO2020, POGGIO2021, XU2022
from theorycheck.training import Reduction, Run

MEANS = "rho_of_means(l) = mu / (l + M)"
SUMS = (
    "rho_of_sums(l) = sum([y[n][0] * f(n, 0) for n in samples])"
    " / (l + sum([f(n, 0) ** 2 for n in samples]))"
)


def at_rest_only_at(rho: str, moment: str) -> str:
    """The derivative at any rho: for positive weight decay it vanishes at one value alone."""
    return f"rho_dot(rho) == 2 * ({moment} + weight_decay) * ({rho} - rho)"


rho_equilibrium_mean = tc.stated(
    "rho-equilibrium-mean",
    title="The equilibrium of rho, averaged loss",
    sources=[XU2022.at("Eq. 7")],
    printed=r"\dot\rho = 0 \iff \rho = \rho_{\rm eq} := \frac{\frac1N \sum_n \bar f_n}"
    r"{\lambda + \frac1N \sum_n \bar f_n^2} = \frac{\mu}{M + \lambda}",
    given=[CHAIN, SIGN_LABELS, POSITIVE_WEIGHT_DECAY],
    states=at_rest_only_at("rho_of_means(weight_decay)", "M"),
    control=tc.altered(
        "the formula with sums, and the same lambda",
        at_rest_only_at("rho_of_sums(weight_decay)", "M"),
    ),
    where=[MARGIN, MEAN_MARGIN, SECOND_MOMENT, MEAN_LOSS, RHO_DOT, MEANS, SUMS],
    on=points(),
    examples=60,
    rests_on=["rho-dynamics"],
    why="At any V, the loss is stationary in rho at the printed value and nowhere else: at any rho"
    " its derivative, a central difference of the loss, is `2 (M + lambda)(rho - rho_eq)`, and"
    " `M + lambda > 0`. The printed value is negative when average separability fails; rho is then"
    " no product of norms.",
)

rho_equilibrium_sum = tc.stated(
    "rho-equilibrium-sum",
    title="The equilibrium of rho, summed loss",
    sources=[POGGIO2020.at("Eq. 7"), POGGIO2021.at("Eq. 5")],
    printed=r"\dot\rho = 0 \iff"
    r" \rho = \rho_{\rm eq} = \frac{\sum_n y_n f_n}{\lambda + \sum_n f_n^2}",
    given=[CHAIN, SIGN_LABELS, POSITIVE_WEIGHT_DECAY],
    states=at_rest_only_at("rho_of_sums(weight_decay)", "len(samples) * M"),
    control=tc.altered(
        "the formula with means, and the same lambda",
        at_rest_only_at("rho_of_means(weight_decay)", "len(samples) * M"),
    ),
    where=[MARGIN, MEAN_MARGIN, SECOND_MOMENT, SUMMED_LOSS, RHO_DOT, MEANS, SUMS],
    on=points(),
    examples=60,
    rests_on=["rho-dynamics-of-sums"],
    why="As Eq. 7 of xu2022 (`rho-equilibrium-mean`), for the loss summed over the samples: neither"
    " the sum nor lambda is divided by N. One lambda means two things: with N samples this is the"
    " equilibrium of xu2022, Eq. 7, for lambda / N.",
)


HORIZON, WINDOW = Fraction(60), Fraction(4)
MOST_STEPS = 400
APPROACH = 1600
"""Steps of gradient descent before it is watched."""


def follow(cohort: tc.Cohort, reduction: Reduction, duration: Fraction) -> Run:
    return tc.gradient_flow(
        cohort,
        tc.Objective("square", reduction, "rho"),
        horizon=float(duration),
        relative_tolerance=TOLERANCE,
        absolute_tolerance=TOLERANCE,
        max_steps=MOST_STEPS,
    )


def flow_to_rest(setting: tc.Setting, case: tc.Case, reduction: Reduction) -> tc.Findings:
    """Follow the flow, and compare ``rho`` with its equilibrium (of the other loss, if altered)."""
    size = case.samples if reduction == "sum" else 1
    cohort = started(case, setting.device)
    names = start_names(cohort)
    approach = follow(cohort, reduction, HORIZON / size)
    stuck = approach.stalled | approach.diverged
    for member in stuck.nonzero().flatten().tolist():
        yield tc.Rejection(f"{names[member]} start: the integrator stalled at a kink")
    kept = (~stuck).nonzero().flatten()
    if not kept.numel():
        return
    window = follow(resumed(cohort, approach.state, kept), reduction, WINDOW / size)
    for row, member in enumerate(kept.tolist()):
        start, one = names[member], case.member(member)
        if window.stalled[row] or window.diverged[row]:
            yield tc.Rejection(f"{start} start: the integrator stalled at a kink")
            continue
        before = trained_point(one, approach.state, member, reduction)
        after = trained_point(one, window.state, row, reduction)
        resting = (after.exchanged if setting.altered else after).equilibrium
        bound = distance_at_rest(before, after, WINDOW / size, int(window.steps[row]))
        if not bound < SETTLED * abs(resting):
            yield tc.Rejection(f"{start} start: the flow has not settled")
            continue
        yield tc.inequality(
            enclosure(arb(abs(after.rho - resting))),
            enclosure(bound),
            "rationals and balls at the trained weights",
            partial(tc.Case.member, case, member),
            note=f"{start} start, rho = {STARTS[start]:g}; came to rest at {float(after.rho):.6g}",
        )


FLOW_HYPOTHESES = [
    "random networks of depth 2 to 4, without biases; linear, ReLU or leaky ReLU (0.5); the one"
    " printed is where training starts",
    SIGN_LABELS.prose,
    "|x_n| <= 1",
    POSITIVE_WEIGHT_DECAY.prose,
    "gradient flow with Lagrange multipliers from rho(0) = 1/8, 1 and 8",
    "the flow has come to rest: the bound on the distance of rho from rho_eq is below 1 % of"
    " |rho_eq|",
]


@tc.claim(
    "rho-equilibrium-flow-mean",
    title="Where gradient flow on the averaged loss comes to rest, rho is at its equilibrium",
    kind="trajectory",
    sources=[XU2022.at("Eq. 5-7, Section 3.5: rho reaches an equilibrium")],
    statement=r"\rho(t) \to \frac{\mu}{M + \lambda}",
    hypotheses=FLOW_HYPOTHESES,
    control="the formula with sums, and the same lambda",
    on={
        "case": starts((tc.LINEAR, tc.RELU, 0.5), [Fraction(1, 4), Fraction(1, 8), Fraction(1, 16)])
    },
    rests_on=["rho-equilibrium-mean"],
    examples=6,
    enough=10,
)
def rho_equilibrium_flow_mean(setting: tc.Setting, case: tc.Case) -> tc.Findings:
    """Where the real flow of rho and V comes to rest, from small, medium and large initial rho, rho
    is the printed function of the margins.

    The printed left-hand side is the distance of rho to that value, in rationals at the weights
    reached; the right-hand side bounds it from how far rho and the loss still moved in the last
    stretch, with no reference to the value itself. When average separability fails at the start, a
    small rho may cross 0 and rest at a negative value. Many flows of ReLU networks end up sliding
    along a kink, where the integrator stalls with a pre-activation of some 1e-6. They are left out,
    so that most examples here are linear or shallow networks; `rho-equilibrium-descent` covers deep
    ReLU networks.
    """
    yield from flow_to_rest(setting, case, "mean")


@tc.claim(
    "rho-equilibrium-flow-sum",
    title="Where gradient flow on the summed loss comes to rest, rho is at its equilibrium",
    kind="trajectory",
    sources=[POGGIO2020.at("Eq. 5-7"), POGGIO2021.at("Eq. 3-5")],
    rests_on=["rho-equilibrium-sum"],
    statement=r"\rho(t) \to \frac{\sum_n y_n f_n}{\lambda + \sum_n f_n^2}",
    hypotheses=FLOW_HYPOTHESES,
    control="the formula with means, and the same lambda",
    on={"case": starts((tc.LINEAR, tc.RELU, 0.5), [Fraction(1), Fraction(1, 2)])},
    examples=4,
    enough=10,
)
def rho_equilibrium_flow_sum(setting: tc.Setting, case: tc.Case) -> tc.Findings:
    """As `rho-equilibrium-flow-mean`, for the loss summed over the samples, whose flow is N times
    as fast as that of the averaged loss with lambda/N. Left: the distance of rho to the value;
    right: a bound on it from how far rho and the loss still moved. Flows of ReLU networks along a
    kink, where the integrator stalls, are left out.
    """
    yield from flow_to_rest(setting, case, "sum")


@tc.claim(
    "rho-equilibrium-descent",
    title="Where small steps of gradient descent settle, rho is near its equilibrium",
    kind="trajectory",
    sources=[XU2022.at("Section 3.1: descent near the flow, Eq. 5-7")],
    statement=r"\rho_{t+1} = \rho_t + \eta\,\dot\rho(\rho_t, V_t):\quad"
    r" \rho_t \to \frac{\mu}{M + \lambda}",
    hypotheses=[
        *FLOW_HYPOTHESES[:4],
        "full-batch steps of size 1/16 along Eq. 5 from rho(0) = 1/8, 1 and 8",
        "training has come to rest: the bound on the distance of rho from rho_eq is below 1 % of"
        " |rho_eq|",
    ],
    control="the formula with sums, and the same lambda",
    on={
        "case": starts((tc.RELU, 0.5, tc.LINEAR), [Fraction(1, 4), Fraction(1, 8), Fraction(1, 16)])
    },
    rests_on=["rho-equilibrium-mean"],
    examples=3,
    enough=10,
)
def rho_equilibrium_descent(setting: tc.Setting, case: tc.Case) -> tc.Findings:
    """Forward Euler steps of the flow pass over the kinks at which the flow of a ReLU network
    slides, and take rho to the same value.

    By Eq. 6 a step moves rho the fraction `2 eta (M + lambda)` of the way to the equilibrium at its
    V. So rho is a weighted mean of where it was and of the equilibria since then, and differs from
    the last of these by at most the right-hand side: what is left of the old distance, and the
    largest distance between two equilibria. V may go on chattering about a kink.
    """
    objective = tc.Objective("square", "mean", "rho")
    cohort = started(case, setting.device)
    names = start_names(cohort)
    approach = tc.gradient_descent(cohort, objective, learning_rate=LEARNING_RATE, steps=APPROACH)
    for member in approach.diverged.nonzero().flatten().tolist():
        yield tc.Rejection(f"{names[member]} start: training diverged")
    kept = (~approach.diverged).nonzero().flatten()
    if not kept.numel():
        return
    watch = tc.gradient_descent(
        resumed(cohort, approach.state, kept),
        objective,
        learning_rate=LEARNING_RATE,
        steps=WATCH,
        record_every=1,
        measures={"rho": rho_of, "margins": margins_of, "scale": scale_of},
    )
    distances, resting, bounds = weighted_mean_bound(watch, case, altered=setting.altered)
    for row, member in enumerate(kept.tolist()):
        start, distance, bound = names[member], float(distances[row]), float(bounds[row])
        if watch.diverged[row] or not bound < float(SETTLED) * abs(float(resting[row])):
            yield tc.Rejection(f"{start} start: training has not settled")
            continue
        yield tc.inequality(
            tc.Interval(distance, distance),
            tc.Interval(bound, bound),
            "float64 with a bound on its rounding",
            partial(tc.Case.member, case, member),
            note=f"{start} start, rho = {STARTS[start]:g}; came to rest near {resting[row]:.6g}",
        )


SQUARES = "sum([f(n, 0) ** 2 for n in samples])"

rho_equilibrium_any_labels = tc.stated(
    "rho-equilibrium-any-labels",
    title="The equilibrium of rho, summed loss, whatever the network and the labels are",
    printed=r"\dot\rho = 0 \iff \rho = \frac{\sum_n y_n f_n}{\lambda + \sum_n f_n^2}"
    r" \quad \text{for any function } f \text{ and } y_n \in \mathbb{R}",
    given=[ONE_OUTPUT, POSITIVE_WEIGHT_DECAY],
    states=at_rest_only_at("rho_of_sums(weight_decay)", SQUARES),
    control=tc.altered("lambda is left out of the formula", {"(weight_decay)": "(0)"}),
    where=[SUMMED_LOSS, RHO_DOT, SUMS],
    on=points_of_any_network("dyadic"),
    examples=50,
    rests_on=["rho-dynamics-any-labels"],
    why="A sharpening of poggio2020, Eq. 7, and poggio2021, Eq. 5, of our own:"
    " the equilibrium is that of regression on one feature, f, with a"
    " ridge penalty, whatever function f is and whatever numbers the labels are. The derivative of"
    " the loss at any rho is `2 (lambda + sum f_n^2)(rho - rho_eq)`.",
)
