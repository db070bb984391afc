"""Where claims are stated, and of which commit a page says that it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import json

from theorycheck.errors import InputError
from theorycheck.reports.documents import Circumstances
from theorycheck.reports.origins import Making, Origin, origins

TEXT = """
NAMES = [
    "a-claim",
]
a_claim = stated(
    "a-claim",
    title="A title",
)
@claim("b-claim", title="T")
def b_claim(setting): ...
c_claim = searched(tc.stated("c-claim"))
print("a-claim")
cases("No id", 1)()
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WENT = Circumstances(
    started="", seconds=1.0, workers=1, versions={"python": "3.11.9"}, notes=(), claims={}
)


def project(folder: Path) -> Path:
    claims = folder / "properties"
    (claims / "inner").mkdir(parents=True)
    (claims / "inner/test_x.py").write_text(TEXT, encoding="utf-8")
    (claims / "broken.py").write_text("def", encoding="utf-8")
    return claims


def test_claims_are_found_where_their_call_begins(tmp_path: Path) -> None:
    file = "properties/inner/test_x.py"
    assert origins(tmp_path / "reports", [project(tmp_path)]) == {
        name: Origin(file, line, f"../{file}#L{line}")
        for name, line in {"a-claim": 5, "b-claim": 9, "c-claim": 11}.items()
    }


@pytest.mark.parametrize("folder", ["reports/partial", "elsewhere/reports"])
def test_a_page_that_lies_elsewhere_names_no_folder_of_the_machine(
    tmp_path: Path, folder: str
) -> None:
    found = origins(tmp_path / folder, [project(tmp_path)])
    assert found["a-claim"] == Origin("properties/inner/test_x.py", 5, None)


def test_claims_may_stand_in_single_files_or_be_gone(tmp_path: Path) -> None:
    file = project(tmp_path) / "inner/test_x.py"
    assert origins(tmp_path, [file, tmp_path / "gone"])["a-claim"].file == "test_x.py"


def test_a_page_that_is_published_names_commit_and_versions(tmp_path: Path) -> None:
    assert Making.of(tmp_path, COMMIT) == Making(COMMIT, {})
    (tmp_path / "run.json").write_bytes(json.encode(WENT))
    assert Making.of(tmp_path, COMMIT[:7]) == Making(COMMIT[:7], {"python": "3.11.9"})


@pytest.mark.parametrize("commit", ["", "012345", "<script>", "HEAD", "0123456\n"])
def test_what_is_no_commit_is_bad_input(tmp_path: Path, commit: str) -> None:
    with pytest.raises(InputError, match="is no commit; give what `git rev-parse HEAD` prints"):
        Making.of(tmp_path, commit)


def test_circumstances_that_cannot_be_read_are_bad_input(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"run\.json cannot be read"):
        Making.of(tmp_path, COMMIT)
