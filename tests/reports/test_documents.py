"""Report documents: files that everyone can read, and files that cannot be used."""

from __future__ import annotations

import json
import math
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as replaced

from tests.reports.drawn import DIFFERENT
from tests.reports.entries import ENTRIES, RUN, observed, report
from theorycheck import reports
from theorycheck.claims.verdicts import Verdict
from theorycheck.errors import InputError
from theorycheck.reports.documents import Report

ROOT = Path(__file__).parents[2]

PUBLISHED = ROOT / "theorycheck/reports/report.schema.json"

VALIDATOR = jsonschema.Draft202012Validator(json.loads(PUBLISHED.read_text(encoding="utf-8")))


def plain(one: Report) -> Any:
    """The document as it is read from a file."""
    return json.loads(reports.dumps(one.document()))


def test_entries_have_the_verdicts_that_they_are_named_after() -> None:
    verdicts = {name: ENTRIES[name].verdict for name in reports.ORDER}
    assert verdicts == {name: name for name in reports.ORDER}
    assert ENTRIES["tendency"].verdict == ENTRIES["corrected"].verdict == "holds"
    assert set(reports.ORDER) == set(Verdict)


def test_written_files_can_be_read_by_everyone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "claims.md"
    reports.write_atomically(path, "ρ ≤ 1\n")
    assert path.read_bytes() == "ρ ≤ 1\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    reports.write_atomically(path, "again")
    assert path.read_text(encoding="utf-8") == "again"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        reports.write_atomically(tmp_path / "file" / "claims.md", "text")


OLD = {"claims.json": "old", "claims.md": "old", "run.json": "old"}
NEW = {"claims.json": "new", "claims.md": "new", "run.json": None}


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_files_are_written_together(tmp_path: Path) -> None:
    reports.write_together(tmp_path, OLD)
    reports.write_together(tmp_path, NEW)
    assert contents(tmp_path) == {"claims.json": "new", "claims.md": "new"}


@pytest.mark.parametrize("moves", range(3))
def test_a_crash_leaves_no_old_file_beside_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    reports.write_together(tmp_path, OLD)
    move, left = os.replace, iter([True] * moves)

    def crashing(source: str, target: Path) -> None:
        if not next(left, False):
            raise KeyboardInterrupt
        move(source, target)

    monkeypatch.setattr(os, "replace", crashing)
    with pytest.raises(KeyboardInterrupt) if moves < 2 else nullcontext():
        reports.write_together(tmp_path, NEW)
    found = contents(tmp_path)
    assert found["claims.json"] == ("new" if moves else "old")
    assert len(set(found.values())) == 1


def test_a_full_disk_leaves_all_files_as_they_were(tmp_path: Path) -> None:
    reports.write_together(tmp_path, OLD)
    with pytest.raises(UnicodeEncodeError):
        reports.write_together(tmp_path, {**NEW, "claims.md": "\udcff"})
    assert contents(tmp_path) == OLD


@pytest.mark.parametrize("name", NEW)
def test_a_folder_in_the_place_of_a_file_leaves_all_files_as_they_were(
    tmp_path: Path, name: str
) -> None:
    others = {other: text for other, text in OLD.items() if other != name}
    reports.write_together(tmp_path, others)
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError, match=name):
        reports.write_together(tmp_path, NEW)
    (tmp_path / name).rmdir()
    assert contents(tmp_path) == others


WRITE_OFTEN = """
import sys
from pathlib import Path
from theorycheck import reports

for _ in range(300):
    texts = dict.fromkeys(["claims.json", "claims.md"], sys.argv[2])
    reports.write_together(Path(sys.argv[1]), texts)
"""


def test_two_runs_that_write_at_once_do_not_mix(tmp_path: Path) -> None:
    """What is left is all of one of them."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE_OFTEN, str(tmp_path), name])
        for name in ("one", "other")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    found = contents(tmp_path)
    assert len(found) == 2
    assert len(set(found.values())) == 1


def test_report_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    reports.write_atomically(path, reports.dumps(report().document()))
    assert reports.load_report(path) == report()
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "schema_version": reports.SCHEMA_VERSION,
        "run": {
            "profile": "default", "seed": 0, "device": "cpu", "images": "digits",
            "finished": True,
            "sources": {
                "engine": "0123456789abcdef",
                "claims": {"properties": "fedcba9876543210"},
            },
        },
        "claims": [written_out(found) for found in ENTRIES.values()],
        "digest": report().document()["digest"],
    }  # fmt: skip


def written_out(value: object) -> object:
    """By the names of the fields, in their order, with lists for tuples."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: written_out(part) for name, part in vars(value).items()}
    if isinstance(value, tuple):
        return [written_out(part) for part in value]
    if isinstance(value, dict):
        return {name: written_out(part) for name, part in value.items()}
    return value


@given(DIFFERENT)
def test_every_report_is_what_its_document_says(runs: list[Report]) -> None:
    for one in (*runs, reports.merge(runs), reports.merge([])):
        assert Report.of(one.document()) == one
        assert Report.of(plain(one)) == one


def test_what_a_run_was_not_asked_for_is_there_if_there_is_any() -> None:
    part = report(runs=(replaced(RUN, omitted=3),))
    assert (plain(part)["run"]["omitted"], part.omitted) == (3, 3)
    assert "omitted" not in plain(report())["run"]
    assert Report.of(plain(part)) == part
    assert (report().omitted, report(runs=(RUN, RUN)).omitted) == (0, 0)


def test_the_record_is_read_and_written_as_it_is() -> None:
    path = ROOT / "reports/claims.json"
    text = path.read_text(encoding="utf-8")
    assert reports.dumps(reports.load_report(path).document()) == text


def written(**changes: Any) -> str:
    return json.dumps({**report().document(), **changes})


def changed_claim(**changes: Any) -> str:
    return written(claims=[{**ENTRIES["holds"].document(), **changes}])


RUNNING: dict[str, Any] = plain(report())["run"]

FAULTS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "cannot be read"),
    "truncated": (written()[:-20], "cannot be read"),
    "binary": (b"\xff\xfe\x00", "cannot be read"),
    "list": ("[]", "no schema_version"),
    "no version": ('{"run": {}, "claims": []}', "no schema_version"),
    "version as text": ('{"schema_version": "1"}', "no schema_version"),
    "version as truth": ('{"schema_version": true}', "no schema_version"),
    "version as float": ('{"schema_version": 2.0}', "no schema_version"),
    "newer": ('{"schema_version": 99}', "upgrade theorycheck"),
    "older": ('{"schema_version": 1}', "run the claims again"),
    "too deep": ("[" * 100_000, "cannot be read"),
    "not a number": (written(run={"seconds": math.nan}), " is not a finite number"),
    "infinite": (written(run={"seconds": math.inf}), " is not a finite number"),
    "too large": (
        written().replace('"tightness": 0.5', '"tightness": 1e999'),
        "1e999 is not a finite number",
    ),
    "half a letter": (written(run={"device": "\ud800"}), "cannot be read"),
    "no claims": (written(claims=None), "its list of claims cannot be read: Expected `array`"),
    "claims as object": (written(claims={}), "its list of claims cannot be read: Expected `array`"),
    "no run": (written(run=None), "its run cannot be read: Expected `object`, got `null`"),
    "incomplete run": (written(run={"seed": 0}), "its run cannot be read: Object missing required"),
    "seed as truth": (written(run={**RUNNING, "seed": True}), "got `bool` - at `$.seed`"),
    "incomplete merged run": (
        written(run={"merged": [RUNNING, {}]}),
        "its list of runs cannot be read: Object missing required field `profile` - at `$[1]`",
    ),
    "merged runs as text": (
        written(run={"merged": "two"}),
        "its list of runs cannot be read: Expected `array`, got `str`",
    ),
    "claim as text": (
        written(claims=["a"]),
        "its list of claims cannot be read: Expected `object`, got `str` - at `$[0]`",
    ),
    "incomplete claim": (
        written(claims=[{}]),
        "claim None cannot be read: Object missing required field `id`",
    ),
    "unknown verdict": (
        changed_claim(verdict="maybe"),
        "claim 'second-claim' cannot be read: Invalid enum value 'maybe' - at `$.verdict`",
    ),
    "long verdict": (changed_claim(verdict="x" * 1000), "claim 'second-claim' cannot be read: "),
    "verdict in two lines": (changed_claim(verdict="a\nb"), r"Invalid enum value 'a\nb'"),
    "a seed as text": (
        changed_claim(seeds=[0, "1"]),
        "claim 'second-claim' cannot be read: Expected `int`, got `str` - at `$.seeds[1]`",
    ),
}


@pytest.mark.parametrize(("content", "message"), FAULTS.values(), ids=FAULTS)
def test_unusable_reports(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "claims.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as error:
        reports.load_report(path)
    said = str(error.value)
    assert message in said
    assert said.startswith(f"report {path}")
    assert said.endswith(("again", "restore or delete it", "upgrade theorycheck"))
    assert "\n" not in said
    assert len(said) < len(str(path)) + 240


def test_missing_report_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist; run"):
        reports.load_report(tmp_path / "claims.json")
    with pytest.raises(InputError, match="cannot be read"):
        reports.load_report(tmp_path)


def test_numbers_that_json_lacks_are_never_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        reports.dumps({"seconds": float("nan")})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_are_in_no_outcome(number: float) -> None:
    """A comparison may have such a tightness: its example has none then."""
    example = observed(True, tightness=number).example()
    assert example.tightness is None
    found = plain(report())
    for name, part in (("tightest", {"tightness": number}), ("nearest", {"distance": number})):
        spoilt = deepcopy(found)
        changed = {"note": "", **(spoilt["claims"][1][name] or {}), **part}
        spoilt["claims"][1][name] = changed
        with pytest.raises(InputError, match=rf"second-claim.* of {number} - at `\$\.{name}`"):
            Report.of(spoilt)


def test_failed_write_leaves_the_previous_file(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    reports.write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        reports.write_atomically(path, "\udc80")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_schema_published_is_that_of_the_classes() -> None:
    jsonschema.Draft202012Validator.check_schema(VALIDATOR.schema)
    assert VALIDATOR.schema["$schema"] == VALIDATOR.META_SCHEMA["$id"]
    assert PUBLISHED.read_text(encoding="utf-8") == reports.dumps(reports.schema())


def test_the_record_is_of_the_published_form() -> None:
    VALIDATOR.validate(json.loads((ROOT / "reports/claims.json").read_text(encoding="utf-8")))


@given(DIFFERENT)
def test_reports_are_of_the_published_form(runs: list[Report]) -> None:
    for one in (report(), *runs, reports.merge(runs), reports.merge([])):
        VALIDATOR.validate(plain(one))


def places(part: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a document can be spoilt: keys and positions that lead there."""
    if isinstance(part, list):
        part = dict(enumerate(part))
    for key, value in part.items() if isinstance(part, dict) else ():
        yield (*place, key)
        yield from places(value, (*place, key))


GONE = object()

WRONG: tuple[Any, ...] = (
    GONE,
    None,
    True,
    -1,
    0,
    0.5,
    "text",
    [],
    ["text"],
    [0],
    {},
    {"text": 0},
    {"0": "text"},
)


def spoilt(document: Any, place: tuple[Any, ...], wrong: Any) -> Any:
    changed = deepcopy(document)
    part = changed
    for key in place[:-1]:
        part = part[key]
    if wrong is GONE:
        del part[place[-1]]
    else:
        part[place[-1]] = wrong
    return changed


def refusal(document: Any) -> str | None:
    """Why the document is no report, if it is none."""
    try:
        Report.of(document)
    except InputError as error:
        return str(error).partition("cannot be read: ")[2]
    return None


SOUND = [
    plain(report(ENTRIES["holds"], ENTRIES["refuted"])),
    plain(report(ENTRIES["vacuous"], ENTRIES["tendency"], runs=(RUN, RUN))),
    plain(report(runs=(replaced(RUN, omitted=2),))),
]

BY_TYPE = ("Expected `", "Object missing required field `", "Invalid enum value '")
"""How what types say begins; the schema says that as well, and nothing else."""


@settings(max_examples=1000)
@given(st.data())
def test_the_schema_refuses_what_types_refuse(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(SOUND))
    below = data.draw(st.sampled_from(["run", "claims"]))
    place = data.draw(st.sampled_from([p for p in places(document) if p[0] == below]))
    changed = spoilt(document, place, data.draw(st.sampled_from(WRONG)))
    complaint = refusal(changed)
    assert VALIDATOR.is_valid(changed) is (complaint is None or not complaint.startswith(BY_TYPE))


@pytest.mark.parametrize("missing", ["schema_version", "run", "claims"])
def test_the_schema_asks_for_all_parts(missing: str) -> None:
    assert not VALIDATOR.is_valid(spoilt(SOUND[0], (missing,), GONE))
    assert not VALIDATOR.is_valid({**SOUND[0], "schema_version": reports.SCHEMA_VERSION + 1})
