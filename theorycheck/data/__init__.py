"""Labelled data sets: drawn from seeds, the embedded digits, and files that the user names."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theorycheck.data.dataset import Dataset, Split
    from theorycheck.data.image_sets import digits, identity, images, read_cifar10, read_idx
    from theorycheck.data.synthetic import (
        collinear,
        contradictory,
        gaussian_mixture,
        separable,
        separating_direction,
        uniform_ball,
        uniform_sphere,
        with_duplicates,
    )
else:
    from theorycheck._lazy import attach

    __getattr__, __dir__, __all__ = attach(__name__)
