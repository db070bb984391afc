"""What the flow remembers of the balance of each hidden unit: xu2022, Sections 1 and 3.5."""

from dataclasses import replace
from fractions import Fraction

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    CHAIN,
    DENSE,
    POSITIVE_RHO,
    POSITIVE_WEIGHT_DECAY,
    SIGN_LABELS,
    WHOLE_LAYERS,
)
from properties.dynamics.normalised import AVERAGED_FLOW, MEAN_LOSS, RHO_DOT, points
from properties.equilibrium.resting_points import AT_REST, RHO_AT_REST, WEIGHTS_AT_REST
from properties.notation import MARGIN
from properties.papers import XU2022

BALANCE = tc.Family(forall=["k in range(len(weights) - 1)", "j in range(len(W[k]))"])
COLUMN = "column(A, j) = [row[j] for row in A]"
DEEP = points(tc.mlps(depths=(2, 3), widths=(1, 2)), samples=(1, 2))

unit_balance_flow = BALANCE.stated(
    "unit-balance-flow",
    title="The imbalance of every hidden unit changes by rho and weight decay alone",
    sources=[
        XU2022.at("Section 1: weaker dependence on initial conditions"),
        XU2022.at("Section 3.5: weight decay makes the process more robust"),
    ],
    printed=r"\frac{d}{dt} D_j = -2\rho(\dot\rho + 2\lambda\rho) D_j, \quad"
    r" D_j = \|V_k^{j\cdot}\|^2 - \|V_{k+1}^{\cdot j}\|^2",
    given=[CHAIN, DENSE, WHOLE_LAYERS, SIGN_LABELS, AUTOGRAD_AT_KINKS],
    where=[
        MARGIN,
        MEAN_LOSS,
        RHO_DOT,
        AVERAGED_FLOW,
        COLUMN,
        "into(k, j) = inner(W[k][j], flow(k)[j])",
        "out_of(k, j) = inner(column(W[k + 1], j), column(flow(k + 1), j))",
        "imbalance(k, j) = squared(W[k][j]) - squared(column(W[k + 1], j))",
    ],
    states="into(k, j) - out_of(k, j)"
    " == -rho * (rho_dot(rho) + 2 * weight_decay * rho) * imbalance(k, j)",
    control=tc.altered(
        "weight decay left out",
        "into(k, j) - out_of(k, j) == -rho * rho_dot(rho) * imbalance(k, j)",
    ),
    on=DEEP,
    examples=48,
    rests_on=["lagrange-multiplier", "normalised-flow", "rho-dynamics", "unit-balance-rescaled"],
    why="Our own; it bears on what the flow forgets. The weights into a unit and those out of it"
    " have the same inner product with the gradient, as a unit can be rescaled; what is left is"
    " the multiplier, the same for all layers. Without weight decay `D_j exp(rho^2)` is therefore"
    " constant, as is `|V_1^perp| exp(rho^2/2)` for what V_1 has outside the data"
    " (`initial-direction-off-data`): the limit depends on the initial weights for ever, at any"
    " initial rho. With it both are forgotten, D_j at twice the rate of what V_1 has outside the"
    " data.",
)

unit_balance_rest = BALANCE.stated(
    "unit-balance-rest",
    title="At rest with weight decay, weights into a hidden unit have the norm of those out of it",
    sources=[XU2022.at("Section 1: weaker dependence on initial conditions"), XU2022.at("Eq. 9")],
    printed=r"\lambda > 0,\; \dot\rho = 0,\; \dot V = 0 \implies"
    r" \|V_k^{j\cdot}\| = \|V_{k+1}^{\cdot j}\| \;\forall k, j",
    given=[
        CHAIN,
        DENSE,
        WHOLE_LAYERS,
        SIGN_LABELS,
        AUTOGRAD_AT_KINKS,
        POSITIVE_RHO,
        POSITIVE_WEIGHT_DECAY,
        RHO_AT_REST,
        WEIGHTS_AT_REST,
    ],
    where=[*AT_REST, AVERAGED_FLOW],
    states="squared(W[k][j]) == squared([row[j] for row in W[k + 1]])",
    control=tc.altered("weights move", without=[RHO_AT_REST, WEIGHTS_AT_REST], on=DEEP),
    on=tc.normalised_equilibria(),
    examples=60,
    rests_on=["unit-balance-flow"],
    why="Our own; it bears on what weight decay makes of the start. `unit-balance-flow`, or Eq. 9"
    " multiplied by the row of V_k and by the column of V_(k+1). A unit that nothing leaves has no"
    " weights, and the other way round; with one hidden layer, rho is the sum over the units of the"
    " norm of row j of W_1 times that of column j of W_2.",
)


def with_factor(case: tc.Case) -> tc.Case:
    return replace(case, numbers={"factor": Fraction(3, 2) + case.samples})


unit_balance_rescaled = tc.stated(
    "unit-balance-rescaled",
    title="Rescaling one hidden unit keeps the function, and changes rho by this formula",
    sources=[XU2022.at("Section 3.3: minima of different rho are connected")],
    printed=r"f_{W(t)} = f_W, \quad \|W_k(t)\|^2 \|W_{k+1}(t)\|^2 ="
    r" \big(\|W_k\|^2 + (t^2 - 1) u\big)\big(\|W_{k+1}\|^2 + (t^{-2} - 1) v\big)",
    given=[CHAIN, DENSE, WHOLE_LAYERS],
    assuming={"the factor is positive": "factor > 0"},
    forall=["k in range(len(weights) - 1)", "j in range(len(W[k]))", "n in samples"],
    where=[
        "into(k, j) = [[(factor if i == j else 1) * a for a in W[k][i]] for i in range(len(W[k]))]",
        "out_of(k, j) = [[row[i] / (factor if i == j else 1) for i in range(len(row))]"
        " for row in W[k + 1]]",
        "other(k, j) = replaced(replaced(W, k, into(k, j)), k + 1, out_of(k, j))",
        "u(k, j) = squared(W[k][j])",
        "v(k, j) = squared([row[j] for row in W[k + 1]])",
    ],
    states="network(other(k, j), x)[n][0] == f(n, 0)"
    " and squared(into(k, j)) * squared(out_of(k, j))"
    " == (squared(W[k]) + (factor ** 2 - 1) * u(k, j))"
    " * (squared(W[k + 1]) + (1 / factor ** 2 - 1) * v(k, j))",
    control=tc.altered(
        "the norms are kept",
        "network(other(k, j), x)[n][0] == f(n, 0)"
        " and squared(into(k, j)) * squared(out_of(k, j)) == squared(W[k]) * squared(W[k + 1])",
    ),
    numbers=["factor"],
    on=tc.cases(tc.mlps(depths=(2, 3), widths=(1, 3)), samples=(1, 2), cohort=4).map(with_factor),
    examples=24,
    why="Our own; it bears on whether minima of different rho are connected, for networks of any"
    " width and without Theorem 2. Here t is the factor, `u = |row j of W_k|^2`, `v = |column j of"
    " W_(k+1)|^2`. As t grows the product grows without bound if u > 0 and another unit of the"
    " layer has outgoing weights. By continuity such an interpolating network lies on a curve of"
    " such with all larger rho, without the alignment that Lemma 5 assumes. At rest with weight"
    " decay units are balanced (`unit-balance-rest`).",
)

unit_balance_least = tc.stated(
    "unit-balance-least",
    title="With one hidden layer, rho is at least the sum of |w_j| |a_j| over its units",
    sources=[XU2022.at("Section 3.3: minima of different rho are connected")],
    printed=r"\rho = \|W_1\| \|W_2\| \ge \sum_j \|W_1^{j\cdot}\| \|W_2^{\cdot j}\|",
    given=[CHAIN, DENSE, WHOLE_LAYERS],
    assuming={"one hidden layer": "depth == 2"},
    where=[
        "paths = sum([root(squared(W[0][j]) * squared([row[j] for row in W[1]]))"
        " for j in range(len(W[0]))])",
    ],
    states="paths ** 2 <= squared(W[0]) * squared(W[1])",
    control=tc.altered("half as large", "4 * paths ** 2 <= squared(W[0]) * squared(W[1])"),
    on=tc.cases(tc.mlps(depths=(2, 2), widths=(1, 3), outputs=(1, 3)), samples=(1, 1), cohort=4),
    examples=28,
    why="Our own; it bears on the least rho of a function. `w_j` is row j of W_1, `a_j` column j of"
    " W_2. Cauchy and Schwarz, with equality where all units are balanced alike. The right side"
    " does not change when units are rescaled (`unit-balance-rescaled`): it is the infimum of rho"
    " on that family, reached where each unit has weights on both sides or on none, and what weight"
    " decay on rho penalises at rest.",
)


def with_spare_unit(case: tc.Case, shares: tuple[Fraction, Fraction]) -> tc.Case:
    """Nothing leads into or out of the second unit of the first hidden layer."""
    first, second, *others = (weight.copy() for weight in case.parameters)
    first[:, 1], second[:, :, 1] = 0, 0
    numbers = dict(zip(("cosine", "sine"), shares, strict=True))
    return replace(case, parameters=(first, second, *others), numbers=numbers)


WIDE = tc.cases(tc.mlps(depths=(2, 3), widths=(2, 3)), samples=(1, 2), cohort=4)
ON_CIRCLE = tc.Assumption("s^2 + t^2 = 1", "cosine ** 2 + sine ** 2 == 1")

unit_balance_split = tc.stated(
    "unit-balance-split",
    title="With a spare unit no network is isolated among those of its loss, for any lambda",
    sources=[XU2022.at("Section 3.3: Morse-Bott landscape")],
    printed=r"\text{In the case of } \lambda\rho^2 > 0 \text{ the landscape may become a}"
    r"\text{ Morse-Bott or Morse function}: \quad f_{W(s, t)} = f_W,\; \|W_k(s, t)\| = \|W_k\|",
    given=[
        CHAIN,
        DENSE,
        WHOLE_LAYERS,
        tc.Assumption(
            "a hidden layer of two units or more, the second of which is spare: no weights lead"
            " into it or out of it",
            "depth >= 2 and len(W[0]) >= 2 and zero(W[0][1]) and zero(column(W[1], 1))",
        ),
        ON_CIRCLE,
    ],
    assuming={"s and t are not negative": "cosine >= 0 and sine >= 0"},
    forall=["n in samples"],
    where=[
        COLUMN,
        "share(i) = cosine if i == 0 else sine",
        "into = [[share(i) * W[0][0][m] if i < 2 else W[0][i][m] for m in range(len(W[0][0]))]"
        " for i in range(len(W[0]))]",
        "out_of = [[share(i) * row[0] if i < 2 else row[i] for i in range(len(row))]"
        " for row in W[1]]",
    ],
    states="network(replaced(replaced(W, 0, into), 1, out_of), x)[n][0] == f(n, 0)"
    " and squared(into) == squared(W[0]) and squared(out_of) == squared(W[1])",
    control=tc.altered(
        "s = t = 1/2",
        without=[ON_CIRCLE],
        on=WIDE.map(lambda case: with_spare_unit(case, (Fraction(1, 2), Fraction(1, 2)))),
    ),
    numbers=["cosine", "sine"],
    on=WIDE.map(lambda case: with_spare_unit(case, (Fraction(3, 5), Fraction(4, 5)))),
    examples=24,
    why="Our own; it bears on whether the landscape can be Morse. A unit is split into two with"
    " its weights times s and times t: the function, all norms and so rho and the loss stay, for"
    " any penalty. Minima of overparametrised networks that do not need all units lie on such"
    " quarter circles (ReLU needs s, t >= 0), for every lambda: Hessians inside are singular, and"
    " the landscape is not Morse. At the end with a spare ReLU unit no Hessian need exist. Where no"
    " unit is spare minima can be isolated: `attracting-rest-rho`.",
)
