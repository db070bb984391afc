"""SGD with balanced batches on the last layer: xu2022, Eq. 36-41, the proof of Theorem 6."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import CHAIN, IN_BALL, POSITIVE_RHO, UNIT_WEIGHTS
from properties.collapse.collapsed_networks import simplex, simplex_labelled
from properties.collapse.conditions import BALANCED, MATRICES, RECTIFIED
from properties.papers import XU2022
from properties.unit_ball import in_ball

CENTRED_LABELS = tc.Assumption(
    "labels are the e~_c: 1 for the class of a sample, -1/(C-1) for the others",
    "all([sum(y[n]) == 0 and all([y[n][c] == 1 or y[n][c] == -1 / (C - 1) for c in outputs])"
    " for n in samples])",
)
PROPORTIONAL = tc.Assumption(
    "rho f_V(x_n) = alpha e~_c for all samples of every class c",
    "all([rho * f(n, c) == alpha * y[n][c] for n in samples for c in outputs])",
)
SETTING = [UNIT_WEIGHTS, IN_BALL, RECTIFIED, POSITIVE_RHO]
HALVES = tc.Assumption("two batches, S and R, are all samples", "2 * len(S) == len(samples)")


@st.composite
def proportional_outputs(draw: st.DrawFn, *, batches: tuple[int, ...] = (1,)) -> tc.Case:
    """Non-negative inputs, which ``[I, -I, K]`` maps to ``alpha/rho e~_c``; I may come before.

    Args:
        batches: how many samples of each class a batch may hold, if there are as many.
    """
    classes, size = draw(st.sampled_from([(2, 2), (2, 1), (3, 1), (3, 2)]))
    alpha = Fraction(draw(st.integers(1, 7)), 4)
    rho, small = draw(tc.positive_dyadics()), st.integers(0, 2)
    column = draw(st.lists(st.integers(-2, 2), min_size=classes, max_size=classes))
    eye = np.eye(classes, dtype=int)
    weights = np.concatenate([eye, -eye, np.array([column]).T], axis=1)
    rows = []
    for target in np.repeat(simplex(classes), size, axis=0):
        ignored, lift = draw(small), draw(small)
        part = alpha / rho * target - np.array(column) * ignored
        rows.append(
            [*(max(a, 0) + lift for a in part), *(max(-a, 0) + lift for a in part), ignored]
        )
    labels = np.repeat(simplex(classes), size, axis=0)
    batch = min(draw(st.sampled_from(batches)), size)
    numbers = {"rho": rho, "alpha": alpha, "batch_per_class": Fraction(batch)}
    width, before = 2 * classes + 1, draw(st.integers(0, 1))
    layers = [*[np.eye(width, dtype=object)] * before, weights.astype(object)]
    network = tc.mlp([*[width] * (1 + before), classes])
    return tc.Case.single(network, layers, rows, labels, numbers)


UPDATES = tc.Family(
    given=[CHAIN, MATRICES, CENTRED_LABELS],
    where=[
        "C = len(outputs)",
        "last = weights[len(weights) - 1]",
        "members(c) = [n for n in samples if y[n][c] == 1]",
        "balanced = [S for S in batches(batch_per_class * C)"
        " if all([sum([y[n][c] for n in S]) == 0 for c in outputs])]",
        "outputs_of(n) = [f(n, c) for c in outputs]",
        "residual(n) = [rho * f(n, c) - y[n][c] for c in outputs]",
        "aligned(n) = inner(outputs_of(n), residual(n))",
        "loss(S) = sum([(rho * f(n, c) - y[n][c]) ** 2 for n in S for c in outputs]) / len(S)",
        "lagrangian(S, v) = loss(S) + v * (squared(W[last]) - 1)",
        "with_multiplier(S, v) = grad(lagrangian(S, v), last)",
        "nu(S) = -sum([rho * aligned(n) for n in S]) / len(S)",
        "gradient(S) = with_multiplier(S, nu(S))",
        "outers(S) = sum([outer(residual(n), h(n)) for n in S])",
        "terms(S, c) = sum([aligned(n) * W[last][c] - residual(n)[c] * h(n) for n in S])",
        "inside(S, c) = [n for n in S if y[n][c] == 1]",
        "beside(S, c) = [n for n in S if y[n][c] != 1]",
    ],
    on=simplex_labelled(),
    examples=24,
)
"""The Lagrangian of Eq. 35 on a batch, as far as it depends on V_L; and the terms of Eq. 38."""
ROWS = ["S in balanced", "c in outputs"]

multiclass_update_gradient = UPDATES.stated(
    "multiclass-update-gradient",
    title="The gradient of a batch in V_L, with a multiplier",
    sources=[XU2022.at("Eq. 35, Eq. 36")],
    printed=r"\frac{\partial \mathcal L_{S'}}{\partial V_L} = \frac1B \sum_{c'=1}^C \sum_{n=1}^b"
    r" 2\rho (\rho f_V(x_{c'n}) - \tilde e_{c'}) h(x_{c'n})^\top + 2 \nu_L V_L",
    forall=["S in balanced", "v in range(2)"],
    states="squared(with_multiplier(S, v) - 2 * rho / len(S) * outers(S) - 2 * v * W[last]) == 0",
    control=tc.altered("B is the number of samples of a class", {"len(S)": "batch_per_class"}),
    why="With B = bC samples in a batch, as Theorem 6 has it. The text before it says that a batch"
    ' includes "B samples per-class", with which the equation is false: that is the control.',
)

multiclass_update_batch_size = UPDATES.stated(
    "multiclass-update-batch-size",
    title="The gradient of a batch in V_L, where B counts the samples of a class: two meanings",
    sources=[XU2022.at("Theorem 6, Section 5.2: B samples per class, Eq. 36")],
    printed=r"S'_c \text{ includes } B \text{ samples}:\quad"
    r" \frac{\partial \mathcal L_{S'}}{\partial V_L} = \frac1B \sum_{c'=1}^C \sum_{n=1}^b"
    r" 2\rho (\rho f_V(x_{c'n}) - \tilde e_{c'}) h(x_{c'n})^\top + 2 \nu_L V_L",
    forall=["S in balanced", "v in range(2)"],
    states="squared(with_multiplier(S, v) - 2 * rho / batch_per_class * outers(S)"
    " - 2 * v * W[last]) == 0",
    control=tc.altered(
        "and half of the data term",
        "squared(with_multiplier(S, v) - rho / batch_per_class * outers(S) / C"
        " - 2 * v * W[last]) == 0",
    ),
    given=SETTING,
    on=simplex_labelled().map(in_ball),
    why='The text before Theorem 6 says that a batch includes "B samples per-class", the theorem'
    " that B = bC. With the loss of Eq. 35, a mean over all samples, Eq. 36 needs the second"
    " meaning, as `multiclass-update-gradient` has it.",
    kind="consistency",
)

multiclass_update_multiplier = UPDATES.stated(
    "multiclass-update-multiplier",
    title="The multiplier that keeps the norm of V_L, several classes",
    sources=[XU2022.at("Eq. 37")],
    printed=r"\nu_L = -\frac1B \sum_{c'=1}^C \sum_{n=1}^b \rho f_V(x_{c'n})^\top"
    r" (\rho f_V(x_{c'n}) - \tilde e_{c'})",
    forall=["S in balanced"],
    states="2 * nu(S) == -2 * rho / len(S) * inner(W[last], outers(S))"
    " and inner(W[last], gradient(S)) == 0",
    control=tc.altered("half of it", "inner(W[last], with_multiplier(S, nu(S) / 2)) == 0"),
    given=[UNIT_WEIGHTS],
    rests_on=["multiclass-update-gradient"],
    why="To first order in the learning rate, as for two classes.",
)

multiclass_update_tangential = UPDATES.stated(
    "multiclass-update-tangential",
    title="The gradient of a batch in V_L, and in each of its rows, with the multiplier put in",
    sources=[XU2022.at("Eq. 38")],
    printed=r"\frac{\partial \mathcal L_{S'}}{\partial V_L^c} = \frac{-2\rho}{B} \sum_{c'=1}^C"
    r" \sum_{n=1}^b f_V^\top (\rho f_V - \tilde e_{c'}) V_L^c"
    r" - (\rho f_V^{(c)} - \tilde e_{c'}^{(c)}) h",
    forall=ROWS,
    states="squared(gradient(S) + 2 * rho / len(S)"
    " * (sum([aligned(n) for n in S]) * W[last] - outers(S))) == 0"
    " and squared(gradient(S)[c] + 2 * rho / len(S) * terms(S, c)) == 0",
    control=tc.altered(
        "the sign of Eq. 41, third line",
        "squared(gradient(S)[c] - 2 * rho / len(S) * terms(S, c)) == 0",
    ),
    rests_on=["multiclass-update-gradient", "multiclass-update-multiplier"],
    why="The sum is over both terms, though it is printed without brackets.",
)

multiclass_update_by_classes = UPDATES.stated(
    "multiclass-update-by-classes",
    title="The gradient in a row of V_L, split into the samples of its class and the others",
    sources=[XU2022.at("Eq. 39")],
    printed=r"\frac{\partial \mathcal L_{S'}}{\partial V_L^c} = \frac{-2\rho}{B} \sum_{n=1}^b"
    r" f_V^\top (\rho f_V - \tilde e_c) V_L^c - (\rho f_V^{(c)} - 1) h(x_{cn})"
    r" - \frac{2\rho}{B} \sum_{c' \ne c} \sum_{n=1}^b f_V^\top (\rho f_V - \tilde e_{c'}) V_L^c"
    r" - \Big( \rho f_V^{(c)} + \frac{1}{C-1} \Big) h(x_{c'n})",
    forall=ROWS,
    states="squared(gradient(S)[c] + 2 * rho / len(S) * sum([aligned(n) * W[last][c]"
    " - (rho * f(n, c) - 1) * h(n) for n in inside(S, c)]) + 2 * rho / len(S)"
    " * sum([aligned(n) * W[last][c] - (rho * f(n, c) + 1 / (C - 1)) * h(n)"
    " for n in beside(S, c)])) == 0",
    control=tc.altered("1/C for 1/(C-1)", {"(C - 1)": "C"}),
    rests_on=["multiclass-update-tangential"],
    why="The labels are written out.",
)


def collapsed(last_term: str) -> str:
    """Eq. 40, and the last line of Eq. 41 where S is all samples."""
    return (
        "squared(gradient(S)[c] - 2 * rho / len(S) * (alpha - 1)"
        " * (sum([h(n) for n in inside(S, c)]) - sum([h(n) for n in beside(S, c)]) / (C - 1))"
        f" + {last_term} * W[last][c]) == 0"
    )


multiclass_update_quasi_interpolation = UPDATES.stated(
    "multiclass-update-quasi-interpolation",
    title="The gradient in a row of V_L where all outputs are one multiple of their labels",
    sources=[XU2022.at("Eq. 40, Eq. 41")],
    printed=r"\frac{\partial \mathcal L_{S'}}{\partial V_L^c} = \frac{2\rho}{B} \sum_{n=1}^b"
    r" (\alpha - 1) h(x_{cn}) - \frac{2\rho}{B} \sum_{c' \ne c} \sum_{n=1}^b"
    r" \frac{\alpha - 1}{C - 1} h(x_{c'n}) - \frac{2\alpha(\alpha - 1) C}{C - 1} V_L^c",
    forall=ROWS,
    states=collapsed("2 * alpha * (alpha - 1) * C / (C - 1)"),
    control=tc.altered("without the factor C/(C-1)", collapsed("2 * alpha * (alpha - 1)")),
    given=[PROPORTIONAL],
    numbers=["alpha"],
    on=proportional_outputs(batches=(1, 2)),
    rests_on=["multiclass-update-by-classes"],
    why="Eq. 39 with `rho f_V = alpha e~_c`, where `<f_V, rho f_V - e~_c>` is `alpha (alpha - 1)"
    " C/((C-1) rho)` for every sample. The paper sets it to 0; it holds at any gradient. Neither"
    " V_L nor the layers below need unit norm for this.",
)

multiclass_update_exchange = UPDATES.stated(
    "multiclass-update-exchange",
    title="The gradients of two balanced batches that differ in one sample differ by a multiple of"
    " the difference of the two feature vectors",
    sources=[XU2022.at("Eq. 40")],
    printed=r"\frac{\partial \mathcal L_{S'}}{\partial V_L^c}"
    r" - \frac{\partial \mathcal L_{S''}}{\partial V_L^c}"
    r" = \frac{2\rho}{B} (\alpha - 1) (h(x_{cn}) - h(x'_{cn}))",
    forall=[
        "S in balanced",
        "m in S",
        "R in [Q for Q in balanced if len([p for p in S if p != m and any([p == q for q in Q])])"
        " == len(S) - 1]",
        "n in [p for p in R if all([p != q for q in S if q != m])"
        " and y[p][0] == y[m][0] and y[p][1] == y[m][1]]",
        "c in [b for b in outputs if y[m][b] == 1]",
    ],
    states="squared(gradient(S)[c] - gradient(R)[c]"
    " - 2 * rho / len(S) * (alpha - 1) * (h(m) - h(n))) == 0",
    control=tc.altered("without the factor alpha - 1", {"* (alpha - 1) *": "*"}),
    given=[PROPORTIONAL],
    numbers=["alpha"],
    on=proportional_outputs(),
    rests_on=["multiclass-update-quasi-interpolation"],
    why="Where both gradients are 0, rho is not 0 and alpha is not 1, the features are equal: NC1."
    " At alpha = 1 they need not be (`collapsed-classifier-interpolation`).",
)

multiclass_update_partition = UPDATES.stated(
    "multiclass-update-partition",
    title="The gradient of all samples is the mean of those of disjoint balanced batches",
    sources=[XU2022.at("Eq. 41")],
    printed=r"\frac1k \sum_{i=1}^k \frac{\partial \mathcal L_{S^i}}{\partial V_L^c}"
    r" = \frac{\partial \mathcal L_S}{\partial V_L^c}",
    forall=[
        "S in balanced",
        "R in [Q for Q in balanced if all([p != q for p in Q for q in S])]",
        "c in outputs",
    ],
    states="squared((gradient(S)[c] + gradient(R)[c]) / 2 - gradient(samples)[c]) == 0",
    control=tc.altered(
        "the sum instead of the mean",
        "squared(gradient(S)[c] + gradient(R)[c] - gradient(samples)[c]) == 0",
    ),
    given=[BALANCED, HALVES],
    on=simplex_labelled([(2, 2), (2, 2), (3, 2)]),
    rests_on=["multiclass-update-multiplier"],
    why="For k = 2. Each batch has a multiplier of its own, and their mean is that of all samples.",
)

multiclass_update_full_printed = UPDATES.stated(
    "multiclass-update-full-printed",
    title="The third line of Eq. 41, read as the gradient of all samples in V_L: the sign is wrong",
    sources=[XU2022.at("Eq. 41")],
    printed=r"\frac{\partial \mathcal L_S}{\partial V_L^c} = \frac{2\rho}{NC} \sum_{c'=1}^C"
    r" \sum_{n=1}^N f_V^\top (\rho f_V - \tilde e_{c'}) V_L^c"
    r" - (\rho f_V^{(c)} - \tilde e_{c'}^{(c)}) h",
    forall=["c in outputs"],
    states="squared(gradient(samples)[c] - 2 * rho / len(samples) * terms(samples, c)) == 0",
    control=tc.altered("half of it", {"- 2 *": "-"}),
    given=SETTING,
    on=simplex_labelled().map(in_ball),
    rests_on=["multiclass-update-tangential", "multiclass-update-partition"],
    why="It lacks the minus of Eq. 38. The fourth line has the sign right, so that the two are each"
    " other's negatives. Eq. 41 begins with `0 =`: where the gradient is 0, all its lines are 0,"
    " and it is true.",
)

multiclass_update_full = UPDATES.stated(
    "multiclass-update-full",
    title="The gradient of all samples in V_L",
    sources=[XU2022.at("Eq. 41")],
    printed=r"\frac{\partial \mathcal L_S}{\partial V_L^c} = \frac{-2\rho}{NC} \sum_{c'=1}^C"
    r" \sum_{n=1}^N f_V^\top (\rho f_V - \tilde e_{c'}) V_L^c"
    r" - (\rho f_V^{(c)} - \tilde e_{c'}^{(c)}) h",
    forall=["c in outputs"],
    states="squared(gradient(samples)[c] + 2 * rho / len(samples) * terms(samples, c)) == 0",
    control=tc.altered("the printed sign", {"+": "-"}),
    corrects="multiclass-update-full-printed",
    rests_on=["multiclass-update-tangential", "multiclass-update-partition"],
    why="With the sign of Eq. 38. NC is the number of all samples.",
)
