"""Datasets: exact checks of every property, and readers against files made here byte by byte."""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from theorycheck.data.dataset import Dataset, Split
from theorycheck.data.image_sets import digits, images, read_cifar10, read_idx
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
from theorycheck.errors import InputError

U = Fraction(1, 2**53)


def make(inputs: list[list[float]], labels: list[int], classes: int) -> Dataset:
    return Dataset("made", np.array(inputs), np.array(labels, dtype=np.int64), classes)


def exact_dot(left: NDArray[np.float64], right: NDArray[np.float64]) -> Fraction:
    products = (
        Fraction(a) * Fraction(b) for a, b in zip(left.tolist(), right.tolist(), strict=True)
    )
    return sum(products, Fraction(0))


def squared_norms(inputs: NDArray[np.float64]) -> list[Fraction]:
    return [exact_dot(row, row) for row in inputs]


def assert_unit_rows(inputs: NDArray[np.float64], norm: Fraction = Fraction(1)) -> None:
    """Derivation: the bound (d/2 + 3) u of the docstring of `datasets`, for the exact norms."""
    bound = (Fraction(inputs.shape[1], 2) + 3) * U
    for square in squared_norms(inputs):
        assert (1 - bound) ** 2 <= square / norm**2 <= (1 + bound) ** 2


THREE = make([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], [2, 0, 1, 0], 3)


# --- Dataset ------------------------------------------------------------------------------------


def test_targets_of_a_three_class_set() -> None:
    assert (THREE.size, THREE.width, THREE.classes) == (4, 2, 3)
    assert THREE.one_hot.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert THREE.centred_one_hot.tolist() == [
        [-0.5, -0.5, 1],
        [1, -0.5, -0.5],
        [-0.5, 1, -0.5],
        [1, -0.5, -0.5],
    ]
    assert THREE.class_counts.tolist() == [2, 1, 1]
    assert not THREE.balanced


def test_targets_of_a_binary_set() -> None:
    binary = make([[1.0], [2.0]], [1, 0], 2)
    assert binary.signs.tolist() == [[1.0], [-1.0]]
    assert binary.signs.dtype == binary.one_hot.dtype == binary.centred_one_hot.dtype == np.float64
    assert binary.centred_one_hot.tolist() == [[-1.0, 1.0], [1.0, -1.0]]
    assert binary.balanced


def test_an_empty_class_counts_as_unbalanced() -> None:
    lopsided = make([[1.0], [2.0]], [0, 0], 2)
    assert lopsided.class_counts.tolist() == [2, 0]
    assert not lopsided.balanced


def test_repr_shows_provenance_and_no_arrays() -> None:
    assert repr(THREE) == "Dataset(name='made', classes=3)"


@pytest.mark.parametrize(
    ("inputs", "labels", "classes", "complaint"),
    [
        (np.zeros(3), np.zeros(3, np.int64), 2, "expected shapes"),
        (np.zeros((3, 1)), np.zeros(2, np.int64), 2, "expected shapes"),
        (np.zeros((0, 1)), np.zeros(0, np.int64), 2, "at least one sample"),
        (np.zeros((1, 0)), np.zeros(1, np.int64), 2, "at least one sample"),
        (np.zeros((1, 1), np.float32), np.zeros(1, np.int64), 2, "float32"),
        (np.zeros((1, 1)), np.zeros(1, np.int32), 2, "int32"),
        (np.array([[np.nan]]), np.zeros(1, np.int64), 2, "NaN"),
        (np.array([[np.inf]]), np.zeros(1, np.int64), 2, "infinity"),
        (np.zeros((1, 1)), np.array([2]), 2, "use 0 to 1"),
        (np.zeros((1, 1)), np.array([-1]), 2, "use 0 to 1"),
    ],
)
def test_malformed_arrays_are_rejected(
    inputs: NDArray[np.float64], labels: NDArray[np.int64], classes: int, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        Dataset("bad", inputs, labels, classes)


@pytest.mark.parametrize(
    ("use", "complaint"),
    [
        (lambda: THREE.signs, "2 classes, not 3"),
        (lambda: make([[1.0]], [0], 1).centred_one_hot, "at least 2 classes"),
        (lambda: contradictory(make([[1.0]], [0], 1)), "at least 2 classes"),
        (lambda: THREE.subset([]), "non-empty"),
        (lambda: THREE.subset([True, False, True, False]), "flatnonzero"),
        (lambda: THREE.subset([4]), "use 0 to 3"),
        (lambda: THREE.subset([-1]), "use 0 to 3"),
        (lambda: THREE.per_class(2, seed=0), "class 1 has 1 samples"),
        (lambda: THREE.per_class(0, seed=0), "n is 0"),
        (lambda: THREE.with_classes([0, 0]), "distinct"),
        (lambda: THREE.with_classes([3]), "from 0 to 2"),
        (lambda: THREE.with_classes([]), "at least one sample"),
        (lambda: make([[1.0], [0.0]], [0, 0], 1).on_sphere(), "input 1 is zero"),
        (lambda: with_duplicates(THREE, 0), "copies is 0"),
    ],
)
def test_impossible_requests_are_rejected(use: Callable[[], object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        use()
    assert "\n" not in str(caught.value)


def test_subset_keeps_order_and_repetitions() -> None:
    chosen = THREE.subset([2, 0, 2])
    assert chosen.inputs.tolist() == [[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]
    assert chosen.labels.tolist() == [1, 2, 1]
    assert chosen.classes == 3
    assert chosen.name == "made.subset(3 samples)"


def test_with_classes_relabels_in_the_order_given() -> None:
    kept = THREE.with_classes([2, 0])
    assert kept.inputs.tolist() == [[1.0, 2.0], [3.0, 4.0], [7.0, 8.0]]
    assert kept.labels.tolist() == [0, 1, 1]
    assert kept.labels.dtype == np.int64
    assert kept.classes == 2


def test_per_class_draws_distinct_samples_of_each_class() -> None:
    labels = [0] * 7 + [1] * 3 + [2] * 5
    source = make([[float(index)] for index in range(15)], labels, 3)
    drawn = source.per_class(3, seed=1)
    indices = drawn.inputs[:, 0].astype(int).tolist()
    assert drawn.class_counts.tolist() == [3, 3, 3]
    assert indices == sorted(set(indices))
    assert drawn.labels.tolist() == [labels[index] for index in indices]
    assert np.array_equal(drawn.inputs, source.per_class(3, seed=1).inputs)
    assert len({tuple(source.per_class(3, seed).inputs[:, 0]) for seed in range(10)}) > 1


def test_on_sphere_of_hand_worked_rows() -> None:
    scaled = make([[3.0, 4.0], [0.0, -7.0], [2.0**-1000, 0.0]], [0, 1, 2], 3).on_sphere()
    assert scaled.inputs.tolist() == [[0.6, 0.8], [0.0, -1.0], [1.0, 0.0]]


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_on_sphere_meets_its_bound_at_every_scale(scale: float) -> None:
    rows = scale * np.random.default_rng(0).standard_normal((50, 9))
    assert_unit_rows(Dataset("rows", rows, np.zeros(50, np.int64), 1).on_sphere().inputs)


@pytest.mark.parametrize(
    ("rows", "factor"),
    [
        ([[0.0, 0.0]], 1),
        ([[1.0, 0.0], [0.0, -1.0]], 1),
        ([[0.001, 0.0]], 1),
        ([[3.0, 4.0], [1.0, 0.0]], 8),
        ([[2.0, 0.0], [0.0, 1.0]], 2),
        ([[1.0, 1.0]], 2),
        ([[1.0 + 2.0**-52, 0.0]], 2),
        # One unit in the last place decides: 2^-60 more than 1, which float64 rounds away.
        ([[1.0, 2.0**-30]], 2),
        ([[0.6, 0.8]], 2),
        ([[0.28, 0.96]], 1),
        ([[2.0**1023, 2.0**1023]], 2**1024),
    ],
)
def test_in_ball_divides_by_the_smallest_power_of_two(rows: list[list[float]], factor: int) -> None:
    before = make(rows, [0] * len(rows), 1)
    after = before.in_ball()
    assert max(squared_norms(after.inputs)) <= 1
    assert factor == 1 or max(squared_norms(after.inputs)) * 4 > 1
    for old, new in zip(before.inputs.flat, after.inputs.flat, strict=True):
        assert Fraction(float(old)) == factor * Fraction(float(new))
    assert after.in_ball() is after


# --- synthetic sets -----------------------------------------------------------------------------

MAKERS: list[Callable[..., Dataset]] = [uniform_ball, uniform_sphere, collinear]


@pytest.mark.parametrize("maker", MAKERS)
def test_labels_follow_balance_and_counts(maker: Callable[..., Dataset]) -> None:
    assert maker(12, 3, 4, seed=0).class_counts.tolist() == [3, 3, 3, 3]
    assert maker(11, 3, 4, seed=0).class_counts.tolist() == [3, 3, 3, 2]
    assert maker(12, 3, 4, seed=0, counts=[0, 1, 2, 9]).class_counts.tolist() == [0, 1, 2, 9]
    free = [tuple(maker(12, 3, 4, seed, balanced=False).class_counts) for seed in range(5)]
    assert len(set(free)) > 1
    ordered = sorted(maker(12, 3, 4, seed=0).labels.tolist())
    assert any(maker(12, 3, 4, seed).labels.tolist() != ordered for seed in range(5))


@pytest.mark.parametrize("maker", MAKERS)
def test_the_seed_decides_everything_and_labels_leave_inputs_alone(
    maker: Callable[..., Dataset],
) -> None:
    first, again, other = maker(8, 3, 2, seed=5), maker(8, 3, 2, seed=5), maker(8, 3, 2, seed=6)
    assert np.array_equal(first.inputs, again.inputs)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.inputs, other.inputs)
    assert np.array_equal(first.inputs, maker(8, 3, 4, seed=5, balanced=False).inputs)


@pytest.mark.parametrize("width", [1, 2, 5, 100])
def test_synthetic_sets_lie_where_they_say(width: int) -> None:
    assert max(squared_norms(uniform_ball(40, width, 2, seed=3).inputs)) <= 1
    assert max(squared_norms(collinear(40, width, 2, seed=3).inputs)) <= 1
    assert_unit_rows(uniform_sphere(40, width, 2, seed=3).inputs)


def test_uniform_ball_stays_in_the_ball_at_the_largest_radius(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Derivation: the direction is short by (d/2 + 3) u, the factor that brings points inside by
    (d + 8) u, the radius by u, and 4 roundings follow; squares double that.
    """

    class LargestRadius(np.random.Generator):
        def random(self, *args: Any, **_: Any) -> Any:
            return np.full(args[0], 1.0 - 2.0**-53)

    monkeypatch.setattr(np.random, "default_rng", lambda seed: LargestRadius(np.random.PCG64(seed)))
    largest = max(squared_norms(uniform_ball(100, 3, 2, seed=0).inputs))
    assert 1 - (3 * 3 + 32) * U <= largest <= 1


def test_uniform_ball_fills_the_ball_in_proportion_to_volume() -> None:
    # A quarter of the disc lies within radius 1/2. Hoeffding: a deviation of 300 among 4000 has
    # probability at most 2 exp(-2 * 300**2 / 4000) < 1e-19.
    points = uniform_ball(4000, 2, 2, seed=0).inputs
    assert abs(int((np.square(points).sum(axis=1) <= 0.25).sum()) - 1000) < 300


@pytest.mark.parametrize("width", [1, 2, 7])
@pytest.mark.parametrize("margin", [1e-9, 0.1, 0.5, 0.999])
def test_separable_keeps_margin_and_ball_exactly(width: int, margin: float) -> None:
    made = separable(30, width, seed=2, margin=margin)
    w = separating_direction(width, seed=2)
    assert_unit_rows(w[None, :])
    assert max(squared_norms(made.inputs)) <= 1
    for x, sign in zip(made.inputs, made.signs[:, 0], strict=True):
        assert int(sign) * exact_dot(w, x) >= Fraction(margin)
    assert made.balanced


@pytest.mark.parametrize("seed", range(8))
def test_separable_at_the_largest_margin_stays_in_the_ball(seed: int) -> None:
    # Here h is 1 and every point is +-w but for the factor k; about half of all w are too long.
    margin = 1.0 - 4.0 * (3 + 8) * 2.0**-53
    made = separable(2, 3, seed, margin)
    assert max(squared_norms(made.inputs)) <= 1
    w = separating_direction(3, seed)
    assert min(abs(exact_dot(w, x)) for x in made.inputs) >= Fraction(margin)


def test_separable_takes_counts() -> None:
    assert separable(5, 2, seed=0, margin=0.1, counts=[1, 4]).class_counts.tolist() == [1, 4]


@pytest.mark.parametrize("width", [1, 3, 50])
def test_collinear_inputs_are_collinear_exactly_even_in_float32(width: int) -> None:
    inputs = collinear(20, width, 2, seed=4).inputs
    assert np.array_equal(inputs.astype(np.float32).astype(np.float64), inputs)
    assert inputs.any(axis=1).all()
    rows = [[Fraction(value) for value in row] for row in inputs.tolist()]
    pivot = max(range(width), key=lambda column: abs(rows[0][column]))
    for one, two in combinations(rows, 2):
        assert [a * two[pivot] for a in one] == [b * one[pivot] for b in two]
    assert {row[pivot] > 0 for row in rows} == {True, False}


def test_gaussian_mixture_without_spread_is_its_means() -> None:
    made = gaussian_mixture(4, 3, 5, seed=1, separation=2.0, spread=0.0)
    assert made.class_counts.tolist() == [4] * 5
    means = np.array([made.inputs[made.labels == label][0] for label in range(5)])
    assert np.array_equal(made.inputs, means[made.labels])
    assert_unit_rows(means, norm=Fraction(2))
    assert len(np.unique(means, axis=0)) == 5


def test_gaussian_mixture_spreads_in_proportion() -> None:
    tight, wide = (
        gaussian_mixture([3, 1], 2, 2, seed=1, separation=0.0, spread=spread)
        for spread in (0.25, 0.5)
    )
    assert tight.class_counts.tolist() == [3, 1]
    assert np.array_equal(2.0 * tight.inputs, wide.inputs)
    assert tight.inputs.all()


def test_duplicates_and_contradictions() -> None:
    source = make([[1.0], [2.0], [3.0]], [0, 2, 1], 3)
    doubled = with_duplicates(source, 2)
    assert doubled.inputs[:, 0].tolist() == [1, 1, 2, 2, 3, 3]
    assert doubled.labels.tolist() == [0, 0, 2, 2, 1, 1]
    opposed = contradictory(source)
    assert opposed.inputs[:, 0].tolist() == [1, 1, 2, 2, 3, 3]
    assert opposed.labels.tolist() == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("use", "complaint"),
    [
        (lambda: uniform_ball(0, 1, 1, seed=0), "size is 0"),
        (lambda: uniform_sphere(1, 0, 1, seed=0), "width is 0"),
        (lambda: collinear(1, 1, 0, seed=0), "classes is 0"),
        (lambda: collinear(1, 2**20 + 1, 1, seed=0), "at most 2"),
        (lambda: uniform_ball(1, 1, 1, seed=-1), "seed is -1"),
        (lambda: uniform_ball(3, 1, 2, seed=0, counts=[1, 1]), "add up to 3"),
        (lambda: uniform_ball(3, 1, 2, seed=0, counts=[3]), "give 2 counts"),
        (lambda: uniform_ball(3, 1, 2, seed=0, counts=[-1, 4]), "none negative"),
        (lambda: gaussian_mixture(0, 1, 2, seed=0), "size_per_class is 0"),
        (lambda: gaussian_mixture([1], 1, 2, seed=0), "give 2 counts"),
        (lambda: gaussian_mixture(1, 1, 2, seed=0, spread=-1.0), "spread is -1.0"),
        (lambda: gaussian_mixture(1, 1, 2, seed=0, separation=np.nan), "separation is nan"),
        (lambda: separable(1, 1, seed=0, margin=0.0), "strictly between 0 and 1"),
        (lambda: separable(1, 1, seed=0, margin=1.0), "strictly between 0 and 1"),
        (lambda: separable(1, 1, seed=0, margin=np.nan), "strictly between 0 and 1"),
        (lambda: separating_direction(0, seed=0), "width is 0"),
    ],
)
def test_impossible_sets_are_rejected(use: Callable[[], object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        use()
    assert "\n" not in str(caught.value)


def test_loading_digits_first_leaves_the_global_random_state_alone() -> None:
    """Else Hypothesis refuses a strategy that loads them, in the process that is the first to."""
    program = (
        "import random; from theorycheck.data import digits;"
        " state = random.getstate(); digits(); assert random.getstate() == state"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_digits_are_exact_multiples_of_a_128th_in_the_ball() -> None:
    made = digits()
    assert (made.size, made.width, made.classes) == (1797, 64, 10)
    levels = made.inputs * 128
    assert np.array_equal(levels, np.round(levels))
    assert (levels.min(), levels.max()) == (0, 16)
    largest = int(np.square(levels).sum(axis=1).max())  # an integer below 2^53, hence exact
    assert 64**2 < largest <= 128**2
    assert made.class_counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


# --- IDX files ----------------------------------------------------------------------------------

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"
PIXELS = bytes(range(0, 240, 10))  # 24 bytes: four images of 2 x 3
GOOD_IMAGES = struct.pack(">4I", 0x803, 4, 2, 3) + PIXELS
GOOD_LABELS = struct.pack(">2I", 0x801, 4) + bytes([3, 0, 9, 1])


def write(path: Path, content: bytes, zipped: bool) -> None:
    if zipped:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
    else:
        path.write_bytes(content)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("split", ["train", "test"])
def test_read_idx(tmp_path: Path, zipped: bool, split: str) -> None:
    for name, content in ((IMAGES, GOOD_IMAGES), (LABELS, GOOD_LABELS)):
        prefix = "train" if split == "train" else "t10k"
        write(tmp_path / name.replace("train", prefix), content, zipped)
    made = read_idx(tmp_path) if split == "train" else read_idx(str(tmp_path), "test")
    assert made.inputs.tolist() == [[p / 255 for p in PIXELS[i : i + 6]] for i in (0, 6, 12, 18)]
    assert made.labels.tolist() == [3, 0, 9, 1]
    assert made.classes == 10
    assert made.name == f"{tmp_path.name} {split}"


def test_read_idx_prefers_the_plain_file(tmp_path: Path) -> None:
    write(tmp_path / IMAGES, GOOD_IMAGES, False)
    write(tmp_path / LABELS, GOOD_LABELS, False)
    write(tmp_path / LABELS, b"not an IDX file", True)
    assert read_idx(tmp_path).size == 4


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        (IMAGES, b"", "holds 0 bytes, an IDX header needs 16"),
        (LABELS, GOOD_LABELS[:7], "holds 7 bytes, an IDX header needs 8"),
        (IMAGES, struct.pack(">4I", 0x801, 4, 2, 3) + PIXELS, "0x00000801, expected 0x00000803"),
        (LABELS, GOOD_IMAGES, "0x00000803, expected 0x00000801"),
        (IMAGES, GOOD_IMAGES[:-1], "4 x 2 x 3 .* 24 in all, but holds only 23"),
        (IMAGES, GOOD_IMAGES + b"\0", "4 x 2 x 3 .* 24 in all, but holds more"),
        (IMAGES, struct.pack(">4I", 0x803, 4, 3, 3) + PIXELS, "36 in all, but holds only 24"),
        (IMAGES, struct.pack(">4I", 0x803, 0, 2, 3), "no data"),
        (IMAGES, struct.pack(">4I", 0x803, 3, 2, 4) + PIXELS, "3 images but .* 4 labels"),
        (LABELS, GOOD_LABELS[:-1], "4 bytes .* but holds only 3"),
        (LABELS, GOOD_LABELS[:-1] + b"\x0a", "sample 3 the label 10, expected 0 to 9"),
    ],
)
def test_malformed_idx_files(
    tmp_path: Path, zipped: bool, name: str, content: bytes, complaint: str
) -> None:
    for good_name, good in ((IMAGES, GOOD_IMAGES), (LABELS, GOOD_LABELS)):
        write(tmp_path / good_name, content if good_name == name else good, zipped)
    with pytest.raises(InputError, match=complaint) as caught:
        read_idx(tmp_path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def flipped(content: bytes, position: int) -> bytes:
    changed = bytearray(content)
    changed[position] ^= 0xFF
    return bytes(changed)


PACKED = gzip.compress(GOOD_IMAGES)


@pytest.mark.parametrize(
    "content",
    [
        PACKED[:-1],
        PACKED[:-8],
        PACKED[:20],
        flipped(PACKED, 0),
        flipped(PACKED, 10),
        flipped(PACKED, -5),
        PACKED + b"garbage",
        GOOD_IMAGES,
    ],
    ids=["cut", "no-trailer", "half", "magic", "deflate", "checksum", "garbage", "not-gzip"],
)
def test_corrupt_gzip_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / f"{IMAGES}.gz").write_bytes(content)
    write(tmp_path / LABELS, GOOD_LABELS, False)
    with pytest.raises(InputError, match="corrupt or truncated gzip file") as caught:
        read_idx(tmp_path)
    assert f"{IMAGES}.gz" in str(caught.value)
    assert "\n" not in str(caught.value)


def peak_memory_of_failing_read(folder: Path, complaint: str) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=complaint):
            read_idx(folder)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("zipped", [False, True])
def test_a_huge_count_allocates_nothing(tmp_path: Path, zipped: bool) -> None:
    header = struct.pack(">4I", 0x803, 2**32 - 1, 2**32 - 1, 2**32 - 1)
    write(tmp_path / IMAGES, header + PIXELS, zipped)
    write(tmp_path / LABELS, GOOD_LABELS, zipped)
    assert peak_memory_of_failing_read(tmp_path, "but holds only 24") < 2**23


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    write(tmp_path / IMAGES, GOOD_IMAGES + bytes(2**25), True)
    write(tmp_path / LABELS, GOOD_LABELS, True)
    assert peak_memory_of_failing_read(tmp_path, "but holds more") < 2**23


@pytest.mark.parametrize("missing", [IMAGES, LABELS])
def test_missing_idx_file(tmp_path: Path, missing: str) -> None:
    for name, content in ((IMAGES, GOOD_IMAGES), (LABELS, GOOD_LABELS)):
        if name != missing:
            write(tmp_path / name, content, True)
    with pytest.raises(InputError, match=f"{missing} is missing, with and without .gz"):
        read_idx(tmp_path)


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    write(tmp_path / IMAGES, GOOD_IMAGES, False)
    (tmp_path / LABELS).mkdir()
    with pytest.raises(InputError, match=f"{LABELS} cannot be read"):
        read_idx(tmp_path)


@pytest.mark.parametrize("read", [read_idx, read_cifar10])
def test_bad_folder_or_split(read: Callable[..., Dataset], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is not a folder"):
        read(tmp_path / "file")
    with pytest.raises(InputError, match="unknown split 'valid'"):
        read(tmp_path, "valid")


# --- CIFAR-10 -----------------------------------------------------------------------------------


def cifar_records(labels: list[int], first: int) -> bytes:
    return b"".join(
        bytes([label]) + bytes([first + row] * 3071 + [255]) for row, label in enumerate(labels)
    )


@pytest.fixture
def cifar(tmp_path: Path) -> Path:
    for number in range(1, 6):
        content = cifar_records([number, 0], first=10 * number)
        (tmp_path / f"data_batch_{number}.bin").write_bytes(content)
    (tmp_path / "test_batch.bin").write_bytes(cifar_records([9, 8], first=100))
    return tmp_path


def test_read_cifar10(cifar: Path) -> None:
    made = read_cifar10(cifar, records_per_file=2)
    assert made.inputs.shape == (10, 3072)
    assert made.labels.tolist() == [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]
    greys = [10, 11, 20, 21, 30, 31, 40, 41, 50, 51]
    assert made.inputs.tolist() == [[grey / 255] * 3071 + [1.0] for grey in greys]
    test = read_cifar10(cifar, "test", records_per_file=2)
    assert test.labels.tolist() == [9, 8]
    assert test.inputs[:, 0].tolist() == [100 / 255, 101 / 255]
    assert test.classes == 10


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "2 records of 3073 bytes, 6146 in all, but holds only 0"),
        (cifar_records([1, 2], 0)[:-1], "but holds only 6145"),
        (cifar_records([1], 0), "but holds only 3073"),
        (cifar_records([1, 2, 3], 0), "but holds more"),
        (cifar_records([1, 10], 0), "sample 1 the label 10, expected 0 to 9"),
    ],
)
def test_malformed_cifar_file(cifar: Path, content: bytes, complaint: str) -> None:
    (cifar / "data_batch_4.bin").write_bytes(content)
    with pytest.raises(InputError, match=f"data_batch_4.bin .*{complaint}"):
        read_cifar10(cifar, records_per_file=2)


def test_published_files_hold_ten_thousand_records(cifar: Path) -> None:
    with pytest.raises(InputError, match="10000 records of 3073 bytes, 30730000 in all"):
        read_cifar10(cifar)


def test_missing_cifar_file(cifar: Path) -> None:
    (cifar / "data_batch_3.bin").unlink()
    with pytest.raises(InputError, match=r"data_batch_3\.bin is missing; name the folder"):
        read_cifar10(cifar, records_per_file=2)


@pytest.mark.parametrize(("split", "name"), [("train", "data_batch_1"), ("test", "test_batch")])
def test_pickled_cifar_is_never_read(tmp_path: Path, split: Split, name: str) -> None:
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(InputError, match=f"{name} beside it .* pickle.* binary version"):
        read_cifar10(tmp_path, split)


def test_images_by_name(tmp_path: Path) -> None:
    assert images("digits").name == digits().name
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    header = (0x803).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in (3, 2, 2))
    (tmp_path / "train-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
    labels = (0x801).to_bytes(4, "big") + (3).to_bytes(4, "big") + bytes([1, 0, 9])
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(labels)
    found = images(f"mnist:{tmp_path}")
    assert found.labels.tolist() == [1, 0, 9]
    assert np.array_equal(found.inputs, pixels.reshape(3, 4) / 255)


@pytest.mark.parametrize("name", ["", "faces", "mnist", "cifar10:", "digits:here"])
def test_unknown_images(name: str) -> None:
    with pytest.raises(InputError, match="name digits, mnist:FOLDER or cifar10:FOLDER"):
        images(name)
