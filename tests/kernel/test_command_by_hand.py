"""Files, options and what is printed, at the edges of the command."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import pytest

from tests.kernel.examples import CERTIFICATES, DOCUMENT, PROOFS, certificate, sealed
from tests.kernel.test_proofs import architecture, proof
from theorycheck import kernel
from theorycheck.kernel import Rejected


def test_what_is_no_object_is_no_certificate() -> None:
    nothing: list[Any] = ["settled", [], None, 1]
    for document in nothing:
        with pytest.raises(Rejected, match="the keys are not"):
            kernel.check(document)


def test_a_proof_of_another_degree_is_not_the_one_recorded() -> None:
    for part, wrong in (("degree", 7), ("certainty", 101)):
        document = {**proof(), part: wrong}
        with pytest.raises(Rejected, match="which is not what is recorded"):
            kernel.check(sealed({k: v for k, v in document.items() if k != "digest"}))


def test_what_is_explained_names_data_and_targets() -> None:
    example = certificate(case=copy.deepcopy(DOCUMENT))
    lines = list(kernel.explain(kernel.check(example).document))
    assert "  y[1]        [-1]" in lines
    assert "  x[2]        [-2, 1]" in lines
    fixed = architecture(outputs=1, targets=[["1"], ["-1"]])
    lines = list(kernel.explain(proof("y[0][0] == 1", fixed)))
    assert "  y[1]        [-1]" in lines


def test_explanations_are_printed_when_they_are_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = str(PROOFS[0])
    for options, count in (([], 1), (["--explain"], 6)):
        assert kernel.main([*options, path]) == 0
        printed = capsys.readouterr().out.splitlines()
        assert len(printed) == 1 if count == 1 else len(printed) >= count


def test_without_files_the_command_says_how_it_is_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert kernel.main([]) == 4
    assert capsys.readouterr().err.startswith("usage: kernel.py")


def test_two_files_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(path) for path in CERTIFICATES[:2]]
    assert kernel.main(paths[:1]) == 0
    assert "certificates verified" not in capsys.readouterr().out
    assert kernel.main(paths) == 0
    assert "2 of 2 certificates verified" in capsys.readouterr().out


@pytest.mark.parametrize("failing", [[0], [1], [2], [0, 1], [1, 2], [0, 1, 2]])
def test_one_answer_that_is_lost_is_not_forgotten(
    failing: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two answers and a count: whichever of them cannot be written, the code says so."""
    told: list[str] = []

    def say(text: str, stream: TextIO) -> str | None:
        if stream is sys.stderr:
            told.append(text)
            return None
        said.append(text)
        return "full" if len(said) - 1 in failing else None

    said: list[str] = []
    monkeypatch.setattr(kernel, "say", say)
    assert kernel.main([str(path) for path in CERTIFICATES[:2]]) == 4
    assert len(said) == 3
    assert told == ["the answers cannot be written: full"]


def test_files_are_read_as_utf_8(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text('{"a": "\u2264"}', encoding="utf-8")
    asked: list[Any] = []

    def opened(path: Path, **options: Any) -> Any:
        asked.append(options["encoding"])
        return open(path, **options)

    monkeypatch.setattr(kernel, "open", opened, raising=False)
    assert kernel.read_file(tmp_path / "file.json", 100) == {"a": "\u2264"}
    assert asked == ["utf-8"]


def test_files_are_read_where_waiting_cannot_be_switched_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file.json").write_text('{"a": "b"}')
    monkeypatch.delattr(os, "O_NONBLOCK")
    assert kernel.read_file(tmp_path / "file.json", 100) == {"a": "b"}


def test_what_is_not_read_is_closed_again(tmp_path: Path) -> None:
    """A folder has a size, too, and is no file."""
    (tmp_path / "empty").write_bytes(b"")
    before = len(os.listdir("/proc/self/fd"))
    for name in ("empty", "."):
        with pytest.raises(Rejected, match="not a file, or an empty one"):
            kernel.read_file(tmp_path / name, 100)
    assert len(os.listdir("/proc/self/fd")) == before
