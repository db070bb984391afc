"""The loss with rho put in, and what minimises it: xu2022, proofs of Lemmas 6 and 7 (Eq. 28-34)."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    DENSE,
    POSITIVE_WEIGHT_DECAY,
    SHORTENING,
    SIGN_LABELS,
    UNIT_WEIGHTS,
)
from properties.collapse.collapsed_networks import simplex, simplex_labelled
from properties.collapse.multiclass import CENTRED
from properties.dynamics.normalised import MEAN_LOSS, points
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT
from properties.papers import XU2022

BINARY = tc.Family(
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, POSITIVE_WEIGHT_DECAY],
    where=[
        MARGIN,
        MEAN_MARGIN,
        SECOND_MOMENT,
        MEAN_LOSS,
        "variance = M - mu ** 2",
        "best = mu / (M + weight_decay)",
        "reduced = loss(best)",
    ],
    on=points(tc.mlps(depths=(1, 3), widths=(1, 2))),
    examples=40,
)

reduced_loss = BINARY.stated(
    "reduced-loss",
    title="The loss at the best rho, in the four forms of the proof of Lemma 6",
    sources=[XU2022.at("Eq. 28, Eq. 29")],
    printed=r"\min_\rho \mathcal{L}_S = (M+\lambda) \Big( \frac{\mu}{M+\lambda} \Big)^2"
    r" - 2 \frac{\mu^2}{M+\lambda} + 1 = 1 - \frac{\mu^2}{M+\lambda}"
    r" = \frac{\sigma^2 + \lambda}{\mu^2 + \sigma^2 + \lambda}"
    r" = \frac1{1 + \frac{\mu^2}{\sigma^2 + \lambda}}",
    states="reduced == (M + weight_decay) * best ** 2 - 2 * best * mu + 1"
    " and reduced == (M + weight_decay) * (mu / (M + weight_decay)) ** 2"
    " - 2 * mu ** 2 / (M + weight_decay) + 1"
    " and reduced == 1 - mu ** 2 / (M + weight_decay)"
    " and reduced == (variance + weight_decay) / (mu ** 2 + variance + weight_decay)"
    " and reduced == 1 / (1 + mu ** 2 / (variance + weight_decay))",
    control=tc.altered(
        "the variance is left out of the numerator",
        "reduced == weight_decay / (mu ** 2 + variance + weight_decay)",
    ),
    rests_on=["rho-dynamics-loss-in-margins", "rho-equilibrium-mean"],
    why="Eq. 28 at `rho = mu/(M + lambda)`, with the loss computed from the outputs.",
)

reduced_loss_common_bound = BINARY.stated(
    "reduced-loss-common-bound",
    title="If margins have a common bound, the loss is least where all of them attain it",
    sources=[XU2022.at("Section 5.1: expressive enough, Lemma 6")],
    printed=r"|\bar f_n| \le \bar\mu \;\forall n \implies"
    r" \min_\rho \mathcal{L}_S \ge \frac{\lambda}{\bar\mu^2 + \lambda}",
    states="weight_decay / (largest_margin ** 2 + weight_decay) <= reduced",
    control=tc.altered(
        "half as much again",
        "3 * weight_decay / (largest_margin ** 2 + weight_decay) <= 2 * reduced",
    ),
    rests_on=["reduced-loss"],
    why='The argument of Lemma 6 with its assumption, a network "expressive enough to attain any'
    ' value" up to one bound for all samples. What a network of unit norm can attain depends on the'
    " sample: `equal-margins-quasi-interpolation`.",
    where=["largest_margin = max([abs(margin(n)) for n in samples])"],
)


@st.composite
def dual_simplices(draw: st.DrawFn) -> tc.Case:
    """One linear layer of unit norm along the simplex of labels, and inputs along them."""
    classes = draw(st.sampled_from([2, 5]))
    # |simplex|_F^2 = C^2 / (C - 1), a square for these.
    unit = simplex(classes) * Fraction({2: 1, 5: 2}[classes], classes)
    lengths = [draw(st.integers(1, 2))] * classes
    lengths[0] = draw(st.integers(1, 2))
    inputs = simplex(classes) * np.array(lengths, dtype=object)[:, None]
    numbers = {"weight_decay": draw(tc.positive_dyadics())}
    return tc.Case.single(tc.mlp([classes, classes]), [unit], inputs, simplex(classes), numbers)


OUTPUTS_AND_LABELS = ["C = len(outputs)", "F = network(W, x)", "mu = inner(F, y) / len(samples)"]
"""The outputs, a row for each sample; the mean of their inner products with the labels."""
SEVERAL = tc.Family(
    given=[CHAIN, UNIT_WEIGHTS, CENTRED, POSITIVE_WEIGHT_DECAY],
    where=[
        *OUTPUTS_AND_LABELS,
        "M = squared(F) / len(samples)",
        "loss(r) = squared(y - r * F) / len(samples) + weight_decay * r ** 2",
    ],
    on=simplex_labelled(),
    examples=40,
)
"""Of Lemma 7."""

reduced_loss_multiclass = SEVERAL.stated(
    "reduced-loss-multiclass",
    title="The loss with several classes, in its two moments",
    sources=[XU2022.at("Eq. 33")],
    printed=r"\mathcal{L}_S = (M + \lambda)\rho^2 - 2\rho\mu + \frac{C}{C-1}",
    forall=["r in range(1, 4)"],
    states="loss(r / 2) == (M + weight_decay) * r ** 2 / 4 - r * mu + C / (C - 1)",
    control=tc.altered("1 for C/(C-1), as with two classes", {"C / (C - 1)": "1"}),
    rests_on=["symmetric-interpolation-labels"],
    why="At rho = 1/2, 1 and 3/2; both sides are quadratic in rho. The last term is the squared"
    " norm of a centred label.",
)

reduced_loss_multiclass_minimum = SEVERAL.stated(
    "reduced-loss-multiclass-minimum",
    title="The loss at the best rho, with several classes",
    sources=[XU2022.at("Eq. 34")],
    printed=r"\min_\rho \mathcal{L}_S = \frac{C}{C-1} - \frac{\mu^2}{M+\lambda}",
    states="loss(mu / (M + weight_decay)) == C / (C - 1) - mu ** 2 / (M + weight_decay)",
    control=tc.altered("twice the last term", {"- mu": "- 2 * mu"}),
    rests_on=["reduced-loss-multiclass"],
    why="Eq. 33 at `rho = mu/(M + lambda)`.",
)

reduced_loss_multiclass_common_bound = SEVERAL.stated(
    "reduced-loss-multiclass-common-bound",
    title="If outputs have a common bound, the loss is least where all attain it at their labels",
    sources=[XU2022.at("Section 5.2: expressive enough, Lemma 7")],
    printed=r"\|f_V(x_n)\| \le m \;\forall n \implies \frac{\mu^2}{M + \lambda} \le"
    r" \frac{C}{C-1} \frac{m^2}{m^2 + \lambda}",
    states="(C - 1) * mu ** 2 / (M + weight_decay) <= C * most / (most + weight_decay)",
    control=tc.altered(
        "without C/(C-1)", "C * mu ** 2 / (M + weight_decay) <= most / (most + weight_decay)"
    ),
    rests_on=["reduced-loss-multiclass-minimum", "reduced-loss-output-norm"],
    why="Cauchy and Schwarz: equality where every output is the same multiple of its label,"
    " Property 2 with one factor. As with two classes, one bound for all samples is an assumption.",
    where=["most = max([squared(row) for row in F])"],
    on=st.one_of(simplex_labelled(), dual_simplices()),
    examples=80,
)

reduced_loss_output_norm = tc.stated(
    "reduced-loss-output-norm",
    title="With unit weights and inputs in the unit ball, outputs are in the unit ball",
    sources=[XU2022.at("Section 5.1: norm of outputs, Section 5.2: norm of outputs")],
    printed=r"\|V_k\|_F = 1,\; \|x\| \le 1 \implies \|f_V(x)\| \le 1",
    given=[CHAIN, DENSE, SHORTENING, UNIT_WEIGHTS],
    forall=["n in samples"],
    states="squared(network(W, x)[n]) <= squared(x[n])",
    control=tc.altered("half of it", "2 * squared(network(W, x)[n]) <= squared(x[n])"),
    on=tc.normalised_cases(tc.mlps(depths=(1, 3), widths=(1, 2), outputs=(1, 3)), samples=(1, 2)),
    examples=40,
    why="By homogeneity for inputs of any norm. Frobenius norms bound spectral ones, and"
    " activations lengthen no vector.",
)

reduced_loss_mean_margin = tc.stated(
    "reduced-loss-mean-margin",
    title="The largest mean margin of a balanced set falls with the number of classes",
    printed=r"\|V_k\|_F = 1,\; \|x_n\| \le 1 \implies \mu = \frac1{CN} \sum_{c,n}"
    r" \langle f_V(x_{cn}), \tilde e_c \rangle \le \frac{\sqrt C}{C-1}",
    given=[CHAIN, DENSE, SHORTENING, UNIT_WEIGHTS, CENTRED],
    assuming={"classes of one size": "squared(sum([y[n] for n in samples])) == 0"},
    where=[*OUTPUTS_AND_LABELS, "longest = max([squared(x[n]) for n in samples])"],
    states="(C - 1) ** 2 * mu ** 2 <= C * longest",
    control=tc.altered("half of it", "2 * (C - 1) ** 2 * mu ** 2 <= C * longest"),
    on=st.one_of(simplex_labelled([(2, 2), (3, 1), (3, 2)]), dual_simplices()),
    examples=60,
    why="`mu = <V_L, mean of e~_c h^T>`, and the matrix of all labels has the spectral norm `N^1/2"
    " C/(C-1)`. Attained by a linear layer. From `|f_V| <= 1` alone only the bound"
    " `(C/(C-1))^1/2` follows: one matrix of unit norm cannot serve all classes at once.",
)
