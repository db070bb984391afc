"""SGD with batches of one sample on the last layer: xu2022, Eq. 30-32, the proof of Theorem 5."""

import theorycheck as tc
from properties.assumptions import CHAIN, IN_BALL, POSITIVE_RHO, SIGN_LABELS, UNIT_WEIGHTS
from properties.collapse.conditions import MATRICES, RECTIFIED
from properties.notation import MARGIN
from properties.papers import XU2022
from properties.unit_ball import in_ball

CASES = tc.normalised_cases(
    tc.mlps(depths=(1, 3), widths=(1, 3), slopes=(tc.RELU, tc.LINEAR)),
    samples=(1, 2),
    numbers={"rho": tc.positive_dyadics(), "learning_rate": tc.positive_dyadics()},
)
STEPS = tc.Family(
    given=[CHAIN, MATRICES, UNIT_WEIGHTS, SIGN_LABELS],
    where=[
        MARGIN,
        "last = weights[len(weights) - 1]",
        "lagrangian(n, v) ="
        " (rho * f(n, 0) - y[n][0]) ** 2 + v * sum([squared(W[l]) - 1 for l in weights])",
        "gradient(n, v) = grad(lagrangian(n, v), last)",
        "nu(n) = rho * margin(n) * (1 - rho * margin(n))",
        "step(n) = W[last] - learning_rate * gradient(n, nu(n))",
        "tangent(n) = h(n) - f(n, 0) * W[last][0]",
    ],
    on=CASES,
    examples=24,
)
OF_A_SAMPLE = ["n in samples", "j in range(len(h(n)))"]


def gradient_is(data: str) -> str:
    return f"gradient(n, v)[0][j] == {data} * y[n][0] * h(n)[j] + 2 * v * W[last][0][j]"


classifier_update_gradient = STEPS.stated(
    "classifier-update-gradient",
    title="The gradient of one sample in V_L, with a multiplier",
    sources=[XU2022.at("Eq. 30")],
    printed=r"\frac{\partial \mathcal L}{\partial V_L} = 2\rho(\rho \bar f_n - 1) y_n h(x_n)"
    r" + 2 \nu_L V_L",
    forall=[*OF_A_SAMPLE, "v in range(3)"],
    states=gradient_is("2 * rho * (rho * margin(n) - 1)"),
    control=tc.altered("without the factor rho", gradient_is("2 * (rho * margin(n) - 1)")),
    why="At any value of the multiplier, which is held constant.",
)

classifier_update_multiplier = STEPS.stated(
    "classifier-update-multiplier",
    title="The multiplier that keeps the norm of V_L to first order in the learning rate",
    sources=[XU2022.at("Eq. 31")],
    printed=r"2\nu_L = 2\rho y_n V_L^\top h(x_n) (1 - \rho \bar f_n) \implies"
    r" \nu_L = \rho \bar f_n (1 - \rho \bar f_n)",
    forall=["n in samples"],
    states="2 * nu(n) == 2 * rho * y[n][0] * inner(W[last][0], h(n)) * (1 - rho * margin(n))"
    " and inner(W[last], gradient(n, nu(n))) == 0",
    control=tc.altered("half the multiplier", "inner(W[last], gradient(n, nu(n) / 2)) == 0"),
    rests_on=["classifier-update-gradient"],
    why="The first-order change of the squared norm is -2 eta times the inner product of V_L with"
    " its gradient, which is 0 with this multiplier.",
)

classifier_update_multiplier_second_form = STEPS.stated(
    "classifier-update-multiplier-second-form",
    title="Eq. 31 is the second form of Eq. 4 for one sample: two printed places",
    sources=[XU2022.at("Eq. 4, Eq. 31")],
    printed=r"\nu_L = \rho \bar f_n (1 - \rho \bar f_n),\quad"
    r" \nu_k = \frac1N \sum_n \rho \bar f_n (1 - \rho f_n) \text{ for } N = 1",
    given=[IN_BALL, RECTIFIED, POSITIVE_RHO],
    forall=["n in samples"],
    states="nu(n) == rho * margin(n) * (1 - rho * f(n, 0))",
    control=tc.altered("one is half of the other", "nu(n) == rho * margin(n) / 2"),
    on=CASES.map(in_ball),
    rests_on=["classifier-update-multiplier", "lagrange-multiplier-second-form"],
    why="The two places contradict each other for the label -1, where the output is not 0. Eq. 31"
    " is right, and agrees with the first form of Eq. 4 (`lagrange-multiplier-second-form`). The"
    " text at hand is a conversion of the PDF that loses marks, so that the bar missing in Eq. 4"
    " may be the conversion's.",
    kind="consistency",
)

classifier_update = STEPS.stated(
    "classifier-update",
    title="The update of V_L by one sample, with the multiplier put in",
    sources=[XU2022.at("Eq. 32")],
    printed=r"V_L^{(t+1)} = V_L^{(t)} - \eta \times 2\rho y_n (\rho \bar f_n - 1)"
    r" (h(x_n) - f_n V_L^{(t)})",
    forall=OF_A_SAMPLE,
    states="step(n)[0][j] == W[last][0][j] - learning_rate * 2 * rho * y[n][0]"
    " * (rho * margin(n) - 1) * tangent(n)[j]",
    control=tc.altered(
        "the margin in the place of the output",
        "step(n)[0][j] == W[last][0][j] - learning_rate * 2 * rho * y[n][0]"
        " * (rho * margin(n) - 1) * (h(n)[j] - margin(n) * W[last][0][j])",
    ),
    rests_on=["classifier-update-gradient", "classifier-update-multiplier"],
    why="Eq. 30 with the multiplier of Eq. 31; the label is drawn out of both terms.",
)

classifier_update_norm = STEPS.stated(
    "classifier-update-norm",
    title="From |V_L| = 1, a step of normalised SGD makes V_L longer, unless it is at rest",
    printed=r"\|V_L^{(t)}\| = 1 \implies"
    r" \|V_L^{(t+1)}\|^2 = 1 + 4\eta^2\rho^2 (1 - \rho \bar f_n)^2 \|h(x_n) - f_n V_L\|^2",
    forall=["n in samples"],
    states="squared(step(n)) == 1"
    " + (2 * learning_rate * rho * (1 - rho * margin(n))) ** 2 * squared(tangent(n))",
    control=tc.altered("the norm stays 1", "squared(step(n)) == 1"),
    rests_on=["classifier-update", "classifier-update-multiplier"],
    why='xu2022 applies the constraint `|V^(t+1)| = 1` and ignores "all terms that are O(eta^2)"'
    " (before Eq. 31). These all have one sign: with a multiplier, a step from the unit sphere that"
    " changes V_L always leaves it, unlike the direction v/|v| of weight normalisation.",
)
