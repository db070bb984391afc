"""The gradients of single samples where SGD rests: galanti2022, Eq. 8, 15 and 16, and Section 3.1.

``term(n, k)`` is the gradient of the loss of sample n along W[k], without weight decay.
"""

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    ANY_LOSS,
    AUTOGRAD_AT_KINKS,
    FITTED,
    MINI_BATCHES,
    NO_WEIGHT_DECAY,
    POSITIVE_WEIGHT_DECAY,
    SOME_WEIGHT,
    SQUARE_LOSS,
    STATIONARY,
    UNNORMALISED,
)
from properties.notation import BATCH_GRADIENT
from properties.papers import GALANTI2022
from properties.sgd.stopping_points import (
    cancelling_pairs,
    interpolating_cases,
    wide_interpolating_cases,
    without_decay,
)

AT_REST = [UNNORMALISED, ANY_LOSS, AUTOGRAD_AT_KINKS, MINI_BATCHES, STATIONARY]
SLOPES_NOT_ZERO = tc.Assumption(
    "the slopes of the losses are not 0", "all([f(n, 0) != y[n][0] for n in samples])"
)
STATIONARY_POINTS = st.one_of(
    tc.sign_labelled_chains(), tc.stationary_chains(), tc.stationary_residual_networks()
)
SHARED = tc.Family(
    where=[
        BATCH_GRADIENT,
        "slope_of_loss(n) = 2 * (f(n, 0) - y[n][0])",
        "term(n, k) = slope_of_loss(n) * df(n, 0, k)",
        "entry(n, k, a) = df(n, 0, k)[a[0]][a[1]]",
        "places(k) = [[i, j] for i in range(len(W[k])) for j in range(len(W[k][0]))]",
    ]
)
PAIRS = ["k in weights", "m in samples", "n in samples"]

sample_gradients_are_equal = SHARED.stated(
    "sample-gradients-are-equal",
    title="At convergence the gradients of all samples are one matrix",
    sources=[GALANTI2022.at("Eq. 7-8, Appendix B: collinear pairs")],
    printed=r"M^{pq} = \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)} \cdot"
    r" \frac{\partial f_W(x_i)}{\partial W^{pq}}"
    r" = \frac{\partial \ell(f_W(x_j), y_j)}{\partial f_W(x_j)} \cdot"
    r" \frac{\partial f_W(x_j)}{\partial W^{pq}} \quad \forall i, j",
    given=AT_REST,
    forall=PAIRS,
    states="squared(slope_of_loss(m) * df(m, 0, k) - slope_of_loss(n) * df(n, 0, k)) == 0",
    control=tc.altered(
        "the full batch alone",
        without=[MINI_BATCHES],
        on=tc.stationary_chains(full_batch=True),
    ),
    on=STATIONARY_POINTS,
    examples=60,
    rests_on=["batch-gradient-exchange", "convergence-points-decreasing-rates"],
    why="Two batches that differ in one sample have equal gradients, here both zero. The scalar"
    " alpha of Appendix B is the quotient of the slopes of the loss. With the full batch there is"
    " nothing to exchange, and Eq. 8 fails.",
)

sample_gradients_are_collinear = SHARED.stated(
    "sample-gradients-are-collinear",
    title="At convergence with weight decay, unless W = 0, the gradients of f are collinear",
    sources=[GALANTI2022.at("Section 3.1: collinear gradients, Appendix B: collinear pairs")],
    printed=r"\text{unless } \lambda = 0 \text{ or } \forall\, (v_p, v_q) \in E_T: W^{pq} = 0:\quad"
    r" \Big\{ \frac{\partial f_W(x_i)}{\partial \operatorname{vec}(W^{pq})}"
    r" \Big\}_{i=1}^m \text{ are collinear vectors}",
    given=[*AT_REST, POSITIVE_WEIGHT_DECAY, SOME_WEIGHT],
    forall=["k in weights"],
    states="rank([[entry(n, k, a) for a in places(k)] for n in samples])"
    " == (0 if zero(W[k]) else 1)",
    control=tc.altered(
        "lambda may be 0", without=[POSITIVE_WEIGHT_DECAY], on=wide_interpolating_cases()
    ),
    on=STATIONARY_POINTS,
    examples=60,
    rests_on=["sample-gradients-are-equal", "sgd-stationary-sample-gradients"],
    why="Each is M divided by the slope of its loss, which is not 0 unless all W are, and M is"
    " -2 lambda W. The case lambda = 0, which the paper excepts too, is the control: where labels"
    " are fitted, the gradients can be any.",
)

sample_gradients_quotient = SHARED.stated(
    "sample-gradients-quotient",
    title="Gradients of two samples differ by the quotient of the losses' slopes",
    sources=[GALANTI2022.at("Eq. 16")],
    printed=r"\frac{\partial f_W(x_i)}{\partial W^{pq}} ="
    r" \Big[ \frac{\partial \ell(f_W(x_j), y_j)}{\partial f_W(x_j)} \Big] \Big/"
    r" \Big[ \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)} \Big] \cdot"
    r" \frac{\partial f_W(x_j)}{\partial W^{pq}}",
    given=[*AT_REST, SLOPES_NOT_ZERO],
    forall=PAIRS,
    states="squared(df(m, 0, k) - slope_of_loss(n) / slope_of_loss(m) * df(n, 0, k)) == 0",
    control=tc.altered(
        "the product, as the inverse in the denominator of Eq. 16 has it", {" / ": " * "}
    ),
    on=STATIONARY_POINTS,
    examples=60,
    rests_on=["sample-gradients-are-equal"],
    why="Eq. 8 divided by the slope of one loss. The paper divides by the inverse of that slope, an"
    " inverse too many, which makes the quotient a product. That changes nothing where Eq. 16"
    " stands, in the proof of Proposition 2: with lambda = 0 both sides are 0. With weight decay,"
    " as here, the quotient is right and the product, the control, is not.",
)

sample_gradients_without_decay = SHARED.stated(
    "sample-gradients-without-decay",
    title="Without weight decay, the gradient of every sample's loss is 0 at convergence",
    kind="inequality",
    sources=[GALANTI2022.at("Eq. 15")],
    printed=r"\lambda = 0:\quad \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)} \cdot"
    r" \frac{\partial f_W(x_i)}{\partial W^{p1}} = 0",
    given=[UNNORMALISED, ANY_LOSS, AUTOGRAD_AT_KINKS, NO_WEIGHT_DECAY, MINI_BATCHES],
    assuming={"the gradient of some sample is not 0": "not zero(term(n, k))"},
    forall=["k in weights", "n in samples"],
    states="sum([squared(gradient(S, k)) for S in batches(batch_size)]) != 0",
    control=tc.altered("the full batch", "squared(gradient(samples, k)) != 0"),
    on=st.one_of(cancelling_pairs(), cancelling_pairs(), tc.fitted_cases()),
    examples=80,
    rests_on=["sample-gradients-are-equal"],
    why="By its contrapositive, for every layer and every sample. The proof distinguishes whether"
    " some sample is fitted (Eq. 15) or none (Eq. 16), and needs that the inputs are not collinear"
    " for the latter. Neither is needed: B times M is 0 in both cases.",
)

sample_gradients_interpolation = SHARED.stated(
    "sample-gradients-interpolation",
    title="With the square loss and no weight decay, SGD rests where all labels are fitted",
    sources=[GALANTI2022.at("Section 3.1: square loss")],
    printed=r"\lambda = 0,\ f_W(x_i) = y_i\ \forall i \in [m]:\quad"
    r" \nabla_{W^{pq}} L_{\tilde S}(f_W) = 0 \ \forall \tilde S",
    given=[UNNORMALISED, SQUARE_LOSS, AUTOGRAD_AT_KINKS, NO_WEIGHT_DECAY, FITTED],
    forall=["S in batches(batch_size)", "k in weights"],
    states="squared(gradient(S, k)) == 0",
    control=tc.altered("one label may be missed", without=[FITTED]),
    on=interpolating_cases(),
    examples=60,
    rests_on=["batch-gradient"],
    why="Every sample's slope is 0. For other convex losses this needs labels at which they have a"
    " minimum (`sgd-stationary-no-minimum`).",
)

STEP = "squared(gradient(S, k))"
STEEPEST = "max([slope_of_loss(n) ** 2 for n in S])"

sample_gradients_small_steps = SHARED.stated(
    "sample-gradients-small-steps",
    title="Without weight decay, steps are at most the largest slope times the largest gradient",
    sources=[GALANTI2022.at("Section 3.1: almost convergence")],
    printed=r"\| \nabla_{W^{pq}} L_{\tilde S}(f_W) \| \le \max_{i \in \tilde S}"
    r" \Big| \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)} \Big| \cdot"
    r" \max_{i \in \tilde S} \Big\| \frac{\partial f_W(x_i)}{\partial W^{pq}} \Big\|",
    given=[UNNORMALISED, ANY_LOSS, AUTOGRAD_AT_KINKS, NO_WEIGHT_DECAY],
    forall=["S in batches(batch_size)", "k in weights"],
    states=f"{STEP} <= {STEEPEST} * max([squared(df(n, 0, k)) for n in S])",
    control=tc.altered(
        "7/8 of it", f"8 * {STEP} <= 7 * {STEEPEST} * max([squared(df(n, 0, k)) for n in S])"
    ),
    on=without_decay(),
    examples=60,
    rests_on=["batch-gradient"],
    why="A mean of products is at most the product of the largest factors; on one sample they are"
    " equal. That the steps are tiny where the slopes are is true as long as the gradients of the"
    " output, which grow with weights, inputs and depth, stay bounded.",
)
