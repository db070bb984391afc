"""What a loss of zero, or equal margins, say of rho and the margins: xu2022, Section 3.2."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    DENSE,
    EQUAL_MARGINS,
    IN_BALL,
    LINEAR_CLASSIFIER,
    NO_WEIGHT_DECAY,
    ONE_SAMPLE,
    POSITIVE_RHO,
    POSITIVE_WEIGHT_DECAY,
    SHORTENING,
    SIGN_LABELS,
    UNIT_WEIGHTS,
    WEIGHT_DECAY,
)
from properties.dynamics.normalised import (
    AVERAGED_FLOW,
    MEAN_LOSS,
    RHO_DOT,
    at_rest_in_rho,
    interpolating,
    on_a_line,
    points,
)
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT
from properties.papers import XU2022

FIT = "sum([(rho * f(n, 0) - y[n][0]) ** 2 for n in samples])"
ZERO_LOSS = tc.Assumption("the square loss is 0", f"{FIT} == 0")


def of_zero_loss(case: tc.Case) -> tc.Case:
    """Interpolating, with lambda = 0."""
    one = interpolating(case)
    return replace(one, numbers={**one.numbers, "weight_decay": Fraction(0)})


INTERPOLATING = points().map(of_zero_loss)

COMMON_MARGINS = tc.Family(given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS], examples=60)

ZERO_MEAN_LOSS = tc.Assumption("the loss is 0", "loss(rho) == 0 and rho != 0")

zero_loss_same_outputs_printed = COMMON_MARGINS.stated(
    "zero-loss-same-outputs-printed",
    title="At zero loss all outputs have the same value, as printed",
    sources=[XU2022.at("Section 3.5: zero loss makes margins equal")],
    printed=r"\mathcal L = 0 \text{ implies interpolation: thus all the } f_n \text{ have the same}"
    r"\text{ value}",
    given=[ZERO_MEAN_LOSS, NO_WEIGHT_DECAY],
    forall=["m in samples", "n in samples"],
    where=[MEAN_LOSS],
    states="f(m, 0) == f(n, 0)",
    control=tc.altered("twice the value", "f(m, 0) == 2 * f(n, 0)"),
    on=INTERPOLATING,
    why="The bar is missing: outputs are `y_n / rho`, and differ where labels do. The sentence goes"
    ' on "that is all the margins are the same", which is true (`zero-loss-same-margins`).',
)

zero_loss_same_margins = COMMON_MARGINS.stated(
    "zero-loss-same-margins",
    title="Without weight decay, at zero loss all margins are 1/rho",
    sources=[
        XU2022.at("Lemma 1"),
        XU2022.at("Section 3.2: zero loss and margins"),
        XU2022.at("Section 3.5: zero loss makes margins equal"),
    ],
    printed=r"\lambda = 0,\; \mathcal L_S = 0 \implies \forall n: \mu = \bar f_n \text{ and }"
    r" \mu = \frac1\rho",
    given=[ZERO_MEAN_LOSS, NO_WEIGHT_DECAY],
    forall=["n in samples"],
    where=[MARGIN, MEAN_MARGIN, MEAN_LOSS],
    states="margin(n) == mu and mu == 1 / rho",
    control=tc.altered("mu is rho", "margin(n) == mu and mu == rho"),
    on=INTERPOLATING,
    corrects="zero-loss-same-outputs-printed",
    rests_on=["rho-dynamics-loss-in-margins"],
    why="Every term of the loss is 0.",
)

zero_loss_average_margin = tc.stated(
    "zero-loss-average-margin",
    title="At zero loss rho times the sum of the margins is N",
    sources=[XU2022.at("Section 3.2: zero loss and margins")],
    printed=r"\rho \sum_n \bar f_n = N",
    given=[CHAIN, SIGN_LABELS, ZERO_LOSS],
    where=[MARGIN],
    states="rho * sum([margin(n) for n in samples]) == len(samples)",
    control=tc.altered("1 for N", "rho * sum([margin(n) for n in samples]) == 1"),
    on=INTERPOLATING,
    examples=60,
    rests_on=["zero-loss-same-margins"],
    why="So rho is the reciprocal of the mean margin.",
)

zero_loss_separability = tc.stated(
    "zero-loss-separability",
    title="Zero loss implies full separability",
    sources=[XU2022.at("Section 3.2: zero loss and separability")],
    printed=r"\text{The minimum of } \mathcal L_S \text{ for } \lambda = 0 \text{ is usually zero"
    r" ... This corresponds to separability}",
    given=[CHAIN, SIGN_LABELS, ZERO_LOSS, POSITIVE_RHO],
    forall=["n in samples"],
    where=[MARGIN],
    states="margin(n) > 0",
    control=tc.altered("zero loss is not asked for", without=[ZERO_LOSS], on=points()),
    on=INTERPOLATING,
    examples=120,
    rests_on=["zero-loss-same-margins"],
    why="The margins are 1/rho. For a free rho that has become negative, all samples are classified"
    " wrongly by f_V, and correctly by rho f_V. Separability does not imply zero loss.",
)

zero_loss_margin_variance = tc.stated(
    "zero-loss-margin-variance",
    title="The margin variance is M less the squared mean",
    sources=[XU2022.at("Section 3.2: margin variance")],
    printed=r"\sigma^2 = M - \mu^2 = \frac1N \sum_n (\bar f_n - \mu)^2 \ge 0",
    given=[CHAIN, SIGN_LABELS],
    where=[MARGIN, MEAN_MARGIN, SECOND_MOMENT],
    states="M - mu ** 2 == sum([(margin(n) - mu) ** 2 for n in samples]) / len(samples)",
    control=tc.altered(
        "divided by N - 1 in place of N, up to a factor",
        "(M - mu ** 2) * len(samples)"
        " == (len(samples) - 1) * sum([(margin(n) - mu) ** 2 for n in samples])",
    ),
    on=points(),
    examples=40,
    why="So that M and the variance are not negative.",
)

zero_loss_least_rho = tc.stated(
    "zero-loss-least-rho",
    title="Interpolation needs a |rho| of 1 or more",
    sources=[
        XU2022.at("Section 3.5: rho needed for interpolation"),
        XU2022.at("Section 3.3: no zero loss below a minimum rho"),
    ],
    printed=r"\rho f_n y_n = 1 \;\forall n \;\Longrightarrow\; |\rho| \ge 1",
    given=[CHAIN, DENSE, SHORTENING, UNIT_WEIGHTS, SIGN_LABELS, IN_BALL, ZERO_LOSS],
    states="1 <= rho ** 2",
    control=tc.altered("2", "2 <= rho ** 2", on=on_a_line(rhos=(16, 20)).map(of_zero_loss)),
    on=points(tc.mlps(depths=(1, 4), widths=(1, 2))).map(
        lambda case: of_zero_loss(
            replace(case, numbers={**case.numbers, "rho": case.numbers["rho"] * 4})
        )
    ),
    rests_on=["loss-descent-margins"],
    why="Margins are at most 1 (`loss-descent-margins`), with equality where weights and inputs"
    " are aligned, else rho is larger. The paper says significantly larger than 1: not in general;"
    " plausible for real data. The rho_0 of dense networks is at least 1; with the norms of"
    " filters it need not be (`loss-descent-margins-filters`).",
)


@st.composite
def turned(draw: st.DrawFn) -> tc.Case:
    """``f(x) = V x`` fits one sample, which is at an angle to V, or on its line."""
    across, along, size = draw(st.sampled_from([(4, 3, 5), (3, 4, 5), (5, 12, 13), (0, 1, 1)]))
    norm, label = (
        draw(st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(2)])),
        draw(st.sampled_from([1, -1])),
    )
    # The sample is norm * label * (cos, sin); V is that direction, turned by the angle.
    cos, sin = draw(st.sampled_from([(Fraction(1), Fraction(0)), (Fraction(3, 5), Fraction(4, 5))]))
    weights = [[(along * cos - across * sin) / size, (along * sin + across * cos) / size]]
    inputs = [[label * norm * cos, label * norm * sin]]
    numbers = {"rho": size / (along * norm), "weight_decay": Fraction(0)}
    return tc.Case.single(tc.mlp([2, 1]), [weights], inputs, [[label]], numbers)


LEAST = tc.Family(
    sources=[XU2022.at("Section 3.5: the global equilibrium is at rho_0")],
    given=[
        CHAIN,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        ZERO_MEAN_LOSS,
        NO_WEIGHT_DECAY,
        POSITIVE_RHO,
        LINEAR_CLASSIFIER,
        ONE_SAMPLE,
        tc.Assumption(
            "rho and all V_k are at rest",
            "rho_dot(rho) == 0 and all([zero(flow(k)) for k in weights])",
        ),
    ],
    where=[MARGIN, MEAN_LOSS, RHO_DOT, AVERAGED_FLOW, "least = 1 / squared(x[0])"],
    on=turned(),
)

zero_loss_global_rho_printed = LEAST.stated(
    "zero-loss-global-rho-printed",
    title="The equilibrium of zero loss is at rho_0, as printed",
    printed=r"\text{For } \lambda = 0 \text{ the loss at the global equilibrium (which happens at }"
    r"\rho = \rho_0) \text{ is } \mathcal L_S = 0",
    states="rho ** 2 == least",
    control=tc.altered("twice rho_0", "rho ** 2 == 4 * least"),
    rests_on=["zero-loss-same-margins"],
    why="Without weight decay every network that fits the labels is at rest, with a loss of 0, and"
    " its rho can be larger than rho_0: Section 3.3 itself has a valley of zero loss for rho >="
    " rho_0. For a linear classifier and one sample rho_0 is `1 / |x|`, and rho is that over the"
    " cosine of the angle between V and y x.",
)

zero_loss_global_rho = LEAST.stated(
    "zero-loss-global-rho",
    title="The equilibria of zero loss are at rho_0 or above it",
    printed=r"\lambda = 0,\; \mathcal L_S = 0 \implies \rho \ge \rho_0",
    states="rho ** 2 >= least",
    control=tc.altered("above it", "rho ** 2 > least"),
    corrects="zero-loss-global-rho-printed",
    rests_on=["zero-loss-same-margins"],
    why="By definition, as rho_0 is the least rho that fits all labels. Checked where rho_0 has a"
    " formula, a linear classifier and one sample, with equality where V is along y x.",
)


def decayed(case: tc.Case) -> bool:
    return case.numbers["weight_decay"] > 0


zero_loss_equal_margins = COMMON_MARGINS.stated(
    "zero-loss-equal-margins",
    title="Lemma 1: with lambda > 0 and rho at rest, equal margins do not interpolate",
    sources=[XU2022.at("Lemma 1")],
    printed=r"\lambda > 0,\; \dot\rho = 0,\; \bar f_n = \mu \;\forall n \implies \rho\mu < 1",
    given=[POSITIVE_WEIGHT_DECAY, EQUAL_MARGINS],
    assuming={"the slope of the loss in rho is 0": "rho_dot(rho) == 0"},
    where=[MARGIN, MEAN_LOSS, RHO_DOT],
    states="rho * margin(0) < 1",
    control=tc.altered("half of it", "2 * rho * margin(0) < 1"),
    on=st.one_of(points().map(interpolating), on_a_line([Fraction(1, 2)]).filter(decayed)).map(
        at_rest_in_rho
    ),
    rests_on=["equal-margins-gap"],
    why='`rho mu = mu^2 / (mu^2 + lambda)`. A "solution" is read as a point at which rho is at'
    " rest: weight decay does not change what networks there are, and one that interpolates has"
    " equal margins.",
)


def with_opposite_pair(case: tc.Case) -> tc.Case:
    """The first two samples are one input with both labels."""
    inputs, targets = case.inputs.copy(), case.targets
    assert targets is not None
    targets = targets.copy()
    inputs[:, 1], targets[:, 1] = inputs[:, 0], -targets[:, 0]
    return replace(case, inputs=inputs, targets=targets)


def with_small_outputs(case: tc.Case, label: int, decay: Fraction) -> tc.Case:
    """Near equality, and at it without decay: outputs of 0, or nearly, on the pair, and all others
    their labels times `label`.
    """
    one = interpolating(replace(case, numbers={"rho": Fraction(1, 16), "weight_decay": decay}))
    assert one.targets is not None
    inputs, targets = one.inputs.copy(), one.targets * label
    inputs[:, :2] = inputs[:, :1] * decay * 4
    targets[:, 1] = -targets[:, 0]
    return replace(one, inputs=inputs, targets=targets)


SMALL = [(label, decay) for label in (1, -1) for decay in (Fraction(0), Fraction(1, 1024))]

zero_loss_contradictory_labels = tc.stated(
    "zero-loss-contradictory-labels",
    title="Where one input has both labels, no network has a loss below 2/N",
    sources=[XU2022.at("Lemma 1, Section 3.1: convergence to global minima")],
    printed=r"x_1 = x_2,\; y_1 = -y_2 \implies \mathcal L_S \ge \frac2N",
    given=[CHAIN, SIGN_LABELS, WEIGHT_DECAY],
    assuming={
        "the first two samples are one input with both labels": (
            "squared(x[0] - x[1]) == 0 and y[0][0] == -y[1][0]"
        ),
    },
    where=[MEAN_LOSS],
    states="2 <= len(samples) * loss(rho)",
    control=tc.altered("4/N", "4 <= len(samples) * loss(rho)"),
    on=points(samples=(2, 4))
    .map(with_opposite_pair)
    .flatmap(
        lambda case: st.sampled_from([case, *(with_small_outputs(case, *one) for one in SMALL)])
    ),
    why="The bound is ours. Lemma 1 names no condition on the data; Section 3.1 assumes"
    ' "appropriate ... data" throughout. These are data that are not appropriate, however many'
    " parameters there are: `(f - 1)^2 + (f + 1)^2 >= 2`.",
)
