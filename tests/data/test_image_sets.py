"""Image data: the digits, and readers against files made here byte by byte."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from theorycheck.data.dataset import Dataset, Split
from theorycheck.data.image_sets import digits, identity, images, read_cifar10, read_idx
from theorycheck.errors import InputError


def test_digits_are_those_of_scikit_learn() -> None:
    pixels, labels = load_digits(return_X_y=True)
    made = digits()
    assert np.array_equal(made.inputs * 128, pixels)
    assert np.array_equal(made.labels, labels)
    assert [str(part.dtype) for part in (made.inputs, made.labels)] == ["float64", "int64"]


def test_digits_are_exact_multiples_of_a_128th_in_the_ball() -> None:
    made = digits()
    assert (made.size, made.width, made.classes) == (1797, 64, 10)
    levels = made.inputs * 128
    assert np.array_equal(levels, np.round(levels))
    assert (levels.min(), levels.max()) == (0, 16)
    largest = int(np.square(levels).sum(axis=1).max())  # an integer below 2^53, hence exact
    assert 64**2 < largest <= 128**2
    assert made.class_counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


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
    with pytest.raises(InputError, match=f"{LABELS} is a folder; if the file {LABELS} is in it"):
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


@pytest.mark.parametrize("read", [read_idx, read_cifar10])
def test_what_is_no_folder_or_split(read: Callable[..., Dataset], tmp_path: Path) -> None:
    wrong: Any
    for wrong in (None, 3, ["x"], b"x"):
        with pytest.raises(InputError, match="the folder must be a str or a PathLike, not"):
            read(wrong)
    for wrong in (["train"], None, np.array(["train", "test"])):
        with pytest.raises(InputError, match="unknown split"):
            read(tmp_path, wrong)


@pytest.mark.parametrize("name", [None, ["digits"], 3, np.array(["digits", "x"]), b"digits"])
def test_what_is_no_name_of_images(name: Any) -> None:
    for use in (images, identity):
        with pytest.raises(InputError, match="the name of image data must be a str") as raised:
            use(name)
        assert "\n" not in str(raised.value)


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


def test_images_are_known_by_their_content_and_not_by_their_folder(tmp_path: Path) -> None:
    """The same bytes in two folders are the same images; other pictures under one name are not."""
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    names = {}
    for name, change, labels in (("one", 0, [0, 1]), ("two", 0, [0, 1]), ("three", 1, [0, 1]),
                                 ("four", 0, [1, 2])):  # fmt: skip
        folder = tmp_path / name
        folder.mkdir()
        for kind, content in (("images-idx3", pixels + change), ("labels-idx1", labels)):
            array = np.asarray(content, dtype=np.uint8)
            header = np.array([0x0800 + array.ndim, *array.shape], dtype=">u4").tobytes()
            (folder / f"train-{kind}-ubyte").write_bytes(header + array.tobytes())
        names[name] = identity(f"mnist:{folder}")
    assert names["one"] == names["two"]
    assert len({names["one"], names["three"], names["four"]}) == 3
    assert all(str(tmp_path) not in name for name in names.values())
    assert identity("digits") == "digits"


@pytest.mark.parametrize("zipped", [False, True])
def test_names_with_a_dot_are_read_too(tmp_path: Path, zipped: bool) -> None:
    """As those who copied MNIST name the files."""
    for name, content in ((IMAGES, GOOD_IMAGES), (LABELS, GOOD_LABELS)):
        write(tmp_path / name.replace("-idx", ".idx"), content, zipped)
    assert read_idx(tmp_path).labels.tolist() == [3, 0, 9, 1]


def test_a_file_of_another_name_is_named(tmp_path: Path) -> None:
    write(tmp_path / LABELS, GOOD_LABELS, False)
    write(tmp_path / f"emnist-digits-{IMAGES}", GOOD_IMAGES, True)
    with pytest.raises(InputError, match=f"rename emnist-digits-{IMAGES}.gz, if that is it, or"):
        read_idx(tmp_path)


def test_labels_of_letters_are_no_broken_download(tmp_path: Path) -> None:
    write(tmp_path / IMAGES, GOOD_IMAGES, False)
    write(tmp_path / LABELS, GOOD_LABELS[:-1] + bytes([26]), False)
    with pytest.raises(InputError, match=r"label 26, expected 0 to 9; name data with ten") as error:
        read_idx(tmp_path)
    assert "download" not in str(error.value)


def test_the_home_of_the_user_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / IMAGES, GOOD_IMAGES, False)
    write(tmp_path / "data" / LABELS, GOOD_LABELS, False)
    assert images("mnist:~/data").size == 4
    with pytest.raises(InputError, match=f"{tmp_path}/cifar does not exist"):
        images("cifar10:~/cifar")


@pytest.mark.parametrize("grey", [0, 255])
def test_images_that_are_all_alike_are_no_data(tmp_path: Path, grey: int) -> None:
    blank = struct.pack(">4I", 0x803, 4, 2, 3) + bytes([grey] * 24)
    write(tmp_path / IMAGES, blank, False)
    write(tmp_path / LABELS, GOOD_LABELS, False)
    with pytest.raises(InputError, match="all images are the same one"):
        images(f"mnist:{tmp_path}")
