"""Cases with something changed, and cases of any kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from theorycheck.arithmetic.cases import Case
from theorycheck.drawing.alterations import ALTERATIONS, altered, any_case
from theorycheck.errors import InputError
from theorycheck.networks.specification import Convolution, Identity
from theorycheck.statements.exact import Evaluator


def images(case: Case) -> list[tuple[int, Convolution]]:
    """What filters read of which vertex."""
    edges = [edge for layer in case.network.layers for edge in layer.edges]
    return [(e.source, e.map) for e in edges if isinstance(e.map, Convolution)]


def reads_a_part(image: Convolution) -> bool:
    return image.positions == 1 and image.patches().size < image.source_width


KINDS: dict[str, Callable[[Case], bool]] = {
    "bias": lambda case: any(layer.bias for layer in case.network.layers),
    "batch normalisation": lambda case: case.network.normalised_by_batch,
    "detached": lambda case: "batch-detached" in {n.normalisation for n in case.network.layers},
    "convolution": lambda case: any(image.positions > 1 for _, image in images(case)),
    "one patch of a longer input": lambda case: any(
        reads_a_part(image) for source, image in images(case) if source == 0
    ),
    "one patch of a longer layer": lambda case: any(
        reads_a_part(image) for source, image in images(case) if source > 0
    ),
    "a patch with gaps": lambda case: any(
        not (np.diff(patch) == 1).all() for _, image in images(case) for patch in image.patches()
    ),
    "patches that overlap in both directions": lambda case: any(
        min(image.grid) > 1 and image.stride < min(image.kernel) for _, image in images(case)
    ),
    "a slope above 1": lambda case: any(layer.slope > 1 for layer in case.network.layers),
    "a negative slope": lambda case: any(layer.slope < 0 for layer in case.network.layers),
    "a normalised layer that reads two": lambda case: any(
        layer.normalisation != "none" and len(layer.edges) > 1 for layer in case.network.layers
    ),
    "constant edge": lambda case: any(
        isinstance(e.map, Identity) for layer in case.network.layers for e in layer.edges
    ),
    "two edges": lambda case: any(len(layer.edges) > 1 for layer in case.network.layers),
    "several outputs": lambda case: case.network.output_width > 1,
    "one sample": lambda case: case.samples == 1,
    "zero weight matrix": lambda case: any((array == 0).all() for array in case.parameters),
    "a number that is 0": lambda case: 0 in case.numbers.values(),
    "a negative number": lambda case: min(case.numbers.values()) < 0,
    "labels other than +-1": lambda case: (
        case.targets is not None and not {*case.targets.flat} <= {1, -1}
    ),
    "a chain as it is printed": lambda case: (
        not any(
            KINDS[name](case)
            for name in ("bias", "batch normalisation", "convolution", "two edges", "constant edge")
        )
    ),
}


def cases(count: int, seed: int = 0) -> list[Case]:
    rng = Random(seed)
    return [any_case(rng, ["batch_size", "rho"]) for _ in range(count)]


def test_everything_that_the_language_has_is_proposed() -> None:
    found = Counter(name for case in cases(2000) for name, is_so in KINDS.items() if is_so(case))
    least = dict.fromkeys(KINDS, 20) | {"a normalised layer that reads two": 12}
    assert all(found[name] >= least[name] for name in KINDS), found


def test_cases_are_small_and_can_be_read() -> None:
    for case in cases(100):
        assert case.members == 1
        assert case.size < 100
        assert case.numbers["batch_size"].denominator == 1
        again = Case.from_dict(case.to_dict())
        assert again.to_dict() == case.to_dict()
        Evaluator(case, 0, [])


def test_the_same_generator_proposes_the_same() -> None:
    one, other = ([case.to_dict() for case in cases(20, seed)] for seed in (5, 5))
    assert one == other
    assert one != [case.to_dict() for case in cases(20, 6)]


@pytest.mark.parametrize("alteration", dict.fromkeys(ALTERATIONS))
def test_an_alteration_changes_something_or_does_not_fit(
    alteration: Callable[[Random, Case], Case],
) -> None:
    rng, changed = Random(1), 0
    for case in cases(90):
        before = case.to_dict()
        try:
            changed += alteration(rng, case).to_dict() != before
        except InputError:
            continue
        assert case.to_dict() == before
    assert changed >= 10


def test_what_is_proposed_may_stay_as_it_is() -> None:
    rng, [case] = Random(2), cases(1)
    found = [altered(rng, case).to_dict() for _ in range(60)]
    assert len({str(document) for document in found}) > 20
