"""Training sets: labelled points, and what keeps them in the unit ball.

A :class:`Dataset` is plain NumPy in float64. Its ``name`` is its provenance, the expression that
made it, so that a report can say which data a claim was checked on.

Rounding. Several claims assume ``||x|| <= 1``, so every function of this package that promises a
point of the unit ball promises it for the *exact* norm of the stored floats. Write ``u = 2**-53``
and ``d`` for the width. Dividing a vector by its computed norm gives a vector ``w`` with ``| ||w||
- 1 | <= (d/2 + 3) u``: the sum of squares has a relative error of at most ``gamma_d`` in any order
of summation, the root halves it and adds ``u``, and the quotient adds ``u`` (Higham, Accuracy and
Stability of Numerical Algorithms, 2nd ed., Section 3.1). At most four more roundings follow
anywhere below, so multiplying by ``1 - (d + 8) u`` brings the point inside the ball.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theorycheck.arguments import whole_number, whole_numbers
from theorycheck.errors import InputError

FloatArray = NDArray[np.float64]

LabelArray = NDArray[np.int64]

Split = Literal["train", "test"]

UNIT_ROUNDOFF = 2.0**-53

MOST_CLASSES = 10**6
"""Definition: the most classes of a data set."""

UNLIKE_ARRAYS = (np.ma.MaskedArray, np.matrix)
"""Arrays of NumPy that hide some of their numbers, or keep two axes whatever is taken of them."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled inputs: ``inputs`` (N, d) float64, ``labels`` (N,) int64 in ``0 .. classes - 1``.

    Raises :class:`InputError` unless both are plain NumPy arrays, N and d are positive, shapes and
    dtypes are as said, every input is finite, ``classes`` is a positive whole number up to
    `MOST_CLASSES` and every label in range. A class may be empty.
    """

    name: str
    inputs: FloatArray = field(repr=False)
    labels: LabelArray = field(repr=False)
    classes: int

    def __post_init__(self) -> None:
        """Check types, shapes, dtypes and ranges."""
        for name in ("inputs", "labels"):
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or isinstance(array, UNLIKE_ARRAYS):
                raise InputError(
                    f"dataset {self.name}: {name} must be a plain numpy array, not "
                    f"{type(array).__name__}: convert it, with nothing hidden behind a mask"
                )
        shapes = f"inputs {self.inputs.shape}, labels {self.labels.shape}"
        if self.inputs.ndim != 2 or self.labels.shape != self.inputs.shape[:1]:
            raise InputError(f"dataset {self.name}: {shapes}; expected shapes (N, d) and (N,)")
        if 0 in self.inputs.shape:
            raise InputError(f"dataset {self.name}: {shapes}; needs at least one sample and column")
        if self.inputs.dtype != np.float64 or self.labels.dtype != np.int64:
            raise InputError(
                f"dataset {self.name}: inputs are {self.inputs.dtype}, labels {self.labels.dtype}; "
                "convert them to float64 and int64"
            )
        if not np.isfinite(self.inputs).all():
            raise InputError(f"dataset {self.name}: inputs hold NaN or infinity; remove those rows")
        object.__setattr__(self, "classes", class_count(self.classes))
        if self.labels.min() < 0 or self.labels.max() >= self.classes:
            raise InputError(
                f"dataset {self.name}: labels range from {self.labels.min()} to "
                f"{self.labels.max()}; with {self.classes} classes use 0 to {self.classes - 1}"
            )

    @property
    def size(self) -> int:
        """Number of samples N."""
        return len(self.inputs)

    @property
    def width(self) -> int:
        """Input dimension d."""
        _, width = self.inputs.shape
        return int(width)

    @property
    def signs(self) -> FloatArray:
        """Binary targets (N, 1): +1 for class 1, -1 for class 0; InputError unless two classes."""
        if self.classes != 2:
            raise InputError(
                f"dataset {self.name}: signs need 2 classes, not {self.classes}; "
                "choose two with with_classes"
            )
        return np.where(self.labels[:, None] == 1, 1.0, -1.0)

    @property
    def one_hot(self) -> FloatArray:
        """Targets (N, C): 1 for the sample's class, 0 elsewhere."""
        return np.where(self.labels[:, None] == np.arange(self.classes), 1.0, 0.0)

    @property
    def centred_one_hot(self) -> FloatArray:
        """Targets (N, C) of xu2022 Section 5.2: 1 for the sample's class, -1/(C-1) elsewhere.

        Raises InputError for a single class, where the formula divides by zero.
        """
        if self.classes < 2:
            raise InputError(f"dataset {self.name}: centred targets need at least 2 classes")
        return np.where(self.one_hot == 1.0, 1.0, -1.0 / (self.classes - 1))

    @property
    def class_counts(self) -> LabelArray:
        """Number of samples of each class, (C,) int64."""
        return np.bincount(self.labels, minlength=self.classes).astype(np.int64)

    @property
    def balanced(self) -> bool:
        """Whether every class has the same number of samples."""
        counts = self.class_counts
        return bool((counts == counts[0]).all())

    def subset(self, indices: Sequence[int] | NDArray[np.integer]) -> Dataset:
        """Return the samples at ``indices``, in that order; repetitions are allowed.

        Raises InputError unless the indices are a non-empty list of integers in ``0 .. N - 1``.
        """
        try:
            chosen = np.asarray(indices)
        except (TypeError, ValueError, RuntimeError):  # Such as of a sparse tensor.
            chosen = np.empty(0)
        if chosen.ndim != 1 or chosen.size == 0 or chosen.dtype.kind not in "iu":
            raise InputError(
                f"dataset {self.name}: a subset needs a non-empty list of integer indices "
                "(turn a mask into indices with numpy.flatnonzero)"
            )
        if chosen.min() < 0 or chosen.max() >= self.size:
            raise InputError(
                f"dataset {self.name}: indices range from {chosen.min()} to {chosen.max()}; "
                f"use 0 to {self.size - 1}"
            )
        return self._taking(chosen, f"subset({chosen.size} samples)")

    def per_class(self, n: int, seed: int) -> Dataset:
        """Draw ``n`` samples of each class without replacement, in their original order.

        Raises InputError unless ``n`` is a positive whole number and ``seed`` one from 0 on, and if
        a class has fewer than ``n`` samples.
        """
        n = whole_number("n", n)
        short = np.flatnonzero(self.class_counts < n)
        if short.size:
            raise InputError(
                f"dataset {self.name}: class {short[0]} has {self.class_counts[short[0]]} samples, "
                f"{n} were asked for; ask for fewer"
            )
        return self._taking(self._drawn(n, seed), f"per_class({n}, {seed})")

    def split(self, n: int, seed: int) -> tuple[Dataset, Dataset]:
        """``n`` samples of each class, as `per_class` draws them, and all others: held-out data.

        Raises InputError as `per_class`, and if no sample is left.
        """
        n = whole_number("n", n)
        drawn = self.per_class(n, seed)
        if drawn.size == self.size:
            raise InputError(
                f"dataset {self.name}: all samples were asked for, none is held out; ask for fewer"
            )
        others = np.setdiff1d(np.arange(self.size), self._drawn(n, seed))
        return drawn, self._taking(others, f"held_out({n}, {seed})")

    def with_classes(self, kept: Sequence[int]) -> Dataset:
        """Keep the samples of the classes ``kept`` and relabel them 0, 1, ... in that order.

        Raises InputError if ``kept`` is no sequence of whole numbers, repeats a class, names one
        that does not exist, or leaves no sample.
        """
        kept = whole_numbers("kept", kept)
        if len(set(kept)) != len(kept) or not all(label < self.classes for label in kept):
            raise InputError(
                f"dataset {self.name}: cannot keep classes {list(kept)}; "
                f"name distinct classes from 0 to {self.classes - 1}"
            )
        matches = self.labels[:, None] == np.asarray(kept, dtype=np.int64)
        rows = matches.any(axis=1)
        return Dataset(
            f"{self.name}.with_classes({list(kept)})",
            self.inputs[rows],
            matches[rows].nonzero()[1],
            len(kept),
        )

    def on_sphere(self) -> Dataset:
        """Scale each row to norm 1, within ``(d/2 + 3) u`` (module docstring).

        Raises InputError if a row is zero.
        """
        zero = np.flatnonzero(~self.inputs.any(axis=1))
        if zero.size:
            raise InputError(
                f"dataset {self.name}: input {zero[0]} is zero and has no direction; remove it"
            )
        return replace(self, name=f"{self.name}.on_sphere()", inputs=unit_rows(self.inputs))

    def in_ball(self) -> Dataset:
        """Divide all rows by the smallest power of two, at least 1, that makes every norm <= 1.

        A power of two, because the division is then exact (short of underflow): ranks, angles and
        collinearity survive unchanged, and inputs with few bits, such as grey levels, keep them,
        so that they stay exact in float32 too. The price is a largest norm anywhere in (1/2, 1].
        The norms are compared with 1 exactly and after the division; a set that lies in the ball
        already is returned as it is, and one that leaves it by a single ulp is halved.
        """
        exponent = max(0, int(np.frexp(np.abs(self.inputs).max())[1]) - 1)
        while not _inside_ball(scaled := np.ldexp(self.inputs, -exponent)):
            exponent += 1
        return replace(self, name=f"{self.name}.in_ball()", inputs=scaled) if exponent else self

    def _drawn(self, n: int, seed: int) -> NDArray[np.integer]:
        """Where ``n`` samples of each class are, in order."""
        generator = generator_of(seed)
        members = (np.flatnonzero(self.labels == label) for label in range(self.classes))
        return np.sort(
            np.concatenate([generator.choice(indices, n, replace=False) for indices in members])
        )

    def _taking(self, indices: NDArray[np.integer], how: str) -> Dataset:
        return replace(
            self,
            name=f"{self.name}.{how}",
            inputs=self.inputs[indices],
            labels=self.labels[indices],
        )


def norm_rounding(width: int) -> float:
    """Return the ``(d + 8) u`` of the module docstring."""
    return (width + 8) * UNIT_ROUNDOFF


def unit_rows(rows: FloatArray) -> FloatArray:
    """Divide each row, none of them zero, by its norm."""
    # Exact scaling by a power of two first, so that no square overflows or all of them vanish.
    exponents = np.frexp(np.abs(rows).max(axis=1, keepdims=True))[1]
    scaled = np.ldexp(rows, -exponents)
    unit: FloatArray = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    return unit


def _inside_ball(points: FloatArray) -> bool:
    """Decide exactly whether every row, of entries below 2 in size, has norm at most 1."""
    squares = np.square(points).sum(axis=1)
    # Computed squares are off by gamma_d at most; twice that also covers underflow.
    doubt = 2.0 * norm_rounding(points.shape[1])
    if (squares > 1.0 + doubt).any():
        return False
    unsure = points[squares >= 1.0 - doubt]
    return all(sum(Fraction(value) ** 2 for value in row.tolist()) <= 1 for row in unsure)


def generator_of(seed: int) -> np.random.Generator:
    """NumPy's default generator; raises InputError unless the seed is a whole number from 0 on."""
    return np.random.default_rng(whole_number("seed", seed, least=0, most=math.inf))


def class_count(classes: int) -> int:
    """A number of classes; raises InputError unless it is whole and from 1 to `MOST_CLASSES`."""
    return whole_number("classes", classes, most=MOST_CLASSES)
