"""Strategies: what they draw is valid, corners are reached, and shrinking ends at tiny networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import TypeVar

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import Phase, given
from hypothesis import strategies as st

from theorycheck import arithmetic, drawing
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.dyadic import (
    SIGNIFICAND_BITS,
    Check,
    alone,
    bits_needed,
    minors,
    rounds,
    sums_of_parameters,
)
from theorycheck.arithmetic.error_bounds import evaluate
from theorycheck.claims.comparisons import equality
from theorycheck.claims.declaration import Claim
from theorycheck.claims.evidence import Findings
from theorycheck.claims.search import search
from theorycheck.claims.setting import Setting
from theorycheck.data.dataset import Dataset
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import forward, vertices
from theorycheck.networks.specification import LINEAR, Convolution, Dense, Identity, Network

torch.set_num_threads(1)

Drawn = TypeVar("Drawn")
Cases = st.SearchStrategy[Case]

FAMILIES: dict[str, st.SearchStrategy[Network]] = {
    "mlps": drawing.mlps(outputs=(1, 3)),
    "mlps with biases": drawing.mlps(depths=(2, 3), bias=True),
    "convolutional": drawing.convolutional_networks(outputs=(1, 3)),
    "graphs": drawing.directed_graphs(outputs=(1, 3)),
    "residual": drawing.residual_networks(outputs=(1, 3)),
    "homogeneous": drawing.homogeneous_networks(outputs=(1, 3)),
    "normalised": drawing.batch_normalised(drawing.mlps(depths=(2, 4)), "batch"),
    "detached": drawing.batch_normalised(drawing.residual_networks(), "batch-detached"),
}


def reached(strategy: st.SearchStrategy[Drawn], corner: Callable[[Drawn], bool]) -> Drawn:
    """Something that the strategy draws within some hundred attempts; fails if there is nothing."""
    settings = hypothesis.settings(max_examples=500, phases=[Phase.generate], database=None)
    return hypothesis.find(strategy, corner, settings=settings, random=Random(0))


def smallest(strategy: st.SearchStrategy[Drawn], wanted: Callable[[Drawn], bool]) -> Drawn:
    """Where shrinking ends."""
    settings = hypothesis.settings(max_examples=2000, database=None)
    return hypothesis.find(strategy, wanted, settings=settings, random=Random(0))


few = hypothesis.settings(max_examples=40, derandomize=True, database=None, deadline=None)


# validity


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
@pytest.mark.parametrize("targets", ["none", "signs", "one-hot", "dyadic"])
def test_every_case_can_be_evaluated(
    family: st.SearchStrategy[Network], targets: drawing.Targets
) -> None:
    @hypothesis.settings(few, max_examples=10)
    @given(drawing.cases(family, targets=targets, cohort=8))
    def check(case: Case) -> None:
        network = case.network
        assert case.members in (1, 8)
        parameters, inputs = case.tensors()
        outputs = forward(network, parameters, inputs)
        assert outputs.shape == (case.members, case.samples, network.output_width)
        if not network.normalised_by_batch:
            assert bool(outputs.isfinite().all())
        assert Network.from_dict(json.loads(json.dumps(network.to_dict()))) == network
        if targets == "none":
            assert case.targets is None
            return
        assert case.targets is not None
        entries = {"signs": {-1.0, 1.0}, "one-hot": {0.0, 1.0}}.get(targets)
        if entries is not None:
            assert set(case.targets.flat) <= entries
        if targets == "one-hot":
            assert (case.targets.sum(axis=-1) == 1.0).all()

    check()


@pytest.mark.parametrize("family", ["mlps", "mlps with biases", "convolutional", "residual"])
@pytest.mark.parametrize("check", [alone, sums_of_parameters, minors])
def test_what_a_check_computes_on_a_case_never_rounds(family: str, check: Check) -> None:
    """By construction, and some cohorts come within two bits per factor of the limit."""
    drawn = drawing.cases(FAMILIES[family], check=check, cohort=8)

    def spare(case: Case) -> float:
        """Bits to the limit, per factor."""
        growth = check(case.network, case.samples)
        left = SIGNIFICAND_BITS - bits_needed(case, growth).max()
        return float(left) / ((case.network.depth + 1) * growth.factors)

    @few
    @given(drawn)
    def run(case: Case) -> None:
        assert spare(case) >= 0

    run()
    reached(drawn, lambda case: spare(case) <= 2)
    reached(drawn, lambda case: spare(case) > 2)


def test_networks_on_which_any_integers_round_are_refused() -> None:
    deep = drawing.mlps(depths=(20, 20), widths=(9, 9))
    with pytest.raises(InputError, match="make it smaller"):
        smallest(drawing.cases(deep, check=alone), lambda _: True)


def test_normalised_layers_are_hidden_ones() -> None:
    networks = drawing.batch_normalised(drawing.mlps(depths=(2, 4)), "batch")

    @few
    @given(networks)
    def check(network: Network) -> None:
        *hidden, last = network.layers
        assert network.normalised_by_batch
        assert last.normalisation == "none"
        assert {layer.normalisation for layer in hidden} <= {"none", "batch"}

    check()
    reached(networks, lambda n: {layer.normalisation for layer in n.layers[:-1]} == {"batch"})
    reached(networks, lambda n: len({layer.normalisation for layer in n.layers[:-1]}) == 2)


@given(
    drawing.rational_batches(
        drawing.mlps(depths=(2, 3), outputs=(1, 2)), "batch", coefficient="beta"
    )
)
@few
def test_rational_batches_have_rational_deviations(case: Case) -> None:
    """Rational arithmetic refuses irrational deviations and constant units."""
    parameters = [arithmetic.rationals(p[0]) for p in case.parameters]
    _, normalised, *_ = arithmetic.vertices(
        case.network, parameters, arithmetic.rationals(case.inputs[0])
    )
    assert normalised.shape == (4, case.network.width(1))
    assert set(case.numbers) == {"beta_1", "beta_2", "beta_3", "beta_4"}


@given(drawing.batches(FAMILIES["normalised"], samples=(2, 3), coefficient="beta"))
@few
def test_batches_have_gains_that_are_not_zero(case: Case) -> None:
    assert case.members == 1
    assert case.samples in (2, 3)
    assert len(case.numbers) == case.samples
    for parameter, array in zip(case.network.parameters, case.parameters, strict=True):
        if parameter.role == "gain":
            assert array.item() != 0.0


# corners of the structure


def slopes(network: Network) -> set[float]:
    return {layer.slope for layer in network.layers[:-1]}


def convolutions(network: Network) -> list[Convolution]:
    maps = (edge.map for layer in network.layers for edge in layer.edges)
    return [m for m in maps if isinstance(m, Convolution)]


def skips(network: Network) -> set[type]:
    """Kinds of the edges that pass over a layer."""
    return {
        type(edge.map)
        for before, layer in enumerate(network.layers)
        for edge in layer.edges
        if edge.source < before
    }


def some_filters(condition: Callable[[Convolution], bool]) -> Callable[[Network], bool]:
    return lambda network: any(condition(c) for c in convolutions(network))


STRUCTURES: dict[str, tuple[st.SearchStrategy[Network], Callable[[Network], bool]]] = {
    "width 1 throughout": (
        drawing.mlps(),
        lambda n: n.depth > 2 and {n.width(v) for v in range(n.depth)} == {1},
    ),
    "depth 1": (drawing.mlps(), lambda n: n.depth == 1),
    "depth 6": (drawing.mlps(), lambda n: n.depth == 6),
    "several outputs": (drawing.mlps(outputs=(1, 3)), lambda n: n.output_width == 3),
    "output through the activation": (
        drawing.homogeneous_networks(),
        lambda n: n.layers[-1].slope != LINEAR,
    ),
    "biases": (
        drawing.mlps(bias=True),
        lambda n: any(p.role == "bias" for p in n.parameters),
    ),
    "convolution among homogeneous networks": (
        drawing.homogeneous_networks(),
        lambda n: bool(convolutions(n)),
    ),
    "two convolutions": (
        drawing.convolutional_networks(),
        lambda n: len(convolutions(n)) == 2,
    ),
    "overlapping patches": (
        drawing.convolutional_networks(),
        some_filters(lambda c: c.positions > 1 and c.kernel[1] > c.stride),
    ),
    "patches side by side": (
        drawing.convolutional_networks(),
        some_filters(lambda c: c.positions > 1 and c.kernel[1] == c.stride == 2),
    ),
    "strided overlapping patches": (
        drawing.convolutional_networks(),
        some_filters(lambda c: c.positions > 1 and c.kernel[1] > c.stride == 2),
    ),
    "two-dimensional patches": (
        drawing.convolutional_networks(),
        some_filters(lambda c: c.kernel == (2, 2) and c.positions > 1),
    ),
    "several channels and filters": (
        drawing.convolutional_networks(),
        some_filters(lambda c: c.channels == c.filters == 2),
    ),
    "constant skip": (drawing.directed_graphs(), lambda n: Identity in skips(n)),
    "trainable skip": (drawing.directed_graphs(), lambda n: Dense in skips(n)),
    "both skips at once": (
        drawing.directed_graphs(),
        lambda n: skips(n) == {Dense, Identity},
    ),
    "skip from the input to the output": (
        drawing.directed_graphs(),
        lambda n: any(edge.source == 0 for edge in n.layers[-1].edges),
    ),
    "two residual blocks": (
        drawing.residual_networks(),
        lambda n: sum(len(layer.edges) == 2 for layer in n.layers) == 2,
    ),
}


@pytest.mark.parametrize(("networks", "corner"), STRUCTURES.values(), ids=STRUCTURES)
def test_structural_corners(
    networks: st.SearchStrategy[Network], corner: Callable[[Network], bool]
) -> None:
    reached(networks, corner)


@pytest.mark.parametrize("slope", drawing.SLOPES)
@pytest.mark.parametrize("family", ["mlps", "convolutional", "graphs", "residual"])
def test_every_activation(family: str, slope: float) -> None:
    reached(FAMILIES[family], lambda n: slope in slopes(n))


@pytest.mark.parametrize(
    ("graphs", "other"),
    [
        (drawing.directed_graphs(skips=["dense"]), Identity),
        (drawing.directed_graphs(skips=["identity"]), Dense),
    ],
    ids=["dense", "identity"],
)
def test_graphs_with_one_kind_of_skip(graphs: st.SearchStrategy[Network], other: type) -> None:
    @few
    @given(graphs)
    def check(network: Network) -> None:
        assert other not in skips(network)

    check()


# corners of the numbers


MLPS = drawing.cases(drawing.mlps(depths=(2, 3)))


def hidden_values(case: Case) -> list[tuple[np.ndarray, np.ndarray]]:
    """Preactivations and values, ``(K, N, width)``, of each hidden layer of a chain."""
    parameters, inputs = case.tensors()
    values = [v.numpy() for v in vertices(case.network, parameters, inputs)]
    return [
        (values[i] @ np.swapaxes(case.parameters[i], -1, -2), values[i + 1])
        for i in range(case.network.depth - 1)
    ]


def outputs(case: Case) -> np.ndarray:
    return forward(case.network, *case.tensors()).numpy()


def is_rectified(case: Case) -> bool:
    return slopes(case.network) == {0.0}


def has_unit(case: Case, condition: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Whether some unit of a ReLU network meets a condition on its preactivation at all samples."""
    return is_rectified(case) and any(
        bool(condition(before).all(axis=1).any()) for before, _ in hidden_values(case)
    )


def ranks(case: Case) -> list[tuple[int, int]]:
    """Exact rank and largest possible rank of every weight matrix of every member."""
    return [
        (arithmetic.rank(arithmetic.rationals(matrix)), min(matrix.shape))
        for k in case.network.weights
        for matrix in case.parameters[k]
    ]


def input_rank(case: Case) -> int:
    return arithmetic.rank(arithmetic.rationals(case.inputs[0]))


def distinct_inputs(case: Case) -> int:
    return len(np.unique(case.inputs[0], axis=0))


NUMBERS: dict[str, Callable[[Case], bool]] = {
    "dead unit": lambda c: has_unit(c, lambda z: z < 0.0),
    "unit that is always active": lambda c: has_unit(c, lambda z: z > 0.0),
    "preactivation at the kink": lambda c: (
        is_rectified(c) and any(bool((before == 0.0).any()) for before, _ in hidden_values(c))
    ),
    "kink of a sample that is not zero": lambda c: (
        is_rectified(c) and bool(((hidden_values(c)[0][0] == 0.0).any(-1) & c.inputs.any(-1)).any())
    ),
    "zero output": lambda c: bool((outputs(c) == 0.0).all(axis=(1, 2)).any()),
    "output that is not zero": lambda c: bool((outputs(c) != 0.0).any()),
    "rank-deficient weight that is not zero": lambda c: any(
        0 < rank < full for rank, full in ranks(c)
    ),
    "zero weight matrix": lambda c: any(rank == 0 for rank, _ in ranks(c)),
    "weight matrix of full rank": lambda c: any(rank == full > 1 for rank, full in ranks(c)),
    "narrower than the batch": lambda c: all(
        c.network.width(v) < c.samples for v in range(c.network.depth)
    ),
    "wider than the batch": lambda c: (
        c.samples > 1 and all(c.network.width(v) > c.samples for v in range(c.network.depth))
    ),
    "one sample": lambda c: c.samples == 1,
    "collinear inputs": lambda c: (
        c.network.input_width > 1 and distinct_inputs(c) > 2 and input_rank(c) == 1
    ),
    "inputs of full rank": lambda c: input_rank(c) == c.network.input_width > 2,
    "duplicate inputs": lambda c: c.samples > 1 and c.inputs[0].any() and distinct_inputs(c) == 1,
    "a zero input": lambda c: bool((c.inputs[0] == 0.0).all(axis=-1).any()),
    "single network": lambda c: c.members == 1,
    "zero input of one network": lambda c: c.members == 1 and not c.inputs.any(axis=-1).all(),
    "cohort": lambda c: c.members == drawing.COHORT,
}


def kinks(case: Case) -> np.ndarray:
    """Whether a unit that bends is exactly at its kink at a sample that is not zero, per member."""
    network, (parameters, inputs) = case.network, case.tensors()
    found = np.zeros(case.members, dtype=bool)
    for i, layer in enumerate(network.layers):
        if layer.slope == LINEAR:
            continue
        upto = Network(network.input_width, (*network.layers[:i], replace(layer, slope=LINEAR)))
        known = parameters[: len(upto.parameters)]
        at_kink = (forward(upto, known, inputs) == 0.0).any(dim=-1).numpy()
        found |= (at_kink & case.inputs.any(axis=-1)).any(axis=-1)
    return found


def bends(case: Case) -> bool:
    return any(layer.slope != LINEAR for layer in case.network.layers)


@pytest.mark.parametrize("family", ["homogeneous", "graphs", "residual", "convolutional", "mlps"])
@pytest.mark.parametrize("check", [None, minors], ids=["any check", "minors"])
def test_kinks_are_visited_on_purpose(family: str, check: Check | None) -> None:
    """By a quarter of the single networks that bend, and by nine in ten cohorts of 32.

    In cohorts whose numbers are large no unit is at its kink by chance.
    """
    single: list[bool] = []
    cohort: list[bool] = []

    @hypothesis.settings(few, max_examples=300)
    @given(drawing.cases(FAMILIES[family], check=check))
    def run(case: Case) -> None:
        if bends(case):
            (single if case.members == 1 else cohort).append(bool(kinks(case).any()))

    run()
    assert sum(single) >= len(single) / 4 > 10
    assert sum(cohort) >= 0.9 * len(cohort) > 10


@pytest.mark.parametrize("corner", NUMBERS.values(), ids=NUMBERS)
def test_corners_of_the_numbers(corner: Callable[[Case], bool]) -> None:
    reached(MLPS, corner)


@pytest.mark.parametrize(("targets", "kinds"), [("signs", 2), ("one-hot", 3), ("dyadic", 3)])
def test_labels_of_all_kinds(targets: drawing.Targets, kinds: int) -> None:
    networks = drawing.mlps(outputs=(3, 3))
    cases = drawing.cases(networks, samples=(4, 4), targets=targets)

    def labels(case: Case) -> int:
        assert case.targets is not None
        return len(np.unique(case.targets[0], axis=0))

    reached(cases, lambda c: c.members == 1 and labels(c) == kinds)
    reached(cases, lambda c: c.members == 1 and labels(c) == 1)
    reached(cases, lambda c: c.members > 1 and labels(c) == kinds)


def test_named_numbers_are_drawn() -> None:
    numbers = {"weight_decay": drawing.weight_decays(), "scale": st.just(Fraction(3, 2))}
    case = reached(drawing.cases(drawing.mlps(), numbers=numbers), lambda c: c.members > 1)
    assert case.numbers.keys() == numbers.keys()
    assert case.numbers["scale"] == Fraction(3, 2)


# hyperparameters and datasets


HYPERPARAMETERS = {
    "dyadics": (drawing.dyadics(), [Fraction(0), Fraction(-3, 4), Fraction(3)]),
    "positive_dyadics": (drawing.positive_dyadics(), [Fraction(4), Fraction(1, 8)]),
    "weight_decays": (drawing.weight_decays(), [Fraction(0), Fraction(1), Fraction(1, 4096)]),
    "learning_rates": (drawing.learning_rates(), [Fraction(1, 2), Fraction(1, 1024)]),
    "initial_scales": (drawing.initial_scales(), [Fraction(1, 64), Fraction(1), Fraction(8)]),
}


@pytest.mark.parametrize(("numbers", "ends"), HYPERPARAMETERS.values(), ids=HYPERPARAMETERS)
def test_hyperparameters_reach_their_ends(
    numbers: st.SearchStrategy[Fraction], ends: list[Fraction]
) -> None:
    for end in ends:
        reached(numbers, end.__eq__)


@pytest.mark.parametrize(
    ("numbers", "simplest"),
    [
        (drawing.dyadics(), 0),
        (drawing.positive_dyadics(), 1),
        (drawing.weight_decays(), 1),
        (drawing.learning_rates(), Fraction(1, 2)),
        (drawing.initial_scales(), 1),
        (drawing.batch_sizes(12), 1),
    ],
    ids=[*HYPERPARAMETERS, "batch_sizes"],
)
def test_hyperparameters_shrink(
    numbers: st.SearchStrategy[Fraction | int], simplest: Fraction | int
) -> None:
    assert smallest(numbers, lambda _: True) == simplest


@pytest.mark.parametrize(("samples", "sizes"), [(1, [1]), (12, [1, 2, 3, 4, 6, 12]), (7, [1, 7])])
def test_batch_sizes_divide_the_samples(samples: int, sizes: list[int]) -> None:
    for size in sizes:
        reached(drawing.batch_sizes(samples), size.__eq__)

    @few
    @given(drawing.batch_sizes(samples))
    def check(size: int) -> None:
        assert size in sizes

    check()


def squared_norms(dataset: Dataset) -> list[Fraction]:
    return [sum((Fraction(x) ** 2 for x in row), Fraction()) for row in dataset.inputs.tolist()]


def contradicts(dataset: Dataset) -> bool:
    together = np.column_stack([dataset.inputs, dataset.labels])
    return len(np.unique(together, axis=0)) > len(np.unique(dataset.inputs, axis=0))


def made_by(maker: str) -> Callable[[Dataset], bool]:
    return lambda dataset: f"{maker}(" in dataset.name


DATASETS: dict[str, Callable[[Dataset], bool]] = {
    "ball": made_by("uniform_ball"),
    "sphere": made_by("uniform_sphere"),
    "mixture": made_by("gaussian_mixture"),
    "separable": made_by("separable"),
    "collinear": lambda d: made_by("collinear")(d) and d.width > 1 and d.size > 2,
    "duplicates": lambda d: made_by("with_duplicates")(d) and not contradicts(d),
    "contradictory": contradicts,
    "balanced": lambda d: d.balanced,
    "not balanced": lambda d: bool(d.class_counts.min() > 0) and not d.balanced,
    "empty class": lambda d: bool(d.class_counts.min() == 0),
    "two classes": lambda d: d.classes == 2,
    "four classes": lambda d: d.classes == 4,
    "one sample": lambda d: d.size == 1,
    "more samples than columns": lambda d: d.size > d.width > 1,
    "more columns than samples": lambda d: d.width > d.size > 1,
    "inside the ball": lambda d: max(squared_norms(d)) < 1,
    "outside the ball": lambda d: max(squared_norms(d)) > 1,
}


@pytest.mark.parametrize("corner", DATASETS.values(), ids=DATASETS)
def test_corners_of_datasets(corner: Callable[[Dataset], bool]) -> None:
    reached(drawing.datasets(), corner)


def test_datasets_shrink_to_one_sample() -> None:
    dataset = smallest(drawing.datasets(), lambda _: True)
    assert (dataset.size, dataset.width, dataset.classes) == (1, 1, 2)


# large networks


LARGE = drawing.large_cases(
    st.one_of(
        drawing.mlps(depths=(2, 6), widths=(32, 64)),
        drawing.residual_networks(widths=(32, 64)),
    )
)
LARGE_CORNERS: dict[str, Callable[[Case], bool]] = {
    "six layers": lambda c: c.network.depth == 6,
    "a constant skip": lambda c: Identity in skips(c.network),
    "floats round": rounds,
    "outputs that only rounding keeps from zero": lambda c: bool(
        outputs(c).all() and not evaluate(c).outputs.certainly_nonzero.any()
    ),
    "a zero sample": lambda c: not c.inputs[:, 0].any(),
    "weights below 2**-50": lambda c: bool(np.frexp(abs(c.parameters[0]).max())[1] <= -50),
    "outputs that are not zero": lambda c: bool(evaluate(c).outputs.certainly_nonzero.all()),
}


@pytest.mark.parametrize("corner", LARGE_CORNERS.values(), ids=LARGE_CORNERS)
def test_corners_of_large_networks(corner: Callable[[Case], bool]) -> None:
    reached(LARGE, corner)


def test_a_few_networks_are_large_and_none_after_shrinking() -> None:
    drawn: list[int] = []
    small = drawing.cases(drawing.mlps(widths=(1, 3)), cohort=4)
    mixed = drawing.mostly(small, LARGE)

    @hypothesis.settings(few, max_examples=100)
    @given(mixed)
    def run(case: Case) -> None:
        drawn.append(case.network.input_width)

    run()
    assert 4 <= sum(width >= 32 for width in drawn) <= 40
    assert smallest(mixed, lambda _: True).network.input_width == 1


# shrinking


@pytest.mark.parametrize(
    ("family", "fewest"), [("mlps", 2), ("convolutional", 5), ("graphs", 3), ("residual", 5)]
)
def test_violations_shrink_to_a_single_small_network(family: str, fewest: int) -> None:
    """Whether a cohort or a single network was violated first; the simplest case is none.

    Shrinking is local: up to twice the fewest possible numbers may be left, and one of them a 2.
    """

    def no_output_is_negative(setting: Setting, case: Case) -> Findings:
        negative = (outputs(case) < 0.0).any(axis=(1, 2))
        yield equality(negative, np.zeros(case.members, bool), "test", case.member)

    claim = Claim(
        "no-claim", "", "identity", (), "", (), "", no_output_is_negative,
        on={"case": drawing.cases(FAMILIES[family])},
    )  # fmt: skip
    for seed in (1, 2):
        found = search(claim, Setting(seed=seed)).counterexample
        assert found is not None
        assert found.case is not None
        case = found.case()
        numbers = [float(x) for a in (*case.parameters, case.inputs) for x in a.flat]
        assert (case.members, case.samples) == (1, 1)
        assert fewest <= len(numbers) <= 2 * fewest
        assert sum(map(abs, numbers)) <= len(numbers) + 1
