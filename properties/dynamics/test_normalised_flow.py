"""The flow of V_k is a projected gradient: xu2022, Eq. 5; poggio2020, Eq. 6; poggio2021, Eq. 4."""

from dataclasses import replace

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    CHAIN,
    ONE_OUTPUT,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
)
from properties.dynamics.normalised import (
    AVERAGED_FLOW,
    DESCENT,
    MEAN_LOSS,
    SUMMED_LOSS,
    points,
    with_halved_labels,
)
from properties.notation import ENTRIES, MARGIN
from properties.papers import POGGIO2020, POGGIO2021, XU2022

PROJECTED = "projected(k) = descent(k) - inner(W[k], descent(k)) * W[k]"
NOT_PROJECTED = tc.altered(
    "the gradient itself, not projected", "descent(k)[i][j] == flow(k)[i][j]"
)

MOVING = points(
    tc.homogeneous_networks().filter(
        lambda network: any(p.shape != (1, 1) for p in network.parameters)
    ),
    smooth=True,
)
"""A layer of one number cannot rotate."""

FLOWS = tc.Family(
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH], forall=ENTRIES, on=MOVING, examples=60
)

normalised_flow = FLOWS.stated(
    "normalised-flow",
    title="The flow of V_k is the gradient projected on the unit sphere, averaged loss",
    sources=[XU2022.at("Eq. 2, Eq. 5, Eq. 10")],
    printed=r"\dot V_k = \frac2N \rho \sum_n \Big[(1 - \rho\bar f_n)"
    r"\Big(-V_k\bar f_n + \frac{\partial\bar f_n}{\partial V_k}\Big)\Big]",
    states="projected(k)[i][j] == flow(k)[i][j]",
    control=NOT_PROJECTED,
    where=[MARGIN, MEAN_LOSS, DESCENT, PROJECTED, AVERAGED_FLOW],
    rests_on=["lagrange-multiplier"],
    why="The printed right-hand side equals minus the gradient of the loss with respect to V_k,"
    " less its component along V_k. The unit norm of V_k turns Eq. 2, with the multiplier of Eq. 4,"
    " into this projection. The gradient is that of the loss, and Lemma 2 is not presupposed.",
)

FLOW_OF_SUMS = (
    "flow(k) = 2 * rho * sum([(rho * f(n, 0) - y[n][0])"
    " * (f(n, 0) * W[k] - df(n, 0, k)) for n in samples])"
)

normalised_flow_of_sums = FLOWS.stated(
    "normalised-flow-of-sums",
    title="The flow of V_k is the gradient projected on the unit sphere, summed loss",
    sources=[POGGIO2020.at("Eq. 6"), POGGIO2021.at("Eq. 4")],
    printed=r"\dot V_k = 2\rho \sum_n \Big[(\rho f_n - y_n)"
    r"\Big(V_k f_n - \frac{\partial f_n}{\partial V_k}\Big)\Big]",
    states="projected(k)[i][j] == flow(k)[i][j]",
    control=NOT_PROJECTED,
    where=[SUMMED_LOSS, DESCENT, PROJECTED, FLOW_OF_SUMS],
    rests_on=["lagrange-multiplier-of-sums"],
    why="As Eq. 5 of xu2022 (`normalised-flow`), for the loss summed over the samples. The equation"
    " is printed without margins; with `y_n^2 = 1` it is N times Eq. 5 of xu2022.",
)


def with_doubled_first_layer(case: tc.Case) -> tc.Case:
    first, *others = case.parameters
    return replace(case, parameters=(2 * first, *others))


normalised_flow_keeps_sphere = FLOWS.stated(
    "normalised-flow-keeps-sphere",
    title="A normalised V_k can only rotate",
    sources=[
        XU2022.at("Section 3.4.1: normalised weights only rotate"),
        XU2022.at("Section 3.5: norms are kept constant"),
    ],
    printed=r"\|V_k\| = 1 \;\Rightarrow\; V_k^\top \dot V_k = 0",
    assuming={"V_k moves": "not zero(flow(k))"},
    forall=["k in weights"],
    states="inner(W[k], flow(k)) == 0",
    control=tc.altered(
        "V_1 has norm 2", without=[UNIT_WEIGHTS], on=MOVING.map(with_doubled_first_layer)
    ),
    where=[MARGIN, AVERAGED_FLOW],
    rests_on=["normalised-flow", "structural-lemma"],
    why="The right-hand side of Eq. 5 is orthogonal to V_k on the unit sphere, so that the flow"
    " keeps the norms; steps do not (`norm-constraint-step`). Off the sphere it is"
    " not: `(|V_k|^2)' = 4 nu_k (1 - |V_k|^2)`, so that the equation restores the norm where"
    " nu_k > 0 and drives it away where nu_k < 0.",
)

normalised_flow_any_labels = tc.stated(
    "normalised-flow-any-labels",
    title="The flow of V_k is the projected gradient whatever the labels are, at kinks too",
    printed=r"\dot V_k = 2\rho \sum_n \Big[(\rho f_n - y_n)"
    r"\Big(V_k f_n - \frac{\partial f_n}{\partial V_k}\Big)\Big]"
    r" \quad \text{for } y_n \in \mathbb{R}",
    given=[CHAIN, UNIT_WEIGHTS, ONE_OUTPUT, AUTOGRAD_AT_KINKS],
    forall=ENTRIES,
    states="projected(k)[i][j] == flow(k)[i][j]",
    control=NOT_PROJECTED,
    where=[SUMMED_LOSS, DESCENT, PROJECTED, FLOW_OF_SUMS],
    on=points(
        tc.homogeneous_networks().filter(
            lambda network: any(p.shape != (1, 1) for p in network.parameters)
        )
    ).map(with_halved_labels),
    examples=60,
    rests_on=["structural-lemma"],
    why="A sharpening of poggio2020, Eq. 6, and poggio2021, Eq. 4, of our own: Eq. 5 of xu2022,"
    " which has margins, needs labels +-1; this form needs none. The gradient is `2 rho sum (rho"
    " f_n - y_n) df_n/dV_k`, its inner product with V_k is `2 rho sum (rho f_n - y_n) f_n` by"
    " Lemma 2 of xu2022, and the difference is what is printed, with autograd's derivative at"
    " kinks as well.",
)
