"""Attracting points of rest with weight decay, proved: xu2022, Sections 3.3 and 3.5."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from flint import arb
from hypothesis import strategies as st

import theorycheck as tc
from properties.equilibrium.rest import enclosure
from properties.papers import XU2022
from theorycheck.training import Rest, parametrise, points_of_rest

ROWS = [[56, 16], [60, -8], [-24, 8], [-4, -56]]
"""In units of 1/64: two samples on the right and one on the left of one class, one of the other."""
SIGNS = [1.0, 1.0, 1.0, -1.0]
NETWORK = tc.mlp([2, 1, 1])
PROVED = "balls of 128 bits, in which Krawczyk's operator proves one zero of Eq. 5"
HORIZON, MOVED = 100.0, 1 / 64
"""For how long a disturbed flow is followed, and how far rho and V_1 are moved before."""
FAMILY: dict[str, Any] = {
    "hypotheses": [
        "ReLU networks 2-1-1 under Lagrange multipliers, square loss, penalty lambda rho^2",
        "three samples of one class, two on the right and one on the left, and one of the other",
        "lambda is 1/64 or 1/32",
        "two points of rest a and b of Eq. 5, b the worse one, with the larger loss; both proved by"
        " Krawczyk's operator: no activation is at its kink, and all eigenvalues of the Jacobian of"
        " the velocity are negative; found by L-BFGS from V_1 = (1, 0), printed, and (-1, 0)",
    ],
    "examples": 4,
    "enough": 2,
}


@st.composite
def two_sided(draw: st.DrawFn) -> tc.Case:
    """Two starts on the same data: V_1 looks to the right, and to the left."""
    moves = draw(st.lists(st.integers(-3, 3), min_size=8, max_size=8))
    inputs = (np.array(ROWS) + np.array(moves).reshape(4, 2)) / 64
    first = np.array([[[1.0, 0.0]], [[-1.0, 0.0]]])
    numbers = {"weight_decay": Fraction(1, draw(st.sampled_from([32, 64])))}
    targets = np.tile(np.array(SIGNS)[:, None], (2, 1, 1))
    parameters = (first, np.ones((2, 1, 1)))
    return tc.Case(NETWORK, parameters, np.tile(inputs, (2, 1, 1)), targets, numbers)


UNPROVED = tc.Rejection("a point of rest is not proved to attract")


@dataclass(frozen=True)
class Pair:
    """Two attracting points of rest of one loss, and the data."""

    cohort: tc.Cohort
    better: Rest
    worse: Rest


def loss_at(rest: Rest) -> arb:
    """The loss where rho is at rest: ``1 - rho mu`` (Lemma 4)."""
    return 1 - rest.rho * sum(rest.margins) / len(rest.margins)


def started(case: tc.Case) -> tc.Cohort:
    assert case.targets is not None
    parameters, inputs = case.tensors()
    state = parametrise(case.network, parameters, "weight-norm")
    decay = float(case.numbers["weight_decay"])
    return tc.Cohort.broadcast(case.network, state, inputs, torch.tensor(case.targets), decay)


def attracting(case: tc.Case) -> Pair | tc.Rejection:
    """The two points that descent finds from the two starts, if both are proved."""
    cohort = started(case)
    found = [rest for rest in points_of_rest(cohort) if rest is not None and rest.attracts]
    if len(found) < 2:
        return UNPROVED
    better, worse = sorted(found, key=lambda rest: float(loss_at(rest).mid()))
    return Pair(cohort, better, worse)


@tc.claim(
    "attracting-rest-rho",
    title="With weight decay, too, the last rho can depend on the start: two attracting points",
    kind="inequality",
    sources=[
        XU2022.at("Section 3.3: unreachable minimum"),
        XU2022.at("Abstract: convergence to minimum rho"),
    ],
    statement=r"\dot\rho = 0,\ \dot V = 0 \text{ at two attracting points of one } \mathcal L_S,"
    r" \lambda > 0: \quad \tfrac54 \rho_a \le \rho_b",
    control="one is four times the other",
    on={"case": two_sided()},
    **FAMILY,
)
def attracting_rest_rho(setting: tc.Setting, case: tc.Case) -> tc.Findings:
    """An analogue of our own, in a network of three weights that cannot interpolate its four
    samples: the paper has overparametrised networks, and says that the point of minimum rho "may be
    unreachable by gradient flow from another point of zero loss even in the presence of lambda >
    0". Two points of rest of the same data and the same lambda, each proved to attract all flows
    nearby, show that the lesser rho can be unreachable from around the other. A unit that looks at
    one side does not see the other one. The larger rho has the larger loss: it fits one sample,
    which is short. Weight decay forgets what no gradient sees (`initial-direction-off-data`,
    `unit-balance-flow`), not which minimum is near.
    """
    found = attracting(case)
    if isinstance(found, tc.Rejection):
        yield found
        return
    larger, smaller = found.worse.rho, found.better.rho
    factor = arb(4) if setting.altered else arb(5) / 4
    sides = enclosure(factor * smaller), enclosure(larger)
    yield tc.inequality(*sides, PROVED, lambda: case.member(0))


@tc.claim(
    "attracting-rest-loss",
    title="The flow can come to rest for ever at a loss above the least",
    kind="inequality",
    sources=[
        XU2022.at("Section 3.3: local minima and saddles"),
        XU2022.at("Section 3.3: unreachable minimum"),
    ],
    statement=r"\text{at two attracting points of one } \mathcal L_S: \quad"
    r" \mathcal L_a + \tfrac1{16} \le \mathcal L_b",
    control="they differ by 1, the loss at rho = 0",
    on={"case": two_sided()},
    **FAMILY,
)
def attracting_rest_loss(setting: tc.Setting, case: tc.Case) -> tc.Findings:
    """An example of our own for "the descent from rho = 0 can encounter local minima and saddles
    with non-zero loss": the worse of the two points is a strict local minimum of the loss on the
    unit spheres, which is not the global one. The network of three weights cannot interpolate its
    four samples, and with lambda > 0 no loss is 0, so that the other point is the comparison.
    """
    found = attracting(case)
    if isinstance(found, tc.Rejection):
        yield found
        return
    gap = arb(1) if setting.altered else arb(1) / 16
    sides = enclosure(loss_at(found.better) + gap), enclosure(loss_at(found.worse))
    yield tc.inequality(*sides, PROVED, lambda: case.member(0))


def disturbed(pair: Pair) -> Iterator[float]:
    """rho before and after the flow from near the worse point."""
    rest, cohort = pair.worse, pair.cohort
    rho = float(rest.rho.mid()) + MOVED
    first = np.array([[float(entry.mid()) for entry in row] for row in rest.weights[0]])
    first = first + MOVED * np.array([[-first[0, 1], first[0, 0]]])
    weights = first / np.linalg.norm(first), np.ones((1, 1))
    state = tc.State(
        tuple(torch.tensor(weight)[None] for weight in weights),
        torch.tensor([rho], dtype=torch.float64),
        "lagrange",
    )
    data = cohort.inputs[:1], cohort.targets[:1], cohort.weight_decay[:1]
    moved = tc.Cohort(cohort.network, state, *data)
    run = tc.gradient_flow(moved, tc.Objective("square", "mean", "rho"), horizon=HORIZON)
    yield rho
    assert run.state.rho is not None
    yield float("nan") if bool(run.stalled[0]) else float(run.state.rho[0])


@tc.claim(
    "attracting-rest-returns",
    title="A flow that is disturbed at the worse of two minima takes rho back to its value there",
    kind="trajectory",
    sources=[XU2022.at("Section 3.5: critical points can be avoided")],
    statement=r"16\, |\rho(T) - \rho_b| \le |\rho(0) - \rho_b|",
    control="it goes to the better one",
    on={"case": two_sided()},
    **{
        **FAMILY,
        "hypotheses": [
            *FAMILY["hypotheses"],
            "T = 100; rho(0) = rho_b + 1/64, and V_1(0) is that of b, turned by arctan(1/64)",
        ],
    },
)
def attracting_rest_returns(setting: tc.Setting, case: tc.Case) -> tc.Findings:
    """An example of our own; the paper assumes that a critical point of non-zero loss, "either a
    local minimum or a saddle", "can be avoided by the randomness of SGD or by an algorithm that
    restarts". The flow, with which Section 3.5 argues, does not leave such a minimum: moved away by
    1/64 in rho and in the angle of V_1, it comes back; compared is rho, at T = 100. (Saddles it can
    leave.)
    """
    found = attracting(case)
    if isinstance(found, tc.Rejection):
        yield found
        return
    before, after = disturbed(found)
    goal = (found.better if setting.altered else found.worse).rho
    sides = enclosure(16 * abs(arb(after) - goal)), enclosure(abs(arb(before) - found.worse.rho))
    yield tc.inequality(
        *sides, "balls, around the float64 that the flow reaches", lambda: case.member(0)
    )


# Lemma 6


@st.composite
def two_clusters(draw: st.DrawFn) -> tc.Case:
    """Two samples of each class on two sides; two hidden units, each of which sees one of them."""
    moves = draw(st.lists(st.integers(-4, 4), min_size=12, max_size=12))
    rows = [[48, 16, 0], [40, -8, 16], [-40, 16, 8], [-32, -16, -8]]
    inputs = (np.array(rows) + np.array(moves).reshape(4, 3)) / 64
    first, last = np.array([[[1.0, 0, 0], [-1.0, 0, 0]]]), np.array([[[1.0, -1.0]]])
    targets = np.array([1.0, 1.0, -1.0, -1.0]).reshape(1, 4, 1)
    numbers = {"weight_decay": Fraction(1, 64)}
    return tc.Case(tc.mlp([3, 2, 1]), (first, last), inputs[None], targets, numbers)


@tc.claim(
    "attracting-rest-unequal-margins",
    title="Overparametrised networks come to rest, at a minimum, with unequal margins",
    kind="inequality",
    sources=[XU2022.at("Lemma 6"), XU2022.at("Section 5.1: without any assumption")],
    statement=r"\dot\rho = 0,\ \dot V = 0 \text{ at an attracting point with } \bar f_n > 0"
    r" \;\forall n: \quad \tfrac{33}{32} \min_n \bar f_n \le \max_n \bar f_n",
    hypotheses=[
        "ReLU networks 3-2-1 under Lagrange multipliers, square loss, penalty lambda rho^2",
        "two samples of each class: 8 weights, 4 samples; lambda is 1/64",
        "the point of rest, which L-BFGS finds from the network printed, is proved by Krawczyk's"
        " operator to be there and to attract",
        "all margins are positive",
    ],
    control="the largest is twice the smallest",
    on={"case": two_clusters()},
    examples=4,
    enough=2,
)
def attracting_rest_unequal_margins(setting: tc.Setting, case: tc.Case) -> tc.Findings:
    """An example of our own; Lemma 6 says that an overparametrised network trained to convergence
    has equal margins, and that this "follows without any assumption". Here training converges, to a
    strict local minimum that classifies all samples, with more weights than samples, and margins
    differ. What the proof adds is that "the network is expressive enough to attain any value" and
    that the global minimum is reached: margins are then equal only if the greatest margins possible
    are equal (`reduced-loss-common-bound`).
    """
    (rest,) = points_of_rest(started(case))
    if rest is None or not rest.attracts:
        yield UNPROVED
        return
    if not all(bool(margin > 0) for margin in rest.margins):
        yield tc.Rejection("not met: all margins are positive")
        return
    ordered = sorted(rest.margins, key=lambda margin: float(margin.mid()))
    factor = arb(2) if setting.altered else arb(33) / 32
    yield tc.inequality(
        enclosure(factor * ordered[0]), enclosure(ordered[-1]), PROVED, lambda: case.member(0)
    )
