"""A ReLU network as a product of matrices: xu2022, Eq. 47 and the proof of Lemma 8 after it."""

from dataclasses import replace

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    CHAIN,
    DENSE,
    INPUT_NOT_ZERO,
    ONE_OUTPUT,
    RELU_NETWORK,
)
from properties.papers import XU2022
from theorycheck.arithmetic import rationals, vertices

THREE_LAYERS = tc.Assumption("L = 3, with a linear output", "depth == 3 and slope(3) == 1")
NOT_AT_KINKS = tc.Assumption(
    "no pre-activation of the first layer is 0", "all([u != 0 for u in first(n)])"
)
POSITIVE_ROWS = tc.Assumption(
    "all entries of V_2 are positive", "all([entry > 0 for row in W[1] for entry in row])"
)
ACTIVE_BELOW = tc.Assumption(
    "some unit of the layer below is active at x", "not zero(D(first(n)) @ first(n))"
)
AT_ZERO = tc.Assumption("u_{2,i}(x; V) = 0", "second(n)[i] == 0")

PATTERN = tc.Family(
    where=[
        "D(u) = [[(1 if u[i] > 0 else 0) if i == j else 0 for j in range(len(u))]"
        " for i in range(len(u))]",
        "first(n) = W[0] @ x[n]",
        "second(n) = W[1] @ (D(first(n)) @ first(n))",
        "left(n) = W[2] @ D(second(n))",
    ],
    given=[CHAIN, DENSE, RELU_NETWORK, ONE_OUTPUT, THREE_LAYERS],
    examples=40,
)
"""u_1 and u_2 of Eq. 47, the diagonal matrix of the slopes at them, and V_3 D_2. Positive factors,
such as norms, change no sign: the weights here need not have norm 1.
"""

SMALL = tc.cases(tc.mlps(depths=(3, 3), widths=(1, 3), slopes=(tc.RELU,)), samples=(1, 2), cohort=1)


def orthogonal_rows(case: tc.Case) -> tc.Case:
    """The first unit of layer 2 is moved to its kink at the first sample, whatever is below."""
    weights = [rationals(w[0]) for w in case.parameters]
    below = vertices(case.network, weights, rationals(case.inputs[0]))[1][0]
    second = case.parameters[1].copy()
    second[0, 0, 0], second[0, 0, 1] = -float(below[1]), float(below[0])
    return replace(case, parameters=(case.parameters[0], second, case.parameters[2]))


AT_KINKS = tc.cases(
    tc.mlps(depths=(3, 3), widths=(2, 2), slopes=(tc.RELU,)), samples=(1, 2), cohort=1
).map(orthogonal_rows)
PRODUCT = "({} @ (W[1] @ (D(first(n)) @ (W[0] @ x[n]))))[0]"

activation_pattern = PATTERN.stated(
    "activation-pattern",
    title="A ReLU network is a product of its weights and of the slopes of its activations",
    sources=[XU2022.at("Eq. 47")],
    printed=r"f_V(x) = V_L \cdot D_{L-1}(x; V) \cdots D_1(x; V) \cdot V_1 \cdot x,\quad"
    r" D_l = \mathrm{diag}[\sigma'(u_l)]",
    forall=["n in samples"],
    states=f"f(n, 0) == {PRODUCT.format('left(n)')}",
    control=tc.altered("without D_2", f"f(n, 0) == {PRODUCT.format('W[2]')}"),
    on=st.one_of(SMALL, AT_KINKS),
    examples=100,
    why="`sigma(u) = sigma'(u) u` for every u, at the kink too, whatever slope is chosen there: the"
    " product with u = 0 is 0.",
)

activation_pattern_factors = PATTERN.stated(
    "activation-pattern-factors",
    title="The two factors of the gradient of a ReLU network in one of its weight matrices",
    sources=[XU2022.at("Section 6.1: the factors a and b, Lemma 8")],
    printed=r"\frac{\partial f_V(x)}{\partial V_k} = a b^\top,\quad"
    r" a^\top = V_L D_{L-1} V_{L-1} \cdots V_{k+1} D_k,\quad b = D_{k-1} V_{k-1} \cdots V_1 x",
    forall=["n in samples"],
    states="squared(df(n, 0, 0) - outer((left(n) @ W[1] @ D(first(n)))[0], x[n])) == 0"
    " and squared(df(n, 0, 1) - outer(left(n)[0], D(first(n)) @ first(n))) == 0"
    " and squared(df(n, 0, 2)[0] - D(second(n)) @ second(n)) == 0",
    control=tc.altered(
        "the factor D_k is left out of a for k = 1",
        "squared(df(n, 0, 0) - outer((left(n) @ W[1])[0], x[n])) == 0",
    ),
    on=st.one_of(SMALL, AT_KINKS),
    given=[AUTOGRAD_AT_KINKS],
    examples=80,
    rests_on=["activation-pattern", "activation-pattern-negligible-printed"],
    why="For k = 1, 2 and 3 of three layers, at kinks with the slope 0. For k = 2, `b = D_1 V_1 x`:"
    " the activations of the layer below.",
)

activation_pattern_negligible_printed = PATTERN.stated(
    "activation-pattern-negligible-printed",
    title="The weights at which some unit is at its kink are negligible, as printed",
    sources=[XU2022.at("Section 6.1: negligible set")],
    printed=r"x \ne 0 \implies \mathcal{V}_{l,i} = \{V \in \mathcal{V} \mid u_{l,i}(x; V) = 0\}"
    r" \text{ is negligible within } \mathcal{V}",
    forall=["n in samples", "i in range(len(W[1]))"],
    states="second(n)[i] != 0",
    control=tc.altered("it is larger than 1", "second(n)[i] > 1"),
    on=SMALL,
    given=[INPUT_NOT_ZERO, NOT_AT_KINKS, POSITIVE_ROWS],
    why="True of the first layer, where the set is the hyperplane `V_1^i x = 0`. In the second it"
    " contains all V whose first layer is dead at x, `V_1 x < 0` in every entry: an open set, on"
    " which u_2 = 0. The hypotheses here hold on an open set of V, and with positive rows of V_2"
    " nothing but a dead layer makes u_2 vanish: so every counterexample comes with a neighbourhood"
    " of counterexamples. What is concluded stays true: f is constant there, so that the rank of"
    " the gradient is 0 (`gradient-rank` decides every kink).",
)


activation_pattern_negligible = PATTERN.stated(
    "activation-pattern-negligible",
    title="Weights at kinks are negligible among those under which the layer below is not dead",
    sources=[XU2022.at("Section 6.1: negligible set")],
    printed=r"\sigma(u_{l-1}(x; V)) \ne 0,\; u_{l,i}(x; V) = 0 \implies"
    r" u_{l,i}(x; V + t e_{l,i}\, \sigma(u_{l-1})^\top) \ne 0 \quad \forall t \ne 0",
    forall=["n in samples", "i in range(len(W[1]))", "t in range(1, 4)"],
    states="inner(W[1][i] + t / 4 * (D(first(n)) @ first(n)), D(first(n)) @ first(n)) != 0",
    control=tc.altered("the layer below may be dead", without=[ACTIVE_BELOW]),
    on=AT_KINKS,
    corrects="activation-pattern-negligible-printed",
    given=[INPUT_NOT_ZERO, ACTIVE_BELOW, AT_ZERO],
    why="Where the layer below is active, u_{l,i} is a linear function of row i of V_l that is not"
    " 0, and its zeros are a hyperplane: along the activations of the layer below it leaves 0 at"
    " once.",
)
