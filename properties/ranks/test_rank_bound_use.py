"""What galanti2022, Eq. 10 says of a network, beside that W is as near to the matrix 0 as ||W||.

The matrix 0 has rank 0, so that the left side is never more than ||W||: a right side that is no
smaller says nothing.
"""

from dataclasses import replace

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    CHAIN,
    DENSE,
    POSITIVE_WEIGHT_DECAY,
    SQUARE_LOSS,
    UNNORMALISED,
    WEIGHT_NOT_ZERO,
)
from properties.papers import GALANTI2022
from properties.ranks.extremal_networks import (
    FLAT,
    balanced_networks,
    dead_networks,
    hadamard_matrices,
    random_networks,
    signed_permutations,
    silent_networks,
    stationary_networks,
)
from properties.ranks.trained_networks import perceptrons

NUMBERS = ["batch_size", "weight_decay"]
NETWORK = [UNNORMALISED, SQUARE_LOSS, AUTOGRAD_AT_KINKS, POSITIVE_WEIGHT_DECAY]
WHERE = [
    "residual(n) = f(n, 0) - y[n][0]",
    "data(S, k) = sum([2 * residual(n) * df(n, 0, k) for n in S]) / len(S)",
    "gradient(S, k) = data(S, k) + 2 * weight_decay * W[k]",
    "pull(S) = sum([2 * residual(n) * f(n, 0) for n in S]) / len(S)",
]
RISK = (
    "risk(S) = sum([residual(n) ** 2 for n in S]) / len(S)"
    " + weight_decay * sum([squared(W[l]) for l in weights])"
)
SIZE = "squared(gradient(S, k))"
TRIVIAL = "4 * weight_decay ** 2 * squared(W[k])"
CASES = tc.Family(forall=["k in weights", "S in batches(batch_size)"], where=WHERE, examples=60)
FEW = st.one_of(signed_permutations(orders=(1, 3)), hadamard_matrices(order=2))
"""Small matrices whose singular values are equal."""
SMALL = tc.plain_cases(tc.mlps(depths=(1, 3), widths=(1, 2)), samples=(2, 3))
SQUARE = tc.plain_cases(
    st.one_of(tc.mlps(depths=(2, 3), widths=(1, 1)), tc.mlps(depths=(2, 2), widths=(2, 2))),
    samples=(2, 3),
)


@st.composite
def two_decays(draw: st.DrawFn) -> tc.Case:
    """With a larger weight decay ``stronger``; some are stationary at the smaller one."""
    case = draw(st.one_of(tc.plain_cases(samples=(2, 2)), tc.stationary_chains()))
    more = draw(tc.positive_dyadics())
    numbers = {**case.numbers, "stronger": case.numbers["weight_decay"] + more}
    return tc.Case(case.network, case.parameters, case.inputs, case.targets, numbers)


def alike(case: tc.Case) -> tc.Case:
    """Every sample is the first one: all batches have its gradient."""
    first = [0] * case.samples
    assert case.targets is not None
    return replace(case, inputs=case.inputs[:, first], targets=case.targets[:, first])


def unlabelled(case: tc.Case) -> tc.Case:
    """Every label but the last is 0: no output lies between 0 and it, but the last, far from it."""
    assert case.targets is not None
    targets = case.targets.copy()
    targets[:, :-1], targets[:, -1] = 0, 64 * targets[:, -1]
    return replace(case, targets=targets)


rank_bound_use_trained = tc.stated(
    "rank-bound-use-trained",
    title="After training, the bound of galanti2022's Theorem 1 is below every matrix's norm",
    printed=r"\frac{1}{2\lambda} \min_{|\tilde S| = 1} \| \nabla_{W_k} L^\lambda_{\tilde S} \|_F"
    r" < \|W_k\|_F \quad \forall k",
    given=[
        *NETWORK,
        tc.Convention(
            "the weights are those after 120 epochs of SGD from the initialisation: four samples,"
            " batches of two, learning rate 1/8"
        ),
    ],
    forall=["k in weights"],
    states="min([frobenius(gradient((n,), k)) for n in samples])"
    " < 2 * weight_decay * frobenius(W[k])",
    control=tc.altered("below half of it", {"< 2 *": "<"}),
    where=WHERE,
    on=perceptrons(normalised=False, members=2),
    along=tc.trained_by(learning_rate=1 / 8, epochs=120, batch_size=2),
    examples=4,
    rests_on=["rank-bound-frobenius"],
    why="A question of our own: galanti2022 says only that the bound is a function of the progress"
    " of the optimization, not that training makes it say something. B* = 1, in the Frobenius norm."
    " For which layers the right side of Eq. 10 is below ||W|| is decided, batch by batch, by the"
    " gradients of the loss alone (`rank-bound-use-criterion`). Where it is not below and W is near"
    " low rank, the theorem is not the reason.",
)

rank_bound_use_average = tc.stated(
    "rank-bound-use-average",
    title="A matrix is as near to rank B as the average gradient norm over batches of B says",
    sources=[GALANTI2022.at("Section 3.2: close to low rank")],
    printed=r"\min_{\operatorname{rank}(V) \leq B} \|W^{pq} - V\| \le \frac{1}{2\lambda}"
    r" \operatorname{Avg}_{\tilde S \subset S:\ |\tilde S| = B}"
    r" [\| \nabla_{W^{pq}} L^\lambda_{\tilde S}(f_W) \|], \qquad B < m",
    given=[DENSE, *NETWORK],
    forall=["B in range(1, len(samples))", "k in weights"],
    states="2 * weight_decay * frobenius_beyond(W[k], B) <= mean(B, k)",
    control=tc.altered("9/8 of the distance", {"2 *": "9/4 *"}),
    where=[
        *WHERE,
        "mean(B, k) = sum([frobenius(gradient(S, k)) for S in batches(B)]) / len(batches(B))",
    ],
    on=st.one_of(
        dead_networks(FLAT),
        random_networks(),
        balanced_networks(),
        silent_networks(),
        stationary_networks(FEW).map(alike),
    ),
    examples=64,
    rests_on=["rank-bound-frobenius", "average-gradient-bounds-minimum"],
    why='Read as a bound: if training makes the average small, "then, we expect the matrix W^{pq}'
    ' to be close to a matrix of rank <= B". It is Theorem 1, with the average in the place of the'
    " minimum, for trainable matrices.",
)

rank_bound_use_criterion = CASES.stated(
    "rank-bound-use-criterion",
    title="On which batches galanti2022's Theorem 1, in the Frobenius norm, beats the trivial"
    " bound",
    printed=r"\| \nabla_{W_k} L^\lambda_{\tilde S} \|_F^2 - 4 \lambda^2 \|W_k\|_F^2 ="
    r" \| \nabla_{W_k} L_{\tilde S} \|_F^2 + \frac{4\lambda}{B} \sum_{i \in \tilde S}"
    r" \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)} f_W(x_i)",
    given=[CHAIN, *NETWORK],
    states=f"{SIZE} - {TRIVIAL} == squared(data(S, k)) + 4 * weight_decay * pull(S)",
    control=tc.altered("lambda instead of 2 lambda", {"+ 4": "+ 2"}),
    on=tc.plain_cases(tc.mlps(depths=(1, 3), widths=(1, 3)), samples=(2, 3)),
    rests_on=["structural-lemma", "batch-gradient"],
    why="By `structural-lemma`, <W_k, df> = f in every layer of a chain. So the right side of"
    " galanti2022, Eq. 10, in the Frobenius norm, is below ||W_k|| only where (f - y) f is negative"
    " on average over the batch, as it is for outputs between 0 and their labels, and the gradient"
    " of the loss alone is smaller than that allows.",
)

rank_bound_use_fitted = CASES.stated(
    "rank-bound-use-fitted",
    title="Where no output lies strictly between 0 and its label, galanti2022's Theorem 1 in the"
    " Frobenius norm says nothing",
    printed=r"\frac{1}{2\lambda} \| \nabla_{W_k} L^\lambda_{\tilde S}(f_W) \|_F \ge \|W_k\|_F \quad"
    r" \text{if } (f_W(x_i) - y_i) f_W(x_i) \ge 0 \ \forall i \in \tilde S",
    given=[CHAIN, *NETWORK, WEIGHT_NOT_ZERO],
    assuming={
        "(f - y) f >= 0 on the batch": "all([residual(n) * f(n, 0) >= 0 for n in S])",
    },
    states=f"{SIZE} >= {TRIVIAL}",
    control=tc.altered("9/8 of it", f"8 * {SIZE} >= 9 * {TRIVIAL}"),
    on=st.one_of(SMALL, SMALL.map(unlabelled), SQUARE.map(unlabelled)),
    rests_on=["rank-bound-use-criterion"],
    why="By `rank-bound-use-criterion`, in the Frobenius norm: in another, such as the spectral"
    " one, galanti2022, Theorem 1, can say something there. Equality is reached where the labels"
    " are fitted: the gradient is that of the weight decay, and the bound is ||W||, in any norm,"
    " for every batch and every layer.",
)

rank_bound_use_twofold = tc.stated(
    "rank-bound-use-twofold",
    title="The bound of Theorem 1 depends on lambda through a factor and through the gradient",
    sources=[GALANTI2022.at("Section 3.2: bound and lambda")],
    printed=r"\frac{1}{2\lambda} \min_{\tilde S} \| \nabla_{W^{pq}} L^\lambda_{\tilde S} \| ="
    r" \min_{\tilde S} \Big\| W^{pq} + \frac{1}{2\lambda} \nabla_{W^{pq}} L_{\tilde S} \Big\|",
    given=NETWORK,
    forall=["k in weights"],
    states="bound(k) / (4 * weight_decay ** 2) == least(k)",
    control=tc.altered("lambda instead of 2 lambda", {"4 *": "1 *"}),
    where=[
        *WHERE,
        RISK,
        "bound(k) = min([squared(grad(risk(S), k)) for S in batches(batch_size)])",
        "toward(S, k) = W[k] + data(S, k) / (2 * weight_decay)",
        "least(k) = min([squared(toward(S, k)) for S in batches(batch_size)])",
    ],
    on=SMALL,
    examples=60,
    rests_on=["rank-bound-frobenius", "batch-gradient"],
    why='"Through the multiplicative term 1/lambda and through the term" with the gradient, written'
    " out at given weights; L has no lambda on the right. In the Frobenius norm, both sides as"
    " squares. As lambda grows, the bound tends to ||W||.",
)

rank_bound_use_lambda = tc.stated(
    "rank-bound-use-lambda",
    title="At given weights, the bound of galanti2022's Theorem 1 falls when weight decay grows",
    sources=[],
    printed=r"\lambda_2 > \lambda_1 > 0:\quad \frac{1}{2\lambda_2} \min_{\tilde S}"
    r" \| \nabla_{W^{pq}} L^{\lambda_2}_{\tilde S} \| \le"
    r" \frac{1}{2\lambda_1} \min_{\tilde S} \| \nabla_{W^{pq}} L^{\lambda_1}_{\tilde S} \|",
    given=NETWORK,
    assuming={"lambda_2 > lambda_1": "stronger > weight_decay"},
    forall=["k in weights"],
    states="bound(stronger, k) <= bound(weight_decay, k)",
    control=tc.altered("by a half", "2 * bound(stronger, k) <= bound(weight_decay, k)"),
    where=[
        *WHERE,
        "vector(S, l, k) = data(S, k) / (2 * l) + W[k]",
        "bound(l, k) = min([frobenius(vector(S, l, k)) for S in batches(batch_size)])",
    ],
    numbers=[*NUMBERS, "stronger"],
    on=two_decays(),
    rests_on=["rank-bound-frobenius"],
    why="A reading of our own: galanti2022 prints no order of the bounds at given weights, only"
    " what to expect of trained ones. At fixed weights the right side tends to ||W|| as lambda"
    " grows (`rank-bound-use-twofold`), from above or from below: where the weaker decay is at rest"
    " on every batch and W is not 0, the bound is 0, and any stronger one raises it.",
)

rank_bound_use_small_lambda = CASES.stated(
    "rank-bound-use-small-lambda",
    title="As lambda vanishes, the bound of Theorem 1 grows without limit, unless a batch's loss"
    " gradient is 0",
    sources=[GALANTI2022.at("Section 3.2: lambda = 0")],
    printed=r"\frac{1}{2\lambda} \| \nabla_{W^{pq}} L^\lambda_{\tilde S} \| \ge"
    r" \frac{1}{2\lambda} \| \nabla_{W^{pq}} L_{\tilde S} \| - \|W^{pq}\|",
    given=NETWORK,
    where=[RISK],
    states="frobenius(grad(risk(S), k))"
    " >= frobenius(data(S, k)) - 2 * weight_decay * frobenius(W[k])",
    control=tc.altered("9/8 of the gradient of the loss", {">= ": ">= 9/8 * "}),
    on=st.one_of(
        tc.plain_cases(tc.mlps(depths=(1, 2), widths=(1, 2)), samples=(2, 3)),
        tc.plain_cases(tc.mlps(depths=(2, 3), widths=(2, 2)), samples=(3, 3)),
    ),
    rests_on=["rank-bound-frobenius"],
    why='"The bound is infinite" at lambda = 0, where no gradient vanishes: it is at least the'
    " right side here, and exceeds ||W|| as soon as lambda is below a quarter of the loss's own"
    " gradient over ||W||. Where a batch is fitted it is at most ||W|| for every lambda,"
    " and 0/0 at lambda = 0.",
)

rank_bound_use_constant = tc.stated(
    "rank-bound-use-constant",
    title="galanti2022's Theorem 1 for a matrix without weight decay, such as a constant one",
    printed=r"\min_{\operatorname{rank}(V) \leq B^*} \|W^{pq} - V\| \leq \frac{1}{2\lambda}"
    r" \min_{\tilde S} \| \nabla_{W^{pq}} L_{\tilde S}(f_W) \|",
    given=[
        *NETWORK,
        tc.Convention("the penalty is on the trainable matrices, and W[k] is none of them"),
    ],
    forall=["B in range(1, len(samples))", "S in batches(B)", "k in weights"],
    states="2 * weight_decay * frobenius_beyond(W[k], B) <= frobenius(data(S, k))",
    control=tc.altered("half of it", {"2 *": "4 *"}),
    where=WHERE,
    on=dead_networks(FLAT),
    rests_on=["batch-gradient-chain-rule-printed", "gradient-rank-batch"],
    why="Our reading, which galanti2022 does not print: weight decay acts on trainable matrices"
    " alone. Section 2.1 counts constant matrices, the identities of residual connections, among"
    " the W^{pq}. With the penalty of Eq. 2, which is on all W, Theorem 1 is true of them too: its"
    " gradient has the term 2 lambda W. Without that term, an identity is as far from low rank as"
    " its size allows, whatever SGD does.",
)
