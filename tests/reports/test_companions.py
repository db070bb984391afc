"""What stands beside a report, and what of it cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from theorycheck.errors import InputError
from theorycheck.reports.companions import NOTHING, Companions


def test_nothing_stands_beside_a_new_report(tmp_path: Path) -> None:
    assert Companions.of(tmp_path, [tmp_path]) == NOTHING


def test_claims_are_found_where_they_are_stated(tmp_path: Path) -> None:
    (tmp_path / "properties").mkdir()
    (tmp_path / "properties/test_x.py").write_text('claim("a-claim")', encoding="utf-8")
    found = Companions.of(tmp_path / "reports", [tmp_path / "properties"])
    assert found.origins["a-claim"].link == "../properties/test_x.py#L1"


def test_a_report_is_not_lost_for_what_cannot_be_read(tmp_path: Path) -> None:
    for name in ("power.json", "needs.json"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    found = Companions.of(tmp_path, [])
    assert [name in text for name, text in zip(("power", "needs"), found.unread, strict=True)] == [
        True, True,
    ]  # fmt: skip
    assert found.powers == NOTHING.powers
    assert found.needs == NOTHING.needs


def test_a_list_of_items_that_is_none_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "items").mkdir()
    (tmp_path / "items/me.toml").write_text("paper = 1", encoding="utf-8")
    with pytest.raises(InputError, match=r"me\.toml cannot be read"):
        Companions.of(tmp_path, [tmp_path])
