"""Image data: the embedded digits, and readers of files that the user names."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theorycheck.arguments import choose, instance, whole_number
from theorycheck.data.dataset import Dataset, Split
from theorycheck.errors import InputError


def digits() -> Dataset:
    """Return scikit-learn's handwritten digits, 1797 x 64 in 10 classes, in the unit ball.

    They are the test set of Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (UCI
    Machine Learning Repository, 1998; CC BY 4.0), and lie beside this module, because loading
    scikit-learn takes longer than many a claim. Grey levels 0 .. 16 are divided by 16 and then by a
    power of two (:meth:`Dataset.in_ball`), so every input is a dyadic number of at most 5
    significant bits.
    """
    with np.load(Path(__file__).with_name("handwritten.npz")) as stored:
        pixels, labels = stored["pixels"], stored["labels"]
    return Dataset("digits", pixels / 16.0, labels.astype(np.int64), 10).in_ball()


_IDX_PREFIX = {"train": "train", "test": "t10k"}

_IDX_NAMES = ("{}-idx{}-ubyte", "{}.idx{}-ubyte")
"""As the files are published, and as some who copied them name them."""

_CIFAR_FILES = {
    "train": [f"data_batch_{number}.bin" for number in range(1, 6)],
    "test": ["test_batch.bin"],
}

_CIFAR_RECORD = 1 + 3 * 32 * 32

_CHUNK = 2**20


def read_idx(folder: str | os.PathLike[str], split: Split = "train") -> Dataset:
    """Read images and labels in the IDX format of MNIST from ``folder``, plain or gzipped.

    Files are ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte`` (``t10k-...`` for the test
    split), or ``train-images.idx3-ubyte`` and so on, with or without ``.gz``; the plain file wins
    where both exist. Pixels are divided by
    255, images flattened row by row: (60000, 784) for MNIST. Not confined to the unit ball; see
    :meth:`Dataset.in_ball`.

    Raises InputError for what names no folder and for an unknown split, if the folder or a file is
    missing, unreadable, corrupt, not of the announced
    type or length, if image and label counts differ, or a label exceeds 9.
    """
    root = _require_folder(folder, split)
    label_path = _idx_path(root, f"{_IDX_PREFIX[split]}-labels", dimensions=1)
    image_path = _idx_path(root, f"{_IDX_PREFIX[split]}-images", dimensions=3)
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

    Raises InputError as :func:`read_idx` for folder and split, and if a file is missing, unreadable
    or not exactly as long as announced, or a label exceeds 9. The Python version of CIFAR-10 is
    pickled and never read, since unpickling runs code.
    """
    records_per_file = whole_number("records_per_file", records_per_file)
    root = _require_folder(folder, split)
    paths = [root / name for name in _CIFAR_FILES[split]]
    for path in paths:
        if not os.path.exists(path):
            raise InputError(_missing_cifar_file(path))
    records = np.concatenate([_read_cifar_file(path, records_per_file) for path in paths])
    return _from_bytes(f"{root.name} {split}", records[:, 1:], records[:, 0])


def images(name: str) -> Dataset:
    """Image data by name: ``digits``, ``mnist:FOLDER`` or ``cifar10:FOLDER`` (training splits).

    Raises:
        InputError: for another name, and as `read_idx` and `read_cifar10` do.
    """
    instance("the name of image data", name, str)
    return _images(name)


@cache
def _images(name: str) -> Dataset:
    kind, _, folder = name.partition(":")
    if name == "digits":
        return digits()
    # In `--images mnist:~/data` no shell replaces the ~.
    folder = os.path.expanduser(folder)
    if kind == "mnist" and folder:
        return _varied(read_idx(Path(folder))).in_ball()
    if kind == "cifar10" and folder:
        return _varied(read_cifar10(Path(folder))).in_ball()
    raise InputError(f"unknown image data {name!r}: name digits, mnist:FOLDER or cifar10:FOLDER")


def identity(name: str) -> str:
    """Which image data a name of `images` stands for, whatever folder they lie in.

    Raises:
        InputError: as `images`.
    """
    instance("the name of image data", name, str)
    if name == "digits":
        return name
    data, kind = images(name), name.partition(":")[0]
    digest = hashlib.sha256(repr((data.inputs.shape, data.classes)).encode())
    for array in (data.inputs, data.labels):
        digest.update(array.tobytes())
    return f"{kind} {digest.hexdigest()[:16]}"


def _missing_cifar_file(path: Path) -> str:
    _require_no_link(path)
    if os.path.exists(path.with_suffix("")):
        return (
            f"{path} is missing, and {path.with_suffix('').name} beside it is the Python version "
            "of CIFAR-10, a pickle, which is never read; download the binary version "
            "(cifar-10-binary.tar.gz)"
        )
    return (
        f"{path} is missing; name {_inside(path.parent, path.name) or 'the folder'} that holds the "
        "binary version of CIFAR-10 (cifar-10-binary.tar.gz, unpacked)"
    )


def _read_cifar_file(path: Path, count: int) -> NDArray[np.uint8]:
    expected = count * _CIFAR_RECORD
    with _opened(path) as stream:
        content = _read_at_most(stream, expected + 1)
    _require_length(path, f"{count} records of {_CIFAR_RECORD} bytes", expected, len(content))
    records = np.frombuffer(content, dtype=np.uint8).reshape(count, _CIFAR_RECORD)
    _require_digit_labels(path, records[:, 0])
    return records


def _varied(data: Dataset) -> Dataset:
    """Images from which something can be learnt."""
    if (data.inputs == data.inputs[0]).all():
        raise InputError(f"{data.name}: all images are the same one; name a folder of real images")
    if (data.labels == data.labels[0]).all():
        raise InputError(
            f"{data.name}: all images are of class {data.labels[0]}, and there is nothing to tell"
            " apart; name data with several classes"
        )
    return data


def _idx_path(root: Path, stem: str, *, dimensions: int) -> Path:
    names = [name.format(stem, dimensions) for name in _IDX_NAMES]
    for name in names:
        for path in (root / name, root / f"{name}.gz"):
            if os.path.isdir(path):
                raise InputError(f"{path} is a folder; if the file {name} is in it, name it")
            if os.path.exists(path):
                return path
    for name in names:
        _require_no_link(root / name)
        _require_no_link(root / f"{name}.gz")
    alike = sorted(path.name for path in root.glob("*") if stem in path.name.lower())
    raise InputError(
        f"{root / names[0]} is missing, with and without .gz;"
        + (f" rename {alike[0]}, if that is it, or" if alike else "")
        + f" name {_inside(root, f'{stem}*') or 'the folder'} that holds the IDX files"
    )


def _inside(root: Path, file: str) -> str | None:
    """The folder, within the one that was named, with such a file.

    As torchvision lays them out, MNIST/raw/ in the folder that it is given, and archives unpack.
    """
    found = (
        path.parent for depth in ("*", "*/*", "*/*/*") for path in root.glob(f"{depth}/{file}")
    )
    return next(map(str, found), None)


def _require_no_link(path: Path) -> None:
    """Refuse a link that leads nowhere, or in a circle, which exists for no reader."""
    if os.path.islink(path):
        raise InputError(f"{path} is a link to no file; mend it, or put the file there")


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
    choose("split", split, Split)
    instance("the folder", folder, str | os.PathLike)
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
            f"{path} gives sample {wrong[0]} the label {labels[wrong[0]]}, expected 0 to 9; name"
            " data with ten classes, such as the digits of EMNIST rather than its letters"
        )


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedIOBase]:
    """Open a plain or gzipped file; what goes wrong while it is read becomes an InputError."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            # No file of images or labels begins like this.
            if path.suffix != ".gz" and stream.peek(2).startswith(b"\x1f\x8b"):
                raise InputError(f"{path} is gzipped, though its name does not say so; unpack it")
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
