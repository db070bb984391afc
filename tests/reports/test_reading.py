"""Edits of reports: whatever stands in a document, the answer is one line and never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reports.entries import report, sealed
from theorycheck import reports
from theorycheck.configuration import Project, Settings
from theorycheck.errors import InputError
from theorycheck.reports import Baseline, gating
from theorycheck.reports.documents import Report
from theorycheck.reports.merging import merge

DOCUMENT: Any = json.loads(reports.dumps(report().document()))


def places(part: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = part.items() if isinstance(part, dict) else enumerate(part)
    found = []
    for key, value in items:
        found.append((*place, key))
        if isinstance(value, (dict, list)):
            found += places(value, (*place, key))
    return found


def deep(levels: int) -> Any:
    nested: Any = "1"
    for _ in range(levels):
        nested = [nested]
    return nested


VALUES: list[Any] = [
    None, True, -1, 0, 10**9, 10**400, 0.5, 1e300, "", "x", "1/0", "-3/4", "1e400", "1e999999999",
    "9" * 5000, "nan", "a\nb", "\x00", [], {}, [None], {"a": 1}, ["x"], [[["1"]]], deep(40),
    deep(300), "identity", "holds", "refuted",
]  # fmt: skip
PLACES = st.sampled_from(places(DOCUMENT))
EDIT = st.tuples(PLACES, st.sampled_from(["set", "drop", "add"]), st.sampled_from(VALUES))
EDITS = st.lists(EDIT, min_size=1, max_size=3)


def edited(edits: list[tuple[tuple[Any, ...], str, Any]]) -> Any:
    document = deepcopy(DOCUMENT)
    for (*way, last), how, value in edits:
        part = document
        try:
            for key in way:
                part = part[key]
            if how == "set":
                part[last] = deepcopy(value)
            elif how == "drop":
                del part[last]
            elif isinstance(part[last], list):
                part[last].append(deepcopy(value))
            else:
                part[last]["more"] = deepcopy(value)
        except (LookupError, TypeError):
            continue  # An earlier edit took it away.
    return document


def answer(use: Callable[[], object]) -> object:
    """What is said, in one line where the input cannot be used."""
    try:
        return use()
    except InputError as error:
        return error


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(EDITS)
def test_no_edit_is_a_traceback(tmp_path_factory: pytest.TempPathFactory, edits: Any) -> None:
    """Also where somebody has sealed the document again."""
    folder = tmp_path_factory.mktemp("edited")
    path = folder / "claims.json"
    path.write_text(json.dumps(sealed(edited(edits))), encoding="utf-8")
    found = answer(lambda: reports.load_report(path))
    if isinstance(found, Report):
        about = found
        answers = [
            answer(lambda: [reports.section(entry) for entry in about.claims]),
            answer(lambda: reports.render_markdown(about)),
            answer(lambda: Project(folder, Settings()).differences(Baseline(verdicts={}), about)),
            answer(lambda: list(gating.doubts(folder, about, folder, []))),
            answer(lambda: reports.dumps(merge([about]).document())),
        ]
    else:
        answers = [found]
    for one in answers:
        if isinstance(one, InputError):
            assert "\n" not in str(one)
        else:
            json.dumps(one, ensure_ascii=False).encode()


def test_a_folder_is_no_document(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a file, or an empty one"):
        reports.load_baseline(tmp_path)


def test_nothing_can_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("")
    with pytest.raises(InputError, match="reports is no folder"):
        reports.load_report(tmp_path / "reports/claims.json")
