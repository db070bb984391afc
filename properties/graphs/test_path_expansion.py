"""The network as a sum over paths: galanti2022, Appendix B, Eq. 13-14 and what is beside them."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    CHAIN,
    DENSE,
    GRAPH,
    MATRIX_READS_INPUT,
    NO_BIASES,
    NOT_NORMALISED,
    ONE_OUTPUT,
    SHORTENING,
    TRAINABLE_INPUT_EDGES,
    WHOLE_LAYERS,
)
from properties.papers import GALANTI2022

READS_INPUT = "k in [k for k in weights if source(k) == 0]"
TWO_LINEAR_LAYERS = tc.Assumption(
    "two layers of weights in a chain, linear outputs", "chain() and depth == 2 and slope(2) == 1"
)
SMALL_STEP = tc.Assumption(
    "no pre-activation of the hidden layer is 0, and the step changes each by less than its size",
    "all([abs(step * inner(E(0)[i], x[m])) < abs(inner(W[0][i], x[m]))"
    " for m in samples for i in range(len(W[0]))])",
)


@st.composite
def small_steps(draw: st.DrawFn) -> tc.Case:
    """With a step that is at most 63/64 of what leads some unit of the hidden layer to its kink."""
    case = draw(tc.cases(tc.mlps(depths=(2, 2), widths=(1, 3)), samples=(1, 2), cohort=1))
    share = draw(st.sampled_from([Fraction(63, 64), Fraction(1, 2), Fraction(1, 2**20)]))
    first, inputs = case.parameters[0][0], case.inputs[0]
    rows, columns = np.indices(first.shape)
    at, change = inputs @ first.T, inputs @ (1 + rows - columns).T
    pairs = zip(at.flat, change.flat, strict=True)
    steps = [abs(Fraction(a) / Fraction(c)) for a, c in pairs if c != 0]
    return replace(case, numbers={"step": share * min(steps, default=Fraction(1))})


def with_dead_units(case: tc.Case) -> tc.Case:
    """With a first matrix of zeros, so that all units that it leads to are at their kinks."""
    first, *others = case.parameters
    return replace(case, parameters=(0 * first, *others))


path_expansion_input_edges = tc.stated(
    "path-expansion-input-edges",
    title="The output is a sum over the edges out of the input",
    sources=[GALANTI2022.at("Eq. 14")],
    printed=r"f_W(x) = \sum_{(v_p, v_1) \in E_T} E_p(x) \cdot W^{p1} \cdot x",
    given=[GRAPH, TRAINABLE_INPUT_EDGES, AUTOGRAD_AT_KINKS],
    forall=["n in samples", "c in outputs"],
    states="f(n, c) == through(n, c)",
    control=tc.altered(
        "some edges out of the input may be constant",
        without=[TRAINABLE_INPUT_EDGES],
        on=tc.constant_first_layers(),
    ),
    where=["through(n, c) = sum([inner(W[k], df(n, c, k)) for k in weights if source(k) == 0])"],
    on=tc.cases(tc.trainable_networks(widths=(1, 3)), samples=(1, 3)),
    examples=60,
    rests_on=["layer-graph-output", "layer-graph-slopes"],
    why="With dense and other trainable edges out of the input. For a dense edge the gradient of"
    " the output by W^{p1} is the outer product of E_p and x. The step from E to E_T is the"
    " assumption that both propositions make.",
)

path_expansion_some_input_weight = tc.stated(
    "path-expansion-some-input-weight",
    title="A function that is not zero has some weight matrix at the input that is not zero",
    kind="inequality",
    sources=[GALANTI2022.at("Appendix B: W is not zero")],
    printed=r"f_W \not\equiv 0 \ \Longrightarrow\ \exists p:\ W^{p1} \ne 0",
    given=[GRAPH, ONE_OUTPUT, TRAINABLE_INPUT_EDGES],
    assuming={"f is not zero at x_i": "f(n, 0) != 0"},
    forall=["n in samples"],
    states="sum([squared(W[k]) for k in weights if source(k) == 0]) != 0",
    control=tc.altered("all of them are not zero", {"sum": "product"}),
    on=tc.cases(
        tc.directed_graphs(depths=(2, 3), widths=(1, 1), skips=("dense",)), samples=(1, 2), cohort=1
    ),
    examples=150,
    rests_on=["path-expansion-input-edges"],
    why="By Eq. 14.",
)

path_expansion_gradient = tc.stated(
    "path-expansion-gradient",
    title="The gradient is the outer product of what follows the matrix with the layer before it",
    sources=[
        GALANTI2022.at("Eq. 13, Appendix B: paths through W, Appendix B: gradient at the input")
    ],
    printed=r"\frac{\partial f_W(x)}{\partial W^{pq}} = u_q(x) \cdot v_q(x)^\top, \quad"
    r" u_q(x)^\top = \sum_{\pi \text{ from } p \text{ to } l_0} W^{\pi_T \pi_{T-1}} \cdot"
    r" D_{\pi_{T-1}}(x) \cdots D_{\pi_1}(x)",
    given=[
        CHAIN,
        DENSE,
        SHORTENING,
        TWO_LINEAR_LAYERS,
        WHOLE_LAYERS,
        ONE_OUTPUT,
        AUTOGRAD_AT_KINKS,
    ],
    forall=["n in samples", "i in range(len(W[0]))", "j in range(len(W[0][0]))"],
    states="df(n, 0, 0)[i][j] == W[1][0][i] * D(n, i) * x[n][j] and df(n, 0, 1)[0][i] == h(n)[i]",
    control=tc.altered("without the slopes of the activation", {"* D(n, i) *": "*"}),
    where=["D(n, i) = 1 if h(n)[i] > 0 else slope(1)"],
    on=tc.cases(tc.mlps(depths=(2, 2), widths=(1, 3)), samples=(1, 2), cohort=1),
    examples=60,
    rests_on=["layer-graph-output", "layer-graph-slopes", "path-expansion-locally-linear"],
    why="Eq. 13 with u written out, for two layers. The index of u should be p, where the matrix"
    " leads to: its length is d_p, and the sum is over the paths from p.",
)

path_expansion_at_input = tc.stated(
    "path-expansion-at-input",
    title="The rows of the gradient in a matrix at the input are multiples of the input",
    sources=[GALANTI2022.at("Appendix B: gradient at the input")],
    printed=r"\frac{\partial f_W(x_i)}{\partial W^{p1}} = e \cdot x_i^\top"
    r" \quad \text{for some vector } e",
    given=[NOT_NORMALISED, NO_BIASES, MATRIX_READS_INPUT, AUTOGRAD_AT_KINKS],
    forall=[
        READS_INPUT,
        "n in samples",
        "c in outputs",
        "i in range(len(W[k]))",
        "j in range(len(x[n]))",
    ],
    states="df(n, c, k)[i][j] * squared(x[n]) == inner(df(n, c, k)[i], x[n]) * x[n][j]",
    control=tc.altered(
        "its columns are",
        "df(n, c, k)[i][j] * squared(x[n]) == df(n, c, k)[i][0] * x[n][0] * squared(x[n])",
    ),
    on=tc.cases(tc.trainable_networks(widths=(1, 3)), samples=(1, 2)),
    examples=60,
    rests_on=["path-expansion-input-edges"],
    why="What the proof of Proposition 1 uses. The factor is E_p, printed as a row where its"
    " transpose is meant; `path-expansion-gradient` checks it with one hidden layer.",
)

path_expansion_locally_linear = tc.stated(
    "path-expansion-locally-linear",
    title="Away from kinks, slopes are constant near a weight matrix: the network is linear in it",
    sources=[GALANTI2022.at("Appendix B: locally constant slopes")],
    printed=r"\text{with measure 1 over } W^{pq} \text{ and } x, \text{ the matrices } D_p(x)"
    r" \text{ are constant in the neighborhood of } W^{pq}",
    given=[
        NOT_NORMALISED,
        NO_BIASES,
        DENSE,
        SHORTENING,
        TWO_LINEAR_LAYERS,
        WHOLE_LAYERS,
        SMALL_STEP,
    ],
    forall=["k in weights", "n in samples", "c in outputs", "i in range(len(W[0]))"],
    states="D(h(n)[i]) == D(moved(k)[n][i])"
    " and network(after(k), x)[n][c] == f(n, c) + step * inner(E(k), df(n, c, k))",
    control=tc.altered(
        "units may be at their kinks",
        without=[SMALL_STEP],
        on=small_steps().map(with_dead_units),
    ),
    where=[
        "E(k) = [[1 + i - j for j in range(len(W[k][0]))] for i in range(len(W[k]))]",
        "after(k) = replaced(W, k, W[k] + step * E(k))",
        "moved(k) = features(after(k), x)",
        "D(v) = 1 if v > 0 else slope(1)",
    ],
    numbers=["step"],
    on=small_steps().filter(lambda case: case.numbers["step"] > 0),
    examples=60,
    why="For one hidden layer and one direction, E, times `step`: any number that keeps all"
    " pre-activations on their side of 0. That almost no weights are at a kink is not checked. At a"
    " kink the slope depends on the direction.",
)
