"""Training sets: labelled points, synthetic makers, and readers of files that the user names.

A :class:`Dataset` is plain NumPy in float64. Its ``name`` is its provenance, the expression that
made it, so that a report can say which data a claim was checked on.

Rounding. Several claims assume ``||x|| <= 1``, so every function here that promises a point of the
unit ball promises it for the *exact* norm of the stored floats. Write ``u = 2**-53`` and ``d`` for
the width. Dividing a vector by its computed norm gives a vector ``w`` with
``| ||w|| - 1 | <= (d/2 + 3) u``: the sum of squares has a relative error of at most ``gamma_d``
in any order of summation, the root halves it and adds ``u``, and the quotient adds ``u`` (Higham,
Accuracy and Stability of Numerical Algorithms, 2nd ed., Section 3.1). At most four more roundings
follow anywhere below, so multiplying by ``1 - (d + 8) u`` brings the point inside the ball.
"""

from __future__ import annotations

import gzip
import io
import os
import random
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theorycheck.errors import InputError

__all__ = [
    "Dataset",
    "Split",
    "collinear",
    "contradictory",
    "digits",
    "gaussian_mixture",
    "read_cifar10",
    "read_idx",
    "separable",
    "separating_direction",
    "uniform_ball",
    "uniform_sphere",
    "with_duplicates",
]

FloatArray = NDArray[np.float64]
LabelArray = NDArray[np.int64]
Split = Literal["train", "test"]

UNIT_ROUNDOFF = 2.0**-53


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled inputs: ``inputs`` (N, d) float64, ``labels`` (N,) int64 in ``0 .. classes - 1``.

    Raises :class:`InputError` unless N and d are positive, shapes and dtypes are as said, every
    input is finite and every label in range. A class may be empty.
    """

    name: str
    inputs: FloatArray = field(repr=False)
    labels: LabelArray = field(repr=False)
    classes: int

    def __post_init__(self) -> None:
        """Check shapes, dtypes and ranges."""
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
        return np.eye(self.classes)[self.labels]

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
        chosen = np.asarray(indices)
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

        Raises InputError if ``n < 1`` or a class has fewer than ``n`` samples.
        """
        _require_positive(n=n)
        short = np.flatnonzero(self.class_counts < n)
        if short.size:
            raise InputError(
                f"dataset {self.name}: class {short[0]} has {self.class_counts[short[0]]} samples, "
                f"{n} were asked for; ask for fewer"
            )
        generator = _generator(seed)
        members = (np.flatnonzero(self.labels == label) for label in range(self.classes))
        chosen = [generator.choice(indices, n, replace=False) for indices in members]
        return self._taking(np.sort(np.concatenate(chosen)), f"per_class({n}, {seed})")

    def with_classes(self, kept: Sequence[int]) -> Dataset:
        """Keep the samples of the classes ``kept`` and relabel them 0, 1, ... in that order.

        Raises InputError if ``kept`` repeats a class, names one that does not exist, or leaves no
        sample.
        """
        if len(set(kept)) != len(kept) or not all(0 <= label < self.classes for label in kept):
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
        return replace(self, name=f"{self.name}.on_sphere()", inputs=_unit_rows(self.inputs))

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

    def _taking(self, indices: NDArray[np.integer], how: str) -> Dataset:
        return replace(
            self,
            name=f"{self.name}.{how}",
            inputs=self.inputs[indices],
            labels=self.labels[indices],
        )


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
    The inputs depend on ``size``, ``width`` and ``seed`` alone. Raises InputError for a size, width
    or number of classes below 1, a negative seed, or counts that do not fit.
    """
    _require_positive(size=size, width=width, classes=classes)
    generator = _generator(seed)
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
    _require_positive(size=size, width=width, classes=classes)
    generator = _generator(seed)
    return Dataset(
        f"uniform_sphere({size}, {width}, {classes}, seed={seed})",
        _unit_rows(generator.standard_normal((size, width))),
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
    to the ball. Raises InputError for sizes below 1, counts that do not fit, or a ``separation`` or
    ``spread`` that is negative or not finite.
    """
    _require_positive(width=width, classes=classes)
    for name, value in (("separation", separation), ("spread", spread)):
        if not 0.0 <= value < np.inf:
            raise InputError(f"{name} is {value}; give a finite number that is not negative")
    if isinstance(size_per_class, Sequence):
        counts = size_per_class
    else:
        _require_positive(size_per_class=size_per_class)
        counts = [size_per_class] * classes
    generator = _generator(seed)
    means = separation * _unit_rows(generator.standard_normal((classes, width)))
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

    Its norm is 1 within ``(d/2 + 3) u`` (module docstring).
    """
    _require_positive(width=width)
    direction: FloatArray = _unit_rows(_generator(seed).standard_normal((1, width)))[0]
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
    _require_positive(size=size, width=width)
    h = margin + 4.0 * _rounding(width)
    if not (margin > 0.0 and h <= 1.0):
        raise InputError(f"margin is {margin}; give a number strictly between 0 and 1")
    generator = _generator(seed)
    w = _unit_rows(generator.standard_normal((1, width)))[0]
    p = _ball_points(generator, size, width)
    p[p @ w < 0.0] *= -1.0
    labels = _draw_labels(generator, size, 2, balanced, counts)
    signs = 2.0 * labels[:, None] - 1.0
    return Dataset(
        f"separable({size}, {width}, seed={seed}, margin={margin})",
        signs * (h * w + (1.0 - h) * p) * (1.0 - _rounding(width)),
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
    _require_positive(size=size, width=width, classes=classes)
    if width > 2**20:
        raise InputError(f"width is {width}; collinear inputs need a width of at most 2**20")
    generator = _generator(seed)
    unit = _unit_rows(generator.standard_normal((1, width))) * (1.0 - _rounding(width))
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
    """Repeat each sample so that it appears ``copies`` times in a row; InputError if below 1."""
    _require_positive(copies=copies)
    return replace(
        dataset,
        name=f"with_duplicates({dataset.name}, {copies})",
        inputs=np.repeat(dataset.inputs, copies, axis=0),
        labels=np.repeat(dataset.labels, copies),
    )


def contradictory(dataset: Dataset) -> Dataset:
    """Follow each sample by the same input with the next class (cyclically): no fit is perfect.

    Raises InputError for a single class.
    """
    if dataset.classes < 2:
        raise InputError(f"dataset {dataset.name}: contradictory labels need at least 2 classes")
    labels = np.stack([dataset.labels, (dataset.labels + 1) % dataset.classes], axis=1)
    return replace(
        dataset,
        name=f"contradictory({dataset.name})",
        inputs=np.repeat(dataset.inputs, 2, axis=0),
        labels=labels.reshape(-1),
    )


def digits() -> Dataset:
    """Return scikit-learn's handwritten digits, 1797 x 64 in 10 classes, in the unit ball.

    Grey levels 0 .. 16 are divided by 16 and then by a power of two (:meth:`Dataset.in_ball`), so
    every input is a dyadic number of at most 5 significant bits.
    """
    # The import draws from Python's global random state, which nobody's examples may depend on.
    state = random.getstate()
    from sklearn.datasets import load_digits  # here, because importing scikit-learn is slow

    random.setstate(state)
    pixels, labels = load_digits(return_X_y=True)
    return Dataset(
        "digits", pixels.astype(np.float64) / 16.0, labels.astype(np.int64), 10
    ).in_ball()


_IDX_PREFIX = {"train": "train", "test": "t10k"}
_CIFAR_FILES = {
    "train": [f"data_batch_{number}.bin" for number in range(1, 6)],
    "test": ["test_batch.bin"],
}
_CIFAR_RECORD = 1 + 3 * 32 * 32
_CHUNK = 2**20


def read_idx(folder: str | os.PathLike[str], split: Split = "train") -> Dataset:
    """Read images and labels in the IDX format of MNIST from ``folder``, plain or gzipped.

    Files are ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte`` (``t10k-...`` for the test
    split), with or without ``.gz``; the plain file wins where both exist. Pixels are divided by
    255, images flattened row by row: (60000, 784) for MNIST. Not confined to the unit ball; see
    :meth:`Dataset.in_ball`.

    Raises InputError if the folder or a file is missing, unreadable, corrupt, not of the announced
    type or length, if image and label counts differ, or a label exceeds 9.
    """
    root = _require_folder(folder, split)
    label_path = _idx_path(root, f"{_IDX_PREFIX[split]}-labels-idx1-ubyte")
    image_path = _idx_path(root, f"{_IDX_PREFIX[split]}-images-idx3-ubyte")
    labels = _read_idx_file(label_path, dimensions=1)
    images = _read_idx_file(image_path, dimensions=3)
    if len(images) != len(labels):
        raise InputError(
            f"{image_path} holds {len(images)} images but {label_path} holds {len(labels)} labels; "
            "take both files from the same download"
        )
    _require_digit_labels(label_path, labels)
    return _from_bytes(f"{root.name} {split}", images.reshape(len(images), -1), labels)


def read_cifar10(
    folder: str | os.PathLike[str], split: Split = "train", records_per_file: int = 10_000
) -> Dataset:
    """Read the *binary* version of CIFAR-10 from ``folder``.

    Files are ``data_batch_1.bin`` to ``data_batch_5.bin``, or ``test_batch.bin``: records of one
    label byte and 3072 pixel bytes (three 32 x 32 planes: red, green, blue), ``records_per_file``
    of them, 10,000 as published. Pixels are divided by 255: (50000, 3072) for training, 1.2 GB.
    Not confined to the unit ball; see :meth:`Dataset.in_ball`.

    Raises InputError if the folder or a file is missing or unreadable, a file is not exactly as
    long as announced, or a label exceeds 9. The Python version of CIFAR-10 is pickled and never
    read, since unpickling runs code.
    """
    _require_positive(records_per_file=records_per_file)
    root = _require_folder(folder, split)
    paths = [root / name for name in _CIFAR_FILES[split]]
    for path in paths:
        if not os.path.exists(path):
            raise InputError(_missing_cifar_file(path))
    records = np.concatenate([_read_cifar_file(path, records_per_file) for path in paths])
    return _from_bytes(f"{root.name} {split}", records[:, 1:], records[:, 0])


@cache
def images(name: str) -> Dataset:
    """Image data by name: ``digits``, ``mnist:FOLDER`` or ``cifar10:FOLDER`` (training splits).

    Raises:
        InputError: for another name, and as `read_idx` and `read_cifar10` do.
    """
    kind, _, folder = name.partition(":")
    if name == "digits":
        return digits()
    if kind == "mnist" and folder:
        return read_idx(Path(folder)).in_ball()
    if kind == "cifar10" and folder:
        return read_cifar10(Path(folder)).in_ball()
    raise InputError(f"unknown image data {name!r}: name digits, mnist:FOLDER or cifar10:FOLDER")


def _missing_cifar_file(path: Path) -> str:
    if os.path.exists(path.with_suffix("")):
        return (
            f"{path} is missing, and {path.with_suffix('').name} beside it is the Python version "
            "of CIFAR-10, a pickle, which is never read; download the binary version "
            "(cifar-10-binary.tar.gz)"
        )
    return (
        f"{path} is missing; name the folder that holds the binary version of CIFAR-10 "
        "(cifar-10-binary.tar.gz, unpacked)"
    )


def _read_cifar_file(path: Path, count: int) -> NDArray[np.uint8]:
    expected = count * _CIFAR_RECORD
    with _opened(path) as stream:
        content = _read_at_most(stream, expected + 1)
    _require_length(path, f"{count} records of {_CIFAR_RECORD} bytes", expected, len(content))
    records = np.frombuffer(content, dtype=np.uint8).reshape(count, _CIFAR_RECORD)
    _require_digit_labels(path, records[:, 0])
    return records


def _idx_path(root: Path, name: str) -> Path:
    for path in (root / name, root / f"{name}.gz"):
        if os.path.exists(path):
            return path
    raise InputError(
        f"{root / name} is missing, with and without .gz; name the folder that holds the IDX files"
    )


def _read_idx_file(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes: big-endian magic 0x0800 + dimensions, sizes, data.

    Memory stays proportional to what the file really holds, whatever its header says.
    """
    header_length = 4 + 4 * dimensions
    magic = 0x0800 + dimensions
    with _opened(path) as stream:
        header = _read_at_most(stream, header_length)
        if len(header) < header_length:
            raise InputError(
                f"{path} holds {len(header)} bytes, an IDX header needs {header_length}; "
                "download it again"
            )
        found, *shape = np.frombuffer(header, dtype=">u4").tolist()
        if found != magic:
            raise InputError(
                f"{path} starts with magic number 0x{found:08x}, expected 0x{magic:08x}; "
                "check that this is the IDX file that its name says"
            )
        expected = 1
        for extent in shape:
            expected *= extent
        announced = " x ".join(map(str, shape)) + " bytes after its header"
        if expected == 0:
            raise InputError(f"{path} announces {announced}: no data; download it again")
        content = _read_at_most(stream, expected + 1)
    _require_length(path, announced, expected, len(content))
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _from_bytes(name: str, pixels: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Dataset:
    return Dataset(name, np.divide(pixels, 255.0, dtype=np.float64), labels.astype(np.int64), 10)


def _require_folder(folder: str | os.PathLike[str], split: str) -> Path:
    if split not in _IDX_PREFIX:
        raise InputError(f"unknown split {split!r}; use 'train' or 'test'")
    root = Path(folder)
    if not os.path.isdir(root):  # unlike Path.is_dir, never raises
        what = "is not a folder" if os.path.exists(root) else "does not exist"
        raise InputError(f"{root} {what}; name the folder that holds the data files")
    return root


def _require_length(path: Path, announced: str, expected: int, found: int) -> None:
    if found != expected:
        held = f"only {found}" if found < expected else "more"
        raise InputError(
            f"{path} should hold {announced}, {expected} in all, but holds {held}; "
            "download it again"
        )


def _require_digit_labels(path: Path, labels: NDArray[np.uint8]) -> None:
    wrong = np.flatnonzero(labels > 9)
    if wrong.size:
        raise InputError(
            f"{path} gives sample {wrong[0]} the label {labels[wrong[0]]}, expected 0 to 9; "
            "download it again"
        )


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedIOBase]:
    """Open a plain or gzipped file; what goes wrong while it is read becomes an InputError."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path} is a corrupt or truncated gzip file ({error}); download it again"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); check the file and its permissions"
        ) from error


def _read_at_most(stream: io.BufferedIOBase, limit: int) -> bytearray:
    # In chunks, because a single read may allocate the whole limit, which a header made up.
    content = bytearray()
    while chunk := stream.read(min(_CHUNK, limit - len(content))):
        content += chunk
    return content


def _draw_labels(
    generator: np.random.Generator,
    size: int,
    classes: int,
    balanced: bool,
    counts: Sequence[int] | None,
) -> LabelArray:
    if counts is None and not balanced:
        return generator.integers(0, classes, size)
    if counts is None:
        return generator.permutation(np.arange(size, dtype=np.int64) % classes)
    if len(counts) != classes or min(counts) < 0 or sum(counts) != size:
        raise InputError(
            f"class counts {list(counts)} do not fit; give {classes} counts, none negative, "
            f"that add up to {size}"
        )
    return generator.permutation(np.repeat(np.arange(classes, dtype=np.int64), counts))


def _ball_points(generator: np.random.Generator, size: int, width: int) -> FloatArray:
    directions = _unit_rows(generator.standard_normal((size, width)))
    # The volume within radius r grows as r**width, so its inverse makes the points uniform.
    radii = generator.random((size, 1)) ** (1.0 / width)
    points: FloatArray = directions * radii * (1.0 - _rounding(width))
    return points


def _rounding(width: int) -> float:
    """Return the ``(d + 8) u`` of the module docstring."""
    return (width + 8) * UNIT_ROUNDOFF


def _unit_rows(rows: FloatArray) -> FloatArray:
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
    doubt = 2.0 * _rounding(points.shape[1])
    if (squares > 1.0 + doubt).any():
        return False
    unsure = points[squares >= 1.0 - doubt]
    return all(sum(Fraction(value) ** 2 for value in row.tolist()) <= 1 for row in unsure)


def _generator(seed: int) -> np.random.Generator:
    if seed < 0:
        raise InputError(f"seed is {seed}; give a number that is not negative")
    return np.random.default_rng(seed)


def _require_positive(**numbers: int) -> None:
    for name, value in numbers.items():
        if value < 1:
            raise InputError(f"{name} is {value}; give at least 1")
