"""The Lagrange multiplier that keeps V_k on the unit sphere: xu2022, Eq. 4.

And poggio2020, Section 2.3; poggio2021, Section 2, for the summed loss.
"""

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    CHAIN,
    IN_BALL,
    ONE_OUTPUT,
    POSITIVE_RHO,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
)
from properties.dynamics.normalised import (
    DESCENT,
    MEAN_LOSS,
    SUMMED_LOSS,
    points,
    with_halved_labels,
)
from properties.notation import MARGIN
from properties.papers import POGGIO2020, POGGIO2021, XU2022
from properties.unit_ball import in_ball_with_positive_rho

STEEP = tc.Assumption(
    "the gradient of the loss with respect to V_k is not 0", "not zero(descent(k))"
)

lagrange_multiplier = tc.stated(
    "lagrange-multiplier",
    title="The Lagrange multiplier that keeps V_k on the unit sphere, averaged loss",
    sources=[XU2022.at("Eq. 2, Eq. 4")],
    printed=r"\nu_k = \frac1N \sum_n (\rho\bar f_n - \rho^2 f_n^2)"
    r"\;\Rightarrow\; V_k^\top \dot V_k = 0",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH, STEEP],
    forall=["k in weights"],
    states="inner(W[k], descent(k) - 2 * nu(samples) * W[k]) == 0",
    control=tc.altered(
        "the multiplier of the summed loss, without 1/N",
        "inner(W[k], descent(k) - 2 * len(samples) * nu(samples) * W[k]) == 0",
    ),
    where=[
        MARGIN,
        MEAN_LOSS,
        DESCENT,
        "nu(S) = sum([rho * margin(n) - rho ** 2 * f(n, 0) ** 2 for n in S]) / len(S)",
    ],
    on=points(smooth=True),
    examples=60,
    rests_on=["structural-lemma", "norm-constraint-derivative-printed"],
    why="The flow of Eq. 2 is minus the gradient of the Lagrangian; with this multiplier it is"
    " orthogonal to every V_k. The multiplier is the same for every layer. The gradient is that of"
    " the loss; Lemma 2 is not presupposed.",
)

lagrange_multiplier_of_sums = tc.stated(
    "lagrange-multiplier-of-sums",
    title="The Lagrange multiplier that keeps V_k on the unit sphere, summed loss",
    sources=[POGGIO2020.at("Section 2.3"), POGGIO2021.at("Section 2")],
    printed=r"\nu = -\sum_n (\rho^2 f_n^2 - \rho y_n f_n)"
    r"\;\Rightarrow\; V_k^\top \dot V_k = 0",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH, STEEP],
    forall=["k in weights"],
    states="inner(W[k], descent(k) - 2 * nu(samples) * W[k]) == 0",
    control=tc.altered(
        "the multiplier of the averaged loss, with 1/N",
        "inner(W[k], descent(k) - 2 * nu(samples) / len(samples) * W[k]) == 0",
    ),
    where=[
        SUMMED_LOSS,
        DESCENT,
        "nu(S) = -sum([rho ** 2 * f(n, 0) ** 2 - rho * y[n][0] * f(n, 0) for n in S])",
    ],
    on=points(smooth=True),
    examples=60,
    rests_on=["structural-lemma"],
    why="With this multiplier the gradient flow of the Lagrangian (poggio2020, Eq. 4; poggio2021,"
    " Eq. 2) is orthogonal to every V_k.",
)


def both_forms(factor: str, last: str) -> str:
    """The equation of Eq. 4, with margins or outputs in two places of the second form."""
    return (
        "sum([rho * margin(n) - rho ** 2 * f(n, 0) ** 2 for n in samples]) / len(samples)"
        f" == sum([rho * {factor} * (1 - rho * {last}) for n in samples]) / len(samples)"
    )


lagrange_multiplier_second_form = tc.stated(
    "lagrange-multiplier-second-form",
    title="Eq. 4: the second form of the Lagrange multiplier, as printed",
    sources=[XU2022.at("Eq. 4")],
    printed=r"\frac1N \sum_n (\rho\bar f_n - \rho^2 f_n^2)"
    r" = \frac1N \sum_n \rho\bar f_n(1 - \rho f_n)",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, IN_BALL, POSITIVE_RHO],
    states=both_forms("margin(n)", "f(n, 0)"),
    control=tc.altered("f_n in place of both margins", both_forms("f(n, 0)", "f(n, 0)")),
    where=[MARGIN],
    on=points(tc.mlps(depths=(1, 2), widths=(1, 2))).map(in_ball_with_positive_rho),
    rests_on=["lagrange-multiplier"],
    why=(
        "The two expressions that Eq. 4 equates agree only if all samples of label -1 have output"
        " 0: `y_n f_n^2` stands where `f_n^2` is meant. The bar over the second f is missing. The"
        " text at hand is a conversion of the PDF that loses marks, so that the missing bar may be"
        " the conversion's."
    ),
)

lagrange_multiplier_second_form_corrected = tc.stated(
    "lagrange-multiplier-second-form-corrected",
    title="Eq. 4: the second form of the Lagrange multiplier, corrected",
    sources=[XU2022.at("Eq. 4")],
    printed=r"\frac1N \sum_n (\rho\bar f_n - \rho^2 f_n^2)"
    r" = \frac1N \sum_n \rho\bar f_n(1 - \rho\bar f_n)",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS],
    states=both_forms("margin(n)", "margin(n)"),
    control=tc.altered(
        "the form as printed, with f_n in the last factor", both_forms("margin(n)", "f(n, 0)")
    ),
    where=[MARGIN],
    on=points(),
    examples=60,
    corrects="lagrange-multiplier-second-form",
    rests_on=["lagrange-multiplier"],
    why=(
        "With the margin in both factors, `(1/N) sum_n rho bar f_n ell_n` for the `ell_n` of "
        "Eq. 9, the second form equals the first."
    ),
)

lagrange_multiplier_any_labels = tc.stated(
    "lagrange-multiplier-any-labels",
    title="The Lagrange multiplier keeps V_k on the unit sphere whatever the labels, at kinks too",
    printed=r"\nu_k = \frac1N \sum_n (\rho y_n f_n - \rho^2 f_n^2)"
    r"\;\Rightarrow\; V_k^\top \dot V_k = 0 \quad \text{for } y_n \in \mathbb{R}",
    given=[CHAIN, UNIT_WEIGHTS, ONE_OUTPUT, AUTOGRAD_AT_KINKS],
    forall=["k in weights"],
    states="inner(W[k], descent(k) - 2 * nu * W[k]) == 0",
    control=tc.altered(
        "the multiplier for labels +-1 whose squares are taken for 1",
        "inner(W[k], descent(k) - 2 * (nu + squares) * W[k]) == 0",
    ),
    where=[
        MEAN_LOSS,
        DESCENT,
        "nu = sum([rho * y[n][0] * f(n, 0) - rho ** 2 * f(n, 0) ** 2 for n in samples])"
        " / len(samples)",
        "squares = sum([(1 - y[n][0] ** 2) * rho ** 2 * f(n, 0) ** 2 for n in samples])"
        " / len(samples)",
    ],
    on=points().map(with_halved_labels),
    examples=60,
    rests_on=["structural-lemma"],
    why="A sharpening of xu2022, Eq. 4, of our own: the multiplier is printed for margins, where"
    " labels are +-1. Written with `y_n f_n` it is right for all labels, so that normalised flows"
    " of regression are the same; the margin's `y_n^2 f_n^2` would not be. `<V_k, descent>` is the"
    " mean of `2 rho (y_n - rho f_n) <V_k, df_n/dV_k>`, which by Lemma 2 of xu2022 is `2 nu`, also"
    " at kinks with autograd's derivative; and `|V_k|^2 = 1`.",
)
