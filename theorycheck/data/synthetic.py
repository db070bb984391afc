"""Datasets that are drawn from a seed or made from another one.

Bounds on norms are those of `theorycheck.data.dataset`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from theorycheck.arguments import (
    in_memory,
    instance,
    is_sequence,
    nonnegative_number,
    real_number,
    whole_number,
    whole_numbers,
)
from theorycheck.data.dataset import (
    Dataset,
    FloatArray,
    LabelArray,
    class_count,
    generator_of,
    norm_rounding,
    unit_rows,
)
from theorycheck.errors import InputError


def uniform_ball(
    size: int,
    width: int,
    classes: int,
    seed: int,
    balanced: bool = True,
    counts: Sequence[int] | None = None,
) -> Dataset:
    """Draw points uniformly from the unit ball of R^width, with labels independent of them.

    ``balanced`` makes class counts equal (or, where ``classes`` does not divide ``size``, differ
    by one); otherwise each label is drawn uniformly. ``counts`` gives the class counts instead.
    The inputs depend on ``size``, ``width`` and ``seed`` alone. Raises InputError unless size,
    width and number of classes are positive whole numbers and the seed is one from 0 on, for counts
    that do not fit, and for more points than fit into memory.
    """
    size, width = whole_number("size", size), whole_number("width", width)
    classes = class_count(classes)
    generator = generator_of(seed)
    return Dataset(
        f"uniform_ball({size}, {width}, {classes}, seed={seed})",
        _ball_points(generator, size, width),
        _draw_labels(generator, size, classes, balanced, counts),
        classes,
    )


def uniform_sphere(
    size: int,
    width: int,
    classes: int,
    seed: int,
    balanced: bool = True,
    counts: Sequence[int] | None = None,
) -> Dataset:
    """Draw points uniformly from the unit sphere of R^width; labels and errors as uniform_ball.

    Norms are 1 within ``(d/2 + 3) u`` (module docstring), so a row may leave the ball by rounding.
    """
    size, width = whole_number("size", size), whole_number("width", width)
    classes = class_count(classes)
    generator = generator_of(seed)
    return Dataset(
        f"uniform_sphere({size}, {width}, {classes}, seed={seed})",
        _directions(generator, size, width),
        _draw_labels(generator, size, classes, balanced, counts),
        classes,
    )


def gaussian_mixture(
    size_per_class: int | Sequence[int],
    width: int,
    classes: int,
    seed: int,
    separation: float = 1.0,
    spread: float = 0.1,
) -> Dataset:
    """Draw one isotropic Gaussian per class, ``size_per_class`` samples each (or one count each).

    Class means have norm ``separation`` and independent uniform directions; ``spread`` is the
    standard deviation of each coordinate around them. Samples are in random order and not confined
    to the ball. Raises InputError as uniform_ball, and for a ``separation`` or ``spread`` that is
    no number, negative or not finite.
    """
    width, classes = whole_number("width", width), class_count(classes)
    separation = nonnegative_number("separation", separation)
    spread = nonnegative_number("spread", spread)
    if is_sequence(size_per_class):
        counts = size_per_class = list(whole_numbers("size_per_class", size_per_class))
    else:
        size_per_class = whole_number("size_per_class", size_per_class)
        counts = [size_per_class] * classes
    generator = generator_of(seed)
    means = separation * _directions(generator, classes, width)
    labels = _draw_labels(generator, sum(counts), classes, True, counts)
    return Dataset(
        f"gaussian_mixture({size_per_class}, {width}, {classes}, seed={seed}, "
        f"separation={separation}, spread={spread})",
        means[labels] + spread * generator.standard_normal((labels.size, width)),
        labels,
        classes,
    )


def separating_direction(width: int, seed: int) -> FloatArray:
    """Return the unit vector w, (width,), that separates ``separable(size, width, seed, margin)``.

    Its norm is 1 within ``(d/2 + 3) u`` (module docstring). Errors as :func:`uniform_ball`.
    """
    direction: FloatArray = _directions(generator_of(seed), 1, whole_number("width", width))[0]
    return direction


def separable(
    size: int,
    width: int,
    seed: int,
    margin: float,
    balanced: bool = True,
    counts: Sequence[int] | None = None,
) -> Dataset:
    """Draw a binary set in the unit ball with ``sign * <w, x> >= margin``, w a random unit vector.

    Every point is ``sign * (h w + (1 - h) p)`` with p uniform in the half ball ``<w, p> >= 0`` and
    h just above ``margin``: a convex combination, so it stays in the ball, and no subtraction
    loses digits. Both inequalities hold exactly for the stored floats, w being
    :func:`separating_direction`. With ``k = 1 - (d + 8) u`` the factor that keeps x in the ball,
    ``<w, x>`` falls short of h by at most ``2 (d/2 + 3) u`` from the norm of w, ``(d + 8) u`` from
    k, ``gamma_d`` from the computed sign of ``<w, p>`` and ``gamma_4`` from forming x; together
    less than the ``4 (d + 8) u`` by which h exceeds ``margin``.

    Labels and errors as :func:`uniform_ball`; InputError also unless ``0 < margin < 1``, short of 1
    by more than rounding.
    """
    size, width = whole_number("size", size), whole_number("width", width)
    margin = real_number("margin", margin)
    h = margin + 4.0 * norm_rounding(width)
    if not (margin > 0.0 and h <= 1.0):
        raise InputError(f"margin is {margin}; give a number strictly between 0 and 1")
    generator = generator_of(seed)
    w = _directions(generator, 1, width)[0]
    p = _ball_points(generator, size, width)
    p[p @ w < 0.0] *= -1.0
    labels = _draw_labels(generator, size, 2, balanced, counts)
    signs = 2.0 * labels[:, None] - 1.0
    return Dataset(
        f"separable({size}, {width}, seed={seed}, margin={margin})",
        signs * (h * w + (1.0 - h) * p) * (1.0 - norm_rounding(width)),
        labels,
        2,
    )


def collinear(
    size: int,
    width: int,
    classes: int,
    seed: int,
    balanced: bool = True,
    counts: Sequence[int] | None = None,
) -> Dataset:
    """Draw non-zero multiples, of either sign, of one vector of the unit ball.

    The corner that galanti2022 Propositions 1 and 2 exclude. The inputs are collinear exactly, not
    merely up to rounding: the vector is a multiple of 2^-11 and each coefficient of 2^-12, so that
    no product rounds, in float32 either. Labels and errors as :func:`uniform_ball`; InputError also
    for a width above 2^20, where such a vector would be zero.
    """
    size, width = whole_number("size", size), whole_number("width", width)
    classes = class_count(classes)
    if width > 2**20:
        raise InputError(f"width is {width}; collinear inputs need a width of at most 2**20")
    generator = generator_of(seed)
    unit = _directions(generator, 1, width) * (1.0 - norm_rounding(width))
    # Truncation only shortens the vector, which keeps it in the ball.
    direction = np.trunc(unit * 2.0**11) / 2.0**11
    signs = generator.choice([-1.0, 1.0], (size, 1))
    coefficients = signs * generator.integers(1, 2**12, (size, 1), endpoint=True) / 2.0**12
    return Dataset(
        f"collinear({size}, {width}, {classes}, seed={seed})",
        coefficients * direction,
        _draw_labels(generator, size, classes, balanced, counts),
        classes,
    )


def with_duplicates(dataset: Dataset, copies: int) -> Dataset:
    """Repeat each sample so that it appears ``copies`` times in a row.

    Raises InputError for what is no dataset, and unless ``copies`` is a positive whole number and
    they fit into memory.
    """
    instance("the dataset", dataset, Dataset)
    copies = whole_number("copies", copies)
    with in_memory(f"copies is {copies}"):
        return replace(
            dataset,
            name=f"with_duplicates({dataset.name}, {copies})",
            inputs=np.repeat(dataset.inputs, copies, axis=0),
            labels=np.repeat(dataset.labels, copies),
        )


def contradictory(dataset: Dataset) -> Dataset:
    """Follow each sample by the same input with the next class (cyclically): no fit is perfect.

    Raises InputError for a single class, and for what is no dataset.
    """
    instance("the dataset", dataset, Dataset)
    if dataset.classes < 2:
        raise InputError(f"dataset {dataset.name}: contradictory labels need at least 2 classes")
    labels = np.stack([dataset.labels, (dataset.labels + 1) % dataset.classes], axis=1)
    return replace(
        dataset,
        name=f"contradictory({dataset.name})",
        inputs=np.repeat(dataset.inputs, 2, axis=0),
        labels=labels.reshape(-1),
    )


def _draw_labels(
    generator: np.random.Generator,
    size: int,
    classes: int,
    balanced: bool,
    counts: Sequence[int] | None,
) -> LabelArray:
    with in_memory(f"size is {size}"):
        if counts is None and not balanced:
            return generator.integers(0, classes, size)
        if counts is None:
            return generator.permutation(np.arange(size, dtype=np.int64) % classes)
        counts = whole_numbers("counts", counts)
        if len(counts) != classes or sum(counts) != size:
            raise InputError(
                f"class counts {list(counts)} do not fit; give {classes} counts that add up to "
                f"{size}"
            )
        return generator.permutation(np.repeat(np.arange(classes, dtype=np.int64), counts))


def _directions(generator: np.random.Generator, size: int, width: int) -> FloatArray:
    """Unit vectors of uniform directions, (size, width); InputError unless they fit into memory."""
    with in_memory(f"{size} points of width {width}"):
        return unit_rows(generator.standard_normal((size, width)))


def _ball_points(generator: np.random.Generator, size: int, width: int) -> FloatArray:
    directions = _directions(generator, size, width)
    # The volume within radius r grows as r**width, so its inverse makes the points uniform.
    radii = generator.random((size, 1)) ** (1.0 / width)
    points: FloatArray = directions * radii * (1.0 - norm_rounding(width))
    return points
