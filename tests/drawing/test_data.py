"""Drawn cases can be evaluated, never round, reach their corners and shrink to tiny networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drawing.families import FAMILIES, few, outputs, reached, skips, smallest
from theorycheck import drawing
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
from theorycheck.arithmetic.error_bounds import evaluate_with_error_bounds
from theorycheck.claims.comparisons import equality
from theorycheck.claims.declaration import Claim
from theorycheck.claims.findings import Findings
from theorycheck.claims.search import search
from theorycheck.claims.setting import Setting
from theorycheck.data.dataset import Dataset
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import forward, vertices
from theorycheck.networks.specification import LINEAR, RELU, Identity, Network


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
    "contradictory": lambda d: made_by("contradictory")(d) and contradicts(d),
    "contradictory in more than one dimension": lambda d: d.width > 1 and contradicts(d),
    "balanced": lambda d: d.balanced,
    "not balanced": lambda d: bool(d.class_counts.min() > 0) and not d.balanced,
    "classes of very different sizes": lambda d: (
        len(np.unique(d.inputs, axis=0)) == d.size
        and bool(d.class_counts.min() > 0)
        and bool(d.class_counts.max() - d.class_counts.min() >= 2)
    ),
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
        outputs(c).all() and not evaluate_with_error_bounds(c).outputs.certainly_nonzero.any()
    ),
    "a zero sample": lambda c: not c.inputs[:, 0].any(),
    "weights below 2**-50": lambda c: bool(np.frexp(abs(c.parameters[0]).max())[1] <= -50),
    "outputs that are not zero": lambda c: bool(
        evaluate_with_error_bounds(c).outputs.certainly_nonzero.all()
    ),
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


def at_kinks(case: Case) -> bool:
    """Whether a pre-activation of an activation that bends is 0, in a chain."""
    parameters, inputs = case.tensors()
    values = vertices(case.network, parameters, inputs)
    return any(
        layer.slope != LINEAR and bool((read @ weight.mT == 0).any())
        for layer, weight, read in zip(case.network.layers, parameters, values, strict=False)
    )


def test_cases_away_from_kinks() -> None:
    """Those at a kink become linear, and the others stay as they are."""
    drawn = drawing.cases(drawing.mlps(depths=(2, 3), slopes=(RELU, 0.5)), cohort=4)
    reached(drawn.map(drawing.away_from_kinks), lambda case: case.network.layers[0].slope == RELU)

    @few
    @given(drawn)
    def check(case: Case) -> None:
        moved = drawing.away_from_kinks(case)
        assert not at_kinks(moved)
        if at_kinks(case):
            assert {layer.slope for layer in moved.network.layers} == {LINEAR}
        else:
            assert moved is case

    check()
