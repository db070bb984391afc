"""Image data that are not where, or not what, they were said to be: one line says what to do."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest

from tests.data.test_image_sets import GOOD_IMAGES, GOOD_LABELS, IMAGES, LABELS, write
from theorycheck.data.image_sets import images, read_cifar10, read_idx
from theorycheck.errors import InputError


def said(folder: Path, kind: str = "mnist") -> str:
    with pytest.raises(InputError) as raised:
        images(f"{kind}:{folder}")
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("inner", ["raw", "MNIST/raw", "data/MNIST/raw"])
@pytest.mark.parametrize("zipped", [False, True])
def test_files_that_lie_deeper(tmp_path: Path, inner: str, zipped: bool) -> None:
    """As torchvision puts them; the advice can be followed."""
    folder = tmp_path / inner
    folder.mkdir(parents=True)
    write(folder / IMAGES, GOOD_IMAGES, zipped)
    write(folder / LABELS, GOOD_LABELS, zipped)
    assert f"; name {folder} that holds the IDX files" in said(tmp_path)
    assert images(f"mnist:{folder}").size == 4


def test_batches_that_lie_deeper(tmp_path: Path) -> None:
    """As the archive unpacks."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for number in range(1, 6):
        (folder / f"data_batch_{number}.bin").write_bytes(bytes(2 * 3073))
    assert f"; name {folder} that holds the binary version" in said(tmp_path, "cifar10")
    assert read_cifar10(folder, records_per_file=2).size == 10


@pytest.mark.parametrize("change", [str.upper, str.title, lambda name: f"my-{name.upper()}"])
def test_names_in_other_letters(tmp_path: Path, change: type) -> None:
    write(tmp_path / change(IMAGES), GOOD_IMAGES, False)
    write(tmp_path / change(LABELS), GOOD_LABELS, False)
    assert f"; rename {change(LABELS)}, if that is it, or name the folder" in said(tmp_path)


@pytest.mark.parametrize("name", [IMAGES, LABELS, f"{IMAGES}.gz", LABELS.replace("-idx", ".idx")])
@pytest.mark.parametrize("target", ["nowhere", "itself", "/nowhere/at/all"])
def test_links_to_no_file(tmp_path: Path, name: str, target: str) -> None:
    other = LABELS if name.startswith(IMAGES) else IMAGES
    write(tmp_path / other, GOOD_LABELS if other == LABELS else GOOD_IMAGES, False)
    (tmp_path / name).symlink_to(tmp_path / name if target == "itself" else target)
    assert (
        said(tmp_path) == f"{tmp_path / name} is a link to no file; mend it, or put the file there"
    )


def test_a_batch_that_is_a_link_to_no_file(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1.bin").symlink_to("nowhere")
    assert "data_batch_1.bin is a link to no file" in said(tmp_path, "cifar10")


def test_a_broken_link_beside_the_file_does_no_harm(tmp_path: Path) -> None:
    write(tmp_path / IMAGES, GOOD_IMAGES, True)
    write(tmp_path / LABELS, GOOD_LABELS, True)
    (tmp_path / IMAGES).symlink_to("nowhere")
    assert read_idx(tmp_path).size == 4


@pytest.mark.parametrize("name", [IMAGES, LABELS])
def test_a_file_that_is_gzipped_under_a_plain_name(tmp_path: Path, name: str) -> None:
    for one, content in ((IMAGES, GOOD_IMAGES), (LABELS, GOOD_LABELS)):
        write(tmp_path / one, gzip.compress(content) if one == name else content, False)
    assert said(tmp_path).startswith(f"{tmp_path / name} is gzipped, though its name does not say")


def test_a_batch_that_is_gzipped_under_a_plain_name(tmp_path: Path) -> None:
    for number in range(1, 6):
        (tmp_path / f"data_batch_{number}.bin").write_bytes(gzip.compress(bytes(3073)))
    assert "data_batch_1.bin is gzipped" in said(tmp_path, "cifar10")


@pytest.mark.parametrize("label", [0, 1, 9])
def test_images_of_one_class_are_no_data(tmp_path: Path, label: int) -> None:
    write(tmp_path / IMAGES, GOOD_IMAGES, False)
    write(tmp_path / LABELS, struct.pack(">2I", 0x801, 4) + bytes([label] * 4), False)
    assert f"all images are of class {label}, and there is nothing to tell apart" in said(tmp_path)
    write(tmp_path / LABELS, struct.pack(">2I", 0x801, 4) + bytes([label] * 3 + [2]), False)
    assert images(f"mnist:{tmp_path}").size == 4
