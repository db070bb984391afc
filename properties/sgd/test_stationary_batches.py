"""Whether normalised SGD can come to rest on all batches: xu2022, Sections 6.1, 6.2 and 7."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    DENSE,
    EQUAL_MARGINS,
    IN_BALL,
    INDEPENDENT_INPUTS,
    NO_WEIGHT_DECAY,
    POSITIVE_WEIGHT_DECAY,
    RELU_NETWORK,
    SIGN_LABELS,
)
from properties.collapse.collapsed_networks import identity
from properties.papers import XU2022
from properties.sgd.normalised_points import generic_points
from properties.sgd.pulls import (
    PULLS,
    RESTLESS,
    RHO_AT_REST,
    RHO_NOT_ZERO,
    SAMPLED,
    WEIGHTS_AT_REST,
    reflected_equilibria,
)
from properties.unit_ball import in_ball_at_rest

BOTH_LABELS = tc.Assumption(
    "both labels occur", "any([y[m][0] != y[n][0] for m in samples for n in samples])"
)
DIFFERENT_INPUTS = tc.Assumption(
    "no two inputs are equal",
    "all([squared(x[n] - x[m]) > 0 for n in samples for m in range(n)])",
)
HIGH_RANK = tc.Assumption(
    "some V_k has rank above 2",
    "any([rank(W[k]) > 2 for k in weights])",
)
INTERPOLATING = tc.Assumption(
    "the network interpolates: rho fbar_n = 1 for all n", "all([residual(n) == 0 for n in samples])"
)
NEVER = r"\lambda > 0,\; B < N:\ \exists\, S', k:\ \frac{\partial \mathcal{L}_{S'}}{\partial V_k}"
NO_DECAY_POINTS = tc.interpolators(weight_decays=st.just(Fraction(0)))

EQUILIBRIA = tc.Family(given=[*SAMPLED], where=[*PULLS], on=tc.normalised_equilibria())

stationary_batches_never_printed = EQUILIBRIA.stated(
    "stationary-batches-never-printed",
    title="With weight decay, SGD on mini-batches cannot converge, as printed",
    sources=[XU2022.at("Section 6.2: no convergence, Section 7: exact convergence")],
    printed=rf"{NEVER} \ne 0 \text{{ or }} \frac{{\partial \mathcal{{L}}_{{S'}}}}{{\partial \rho}}"
    r" \ne 0",
    given=[RELU_NETWORK, DIFFERENT_INPUTS, POSITIVE_WEIGHT_DECAY, RHO_NOT_ZERO],
    states=f"{RESTLESS} != 0",
    control=tc.altered("lambda may be 0", without=[POSITIVE_WEIGHT_DECAY], on=NO_DECAY_POINTS),
    rests_on=["normalised-sgd-convergence-rank", "stationary-batches-low-rank"],
    why='"Lemma 8 shows that there cannot be convergence to a unique set of weights that satisfy'
    ' equilibrium for all minibatches", and exact convergence is "impossible, even'
    ' asymptotically". The lemma bounds ranks only, and weights of rank 1 can be at rest on all'
    ' batches, on collinear inputs of one class. (The introduction says "at least generically".)'
    " `stationary-batches-never` says when the sentence is true.",
)


def of_both_classes(case: tc.Case) -> tc.Case:
    """The same weights with ReLU activations, and different labels of the first two samples."""
    *hidden, last = case.network.layers
    layers = (*(replace(layer, slope=tc.RELU) for layer in hidden), last)
    assert case.targets is not None
    labels = case.targets.copy()
    labels[:, :2, 0] = 1, -1
    network = tc.Network(case.network.input_width, layers)
    return replace(case, network=network, targets=labels)


stationary_batches_never = EQUILIBRIA.stated(
    "stationary-batches-never",
    title="With weight decay, both classes and rho not 0, a ReLU network is never at rest on all"
    " batches",
    sources=[
        XU2022.at("Section 6.2: no convergence, Lemma 8, Section 1: always noise with SGD"),
    ],
    printed=rf"{NEVER} \ne 0 \text{{ or }} \frac{{\partial \mathcal{{L}}_{{S'}}}}{{\partial \rho}}"
    r" \ne 0,\quad \rho \ne 0,\; \text{ReLU, labels of both signs}",
    given=[RELU_NETWORK, BOTH_LABELS, POSITIVE_WEIGHT_DECAY, RHO_NOT_ZERO],
    states=f"{RESTLESS} != 0",
    control=tc.altered(
        "linear activations", without=[RELU_NETWORK], on=reflected_equilibria((tc.LINEAR,))
    ),
    on=st.one_of(reflected_equilibria((tc.RELU,)), generic_points().map(of_both_classes)),
    examples=40,
    corrects="stationary-batches-never-printed",
    rests_on=["batch-differences-common-matrix"],
    why="Rest on all batches gives `(1 - rho fbar_n) fbar_n = lambda rho` and `h(x_n) = f_n V_L`"
    " for every sample. The features of a ReLU network are not negative, so that all f_n have one"
    " sign; all margins have that of rho; hence all labels are the same. No genericity of the data"
    " is needed. Lemma 8, which assumes such a point, is therefore empty for ReLU networks of depth"
    " 2 or more and data of both classes, which are the networks and the data of the paper.",
)

stationary_batches_no_decay = EQUILIBRIA.stated(
    "stationary-batches-no-decay",
    title="Without weight decay, an interpolating network is at rest on all batches, at any rank",
    sources=[XU2022.at("Section 6.2: lambda = 0")],
    printed=r"\lambda = 0,\; \rho \bar f_n = 1 \;\forall n \implies"
    r" \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0,\;"
    r" \frac{\partial \mathcal{L}_{S'}}{\partial V_k} = 0 \;\forall S', k",
    given=[INTERPOLATING, NO_WEIGHT_DECAY],
    states=f"{RESTLESS} == 0",
    control=tc.altered("lambda > 0", without=[NO_WEIGHT_DECAY], on=tc.interpolators()),
    on=NO_DECAY_POINTS,
    examples=40,
    why='"The GD equilibrium can be reached without any constraint on the weights": every sample'
    " pulls with the factor `1 - rho fbar_n`. That training reaches such a point is another"
    " matter.",
)

stationary_batches_residuals = EQUILIBRIA.stated(
    "stationary-batches-residuals",
    title="With weight decay, no sample is interpolated where SGD is at rest",
    sources=[XU2022.at("Section 6.1: interpolation is impossible, Lemma 8")],
    printed=r"\lambda > 0,\; \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0 \;\forall S'"
    r" \implies \rho \bar f_n \ne 1",
    given=[POSITIVE_WEIGHT_DECAY, RHO_NOT_ZERO, RHO_AT_REST],
    forall=["n in samples"],
    states="residual(n) != 0",
    control=tc.altered("lambda may be 0", without=[POSITIVE_WEIGHT_DECAY], on=NO_DECAY_POINTS),
    examples=40,
    rests_on=["quasi-interpolation-some"],
    why='"Since interpolation is impossible when training with lambda > 0, there exists at least'
    ' one n": true for every n, as `(1 - rho fbar_n) fbar_n = lambda rho`. It is convergence that'
    " excludes interpolation; a network with weight decay can pass through interpolation.",
)


def with_a_zero_margin(case: tc.Case) -> tc.Case:
    inputs = case.inputs.copy()
    inputs[:, 0] = 0
    return replace(case, inputs=inputs)


def without_rho(case: tc.Case) -> tc.Case:
    nothing = replace(case, inputs=0 * case.inputs)
    return replace(nothing, numbers={**case.numbers, "rho": Fraction(0)})


stationary_batches_zero_margins = EQUILIBRIA.stated(
    "stationary-batches-zero-margins",
    title="xu2022's Lemma 8 needs no assumption on margins: rho other than 0 suffices",
    printed=r"\rho \ne 0,\; \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0,\;"
    r" \frac{\partial \mathcal{L}_{S'}}{\partial V_k} = 0 \;\forall S', k"
    r" \implies \operatorname{rank} V_k \le 2",
    given=[POSITIVE_WEIGHT_DECAY, RHO_NOT_ZERO, HIGH_RANK],
    states=f"{RESTLESS} != 0",
    control=tc.altered(
        "rho may be 0", without=[RHO_NOT_ZERO], on=generic_points().map(without_rho)
    ),
    on=generic_points().flatmap(lambda case: st.sampled_from([case, with_a_zero_margin(case)])),
    examples=40,
    rests_on=["normalised-sgd-convergence-rank", "batch-differences-common-matrix"],
    why="xu2022, Lemma 8, assumes that no margin is 0. Where rho is at rest on all batches, `(1 -"
    " rho fbar_n) fbar_n = lambda rho` excludes such margins by itself, unless rho is 0. Checked as"
    " its contrapositive.",
)

stationary_batches_equal_margins = EQUILIBRIA.stated(
    "stationary-batches-equal-margins",
    title="Where the gradient of every sample is zero, all margins are equal, as printed",
    sources=[XU2022.at("Section 7: margins and convergence")],
    printed=r"\frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0,\;"
    r" \frac{\partial \mathcal{L}_{S'}}{\partial V_k} = 0 \;\forall S', k"
    r" \implies \bar f_m = \bar f_n \;\forall m, n",
    given=[RELU_NETWORK, POSITIVE_WEIGHT_DECAY, RHO_NOT_ZERO, RHO_AT_REST, WEIGHTS_AT_REST],
    forall=["m in samples", "n in samples"],
    states="margin(m) == margin(n)",
    control=tc.altered("all are 1/rho", "rho * margin(m) == 1"),
    why="The paper says that margins which differ by a small amount, and SGD that does not converge"
    " to a point of zero gradient for all samples, are equivalent. At a point of zero gradient the"
    " margins are roots of `(1 - rho t) t = lambda rho`, which has two. All samples are of one"
    " class there: with both no such point exists (`stationary-batches-never`).",
)


@st.composite
def equal_margins(draw: st.DrawFn) -> tc.Case:
    """Two ReLU units along a line, as a linear function: samples on both sides, at one distance.

    With labels that are nearly fitted, and rho at rest on every batch.
    """
    share, other = draw(st.sampled_from([(3, 4), (4, 3)]))
    a, b = draw(st.sampled_from([(3, 4), (-4, 3), (5, 0)]))
    shifts = draw(st.lists(st.integers(-2, 2), min_size=2, max_size=3))
    signs = [1, -1, 1][: len(shifts)]
    rows = [[s * a - t * b, s * b + t * a] for s, t in zip(signs, shifts, strict=True)]
    margin, gap = Fraction(share * other, 5), Fraction(1, draw(st.sampled_from([16, 8, 32])))
    rho = (1 - gap) / margin
    numbers = {"rho": rho, "weight_decay": gap * margin / rho, "batch_size": Fraction(1)}
    units = [[k * Fraction(share if k > 0 else other, 25) * c for c in (a, b)] for k in (1, -1)]
    last = [[Fraction(other, 5), Fraction(-share, 5)]]
    return tc.Case.single(tc.mlp([2, 2, 1]), [units, last], rows, [[s] for s in signs], numbers)


def decayed(case: tc.Case) -> tc.Case:
    """More weight decay: rho is not at rest."""
    case = in_ball_at_rest(case)
    return replace(case, numbers={**case.numbers, "weight_decay": 2 * case.numbers["weight_decay"]})


stationary_batches_equal_margins_converse = EQUILIBRIA.stated(
    "stationary-batches-equal-margins-converse",
    title="Where all margins are equal, the gradient of every sample is zero, as printed",
    sources=[XU2022.at("Section 7: margins and convergence")],
    printed=r"\bar f_m = \bar f_n \;\forall m, n,\;"
    r" \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0 \;\forall S' \implies"
    r" \frac{\partial \mathcal{L}_{S'}}{\partial V_k} = 0 \;\forall S', k",
    given=[RELU_NETWORK, BOTH_LABELS, IN_BALL, POSITIVE_WEIGHT_DECAY, EQUAL_MARGINS, RHO_AT_REST],
    states=f"{RESTLESS} == 0",
    control=tc.altered(
        "rho need not be at rest", without=[RHO_AT_REST], on=equal_margins().map(decayed)
    ),
    on=equal_margins().map(in_ball_at_rest),
    why="The other direction. Equal margins with rho at rest say nothing about the directions in"
    " which the samples pull at the V_k.",
)


stationary_batches_never_equal = EQUILIBRIA.stated(
    "stationary-batches-never-equal",
    title="That SGD is not at rest implies that margins are not equal, as the paper infers",
    sources=[XU2022.at("Section 5.1: strict NC1")],
    printed=r"\text{our analysis of the origin of the SGD noise shows that ... the margins are}"
    r" \text{ never, not even asymptotically, exactly equal to each other}",
    given=[RELU_NETWORK, BOTH_LABELS, IN_BALL, POSITIVE_WEIGHT_DECAY, RHO_NOT_ZERO],
    assuming={"some batch moves rho or a V_k": f"{RESTLESS} != 0"},
    states="sum([(margin(m) - margin(n)) ** 2 for m in samples for n in samples]) != 0",
    control=tc.altered(
        "they differ by at least their own size",
        "sum([(margin(n) - margin(0)) ** 2 for n in samples]) >= margin(0) ** 2",
    ),
    on=equal_margins().map(in_ball_at_rest),
    rests_on=["stationary-batches-never-printed"],
    why="The analysis shows that a ReLU network with both classes is at rest for no V and no rho"
    " other than 0 (`stationary-batches-never`). From that alone nothing follows for margins: they"
    " may be equal where some batch still turns the weights, and rho be at rest. What SGD does is"
    " not decided here.",
)


@st.composite
def linear_separators(draw: st.DrawFn) -> tc.Case:
    """Two ReLU units along ``+-v``, on inputs along the axes, with ``v_n = y_n / |x_n|``."""
    count = draw(st.integers(2, 4))
    signs = [1, -1, *draw(st.lists(st.sampled_from([1, -1]), min_size=count, max_size=count))]
    lengths = [Fraction(1, draw(st.integers(1, 3))) for _ in signs]
    row = [sign / length for sign, length in zip(signs, lengths, strict=True)]
    inputs = [
        [length * entry for entry in axis]
        for length, axis in zip(lengths, identity(len(signs), len(signs)), strict=True)
    ]
    weights = [[row, [-entry for entry in row]], [[1, -1]]]
    return tc.Case.single(tc.mlp([len(signs), 2, 1]), weights, inputs, [[sign] for sign in signs])


stationary_batches_low_rank = tc.stated(
    "stationary-batches-low-rank",
    title="Weights of very small rank cannot quasi-interpolate generic data, as printed",
    sources=[XU2022.at("Section 6.1: rank and quasi-interpolation")],
    printed=r"\operatorname{rank} V_k \le 2 \;\forall k \text{ is incompatible, for generic data"
    r" sets, with quasi-interpolation}",
    given=[CHAIN, DENSE, RELU_NETWORK, SIGN_LABELS, BOTH_LABELS, IN_BALL, INDEPENDENT_INPUTS],
    assuming={"all ranks are at most 2": "all([rank(W[k]) <= 2 for k in weights])"},
    where=PULLS[:1],
    states="sum([(margin(n) - margin(0)) ** 2 for n in samples]) != 0",
    control=tc.altered(
        "margins are not even of one sign", "min([margin(n) for n in samples]) <= 0"
    ),
    on=linear_separators(),
    why='The paper\'s reason why "SGD cannot achieve zero gradient for all the mini-batches". Data'
    " with no more samples than dimensions are, if generic, fitted by a linear function, and two"
    " units along one direction compute it: all matrices have rank 1. With more samples than"
    " dimensions, weights of rank 2 still give many functions that are linear on sectors of a"
    " plane. The conclusion is right for another reason: `stationary-batches-never`.",
)


@st.composite
def without_outputs(draw: st.DrawFn) -> tc.Case:
    """No rho, and a linear unit whose weights are at right angles to all inputs."""
    labels = [1, *draw(st.lists(st.sampled_from([1, -1]), min_size=1, max_size=2))]
    inputs = [[0, draw(st.integers(0, 3))] for _ in labels]
    size = Fraction(draw(st.integers(1, len(labels) - 1)))
    numbers = {"rho": Fraction(0), "weight_decay": draw(tc.positive_dyadics()), "batch_size": size}
    return tc.Case.single(tc.mlp([2, 1]), [[[1, 0]]], inputs, [[s] for s in labels], numbers)


stationary_batches_any_size = EQUILIBRIA.stated(
    "stationary-batches-any-size",
    title="Where all batches of one size below N are at rest, every sample is, and so every batch",
    sources=[XU2022.at("Section 1: rank constraint, Lemma 8")],
    printed=r"B < N:\ \frac{\partial \mathcal{L}_{S'}}{\partial V_k} = 0,\;"
    r" \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0 \;\forall |S'| = B \implies"
    r" \text{the same for } S' = \{n\} \;\forall n, \text{ hence } \forall S'",
    given=[RHO_AT_REST, WEIGHTS_AT_REST],
    forall=["n in samples", "k in weights"],
    states="pull_of_rho(n) == 0 and squared(rho * pull(n, k)) == 0",
    control=tc.altered("and the sample is fitted", {"pull_of_rho(n)": "residual(n)"}),
    on=st.one_of(tc.normalised_equilibria(), tc.normalised_equilibria(), without_outputs()),
    examples=32,
    rests_on=["batch-differences-exchange"],
    why="The statement is ours. Exchanging two samples between batches shows that all samples pull"
    " equally, and a sum of equal terms that is 0 has terms that are 0. The gradient of a batch of"
    " any size is the mean of those of its samples. So the points at rest do not depend on B, nor"
    ' does a constraint on their ranks, against "a rank constraint that depends on the size of the'
    ' minibatches" (Section 1). Lemma 8 has the bound 2 for every B < N, and the sharp one is 1.',
)
