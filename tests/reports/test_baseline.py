"""The verdicts on record, and what differs from them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reports.entries import ENTRIES
from theorycheck import reports
from theorycheck.claims.strengths import Level, Strength
from theorycheck.claims.verdicts import Verdict
from theorycheck.errors import InputError
from theorycheck.reports.baseline import Baseline, load_baseline

RENAMED = Baseline(verdicts={"b-claim": "holds"}, renamed={"z-claim": "b-claim"})

OTHER = {"title": "3" * 16}

TABLES = st.dictionaries(st.text(), st.text(), max_size=3)

VERDICTS = st.sampled_from(["proved", "holds", "refuted", "vacuous"])


def test_baseline_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    assert load_baseline(path) == Baseline(verdicts={})
    path.write_text(Baseline(verdicts={"b-claim": "holds", "a-claim": "refuted"}).text())
    assert list(load_baseline(path).verdicts.items()) == [
        ("a-claim", "refuted"),
        ("b-claim", "holds"),
    ]


VERSIONS = st.dictionaries(st.text(), TABLES, max_size=3)


@given(
    st.builds(
        Baseline,
        verdicts=st.dictionaries(st.text(), VERDICTS, max_size=3),
        strengths=st.dictionaries(
            st.text(), st.sampled_from([*get_args(Level), "unexamined"]), max_size=3
        ),
        versions=VERSIONS,
        statements=TABLES,
        renamed=TABLES,
        wording=st.dictionaries(st.text(), st.lists(st.text(), max_size=3).map(tuple), max_size=3),
    )
)
def test_every_record_round_trips_in_order(
    tmp_path_factory: pytest.TempPathFactory, record: Baseline
) -> None:
    path = tmp_path_factory.mktemp("record") / "baseline.json"
    reports.write_atomically(path, record.text())
    loaded = load_baseline(path)
    assert loaded == record
    for table in (
        loaded.verdicts,
        loaded.strengths,
        loaded.versions,
        loaded.statements,
        loaded.renamed,
    ):
        assert list(table) == sorted(table)
    assert json.loads(record.text()).keys() == {
        "schema_version", "verdicts", "strengths", "versions", "statements", "renamed", "wording",
    }  # fmt: skip


def test_renames_round_trip_and_a_record_without_any(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    assert load_baseline(path).renamed == {}
    path.write_text(RENAMED.text())
    assert load_baseline(path) == RENAMED
    path.write_text('{"schema_version": 1, "verdicts": {}}')
    assert load_baseline(path) == Baseline(verdicts={}, versions={}, statements={}, renamed={})


@pytest.mark.parametrize("name", ["verdicts", "versions", "statements", "renamed"])
@pytest.mark.parametrize("table", [None, [], {"a-claim": 1}, ["z-claim"]])
def test_baseline_without_a_table(tmp_path: Path, name: str, table: object) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps({"schema_version": 1, "verdicts": {}, name: table}))
    with pytest.raises(InputError) as error:
        load_baseline(path)
    message = str(error.value)
    assert message.startswith(f"baseline {path}: Expected `")
    assert f"at `$.{name}" in message
    assert message.endswith("; restore or delete it")
    assert "\n" not in message


def test_baseline_without_verdicts(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text('{"schema_version": 1}')
    with pytest.raises(InputError, match="missing required field `verdicts`; restore or delete"):
        load_baseline(path)


def test_differences_name_the_claim_and_both_verdicts() -> None:
    entries = [ENTRIES["holds"], ENTRIES["refuted"], ENTRIES["undecided"]]
    record = Baseline(
        verdicts={"second-claim": "holds", "third-claim": "holds", "lost-claim": "proved"},
        versions={entry.id: entry.version for entry in entries},
    )
    same, changed, new = map(record.difference, entries)
    assert same is None
    assert changed is not None
    assert changed.startswith("third-claim: on record as holds, now refuted (counterexample: 7 ≤ 6")
    assert new is not None
    assert new.startswith("fifth-claim: no verdict on record, now undecided (the control")
    assert new.endswith(": the check has no power)")
    (lost,) = record.lost(entry.id for entry in entries)
    assert lost == "lost-claim: on record as proved, not examined"


def test_a_statement_that_changed_differs_even_with_the_verdict_on_record() -> None:
    entry = ENTRIES["holds"]
    changed = {**entry.version, "title": "0" * 16, "control": "1" * 16}
    record = Baseline(verdicts={entry.id: "holds"}, versions={entry.id: changed})
    assert record.difference(entry) == (
        "second-claim: statement changed (title, control); if that is meant, record it with"
        " `theorycheck gate --accept`"
    )
    accepted = record.accepting([entry])
    assert accepted.difference(entry) is None
    refuted = replace(entry, verdict=Verdict.REFUTED)
    said = replace(record, verdicts={entry.id: "proved"}).difference(refuted)
    assert said is not None
    assert said.startswith("second-claim: on record as proved, now refuted (")
    assert "; statement changed (title, control); " in said


def test_a_part_that_one_version_lacks_has_changed() -> None:
    entry = ENTRIES["holds"]
    fewer = {name: digest for name, digest in entry.version.items() if name != "control"}
    for recorded, found in ((fewer, entry.version), (entry.version, fewer)):
        record = Baseline(verdicts={entry.id: "holds"}, versions={entry.id: recorded})
        said = record.difference(replace(entry, version=found))
        assert said is not None
        assert "statement changed (control)" in said


def test_a_record_that_is_older_than_versions_is_completed_by_accepting() -> None:
    entry = ENTRIES["holds"]
    record = Baseline(verdicts={entry.id: "holds"})
    assert record.difference(entry) == (
        "second-claim: no statement on record; record it with `theorycheck gate --accept`"
    )
    assert record.accepting([entry]).difference(entry) is None


def test_claims_on_record_that_nobody_examined_are_lost() -> None:
    record = Baseline(verdicts={"a-claim": "holds", "b-claim": "refuted"})
    assert record.lost(["a-claim", "c-claim"]) == [
        "b-claim: on record as refuted, not examined",
    ]
    assert record.lost(["b-claim", "a-claim"]) == []


def test_a_verdict_under_an_old_name_differs_and_is_not_to_be_recorded() -> None:
    record = Baseline(verdicts={"b-claim": "holds"}, renamed={"second-claim": "b-claim"})
    said = "second-claim, now called b-claim; run the claims again"
    assert record.difference(ENTRIES["holds"]) == said
    assert record.lost(["second-claim"]) == ["b-claim: on record as holds, not examined"]
    with pytest.raises(InputError, match="second-claim, now called b-claim; run the claims again"):
        record.accepting([ENTRIES["holds"], ENTRIES["proved"]])


def test_unknown_claims_are_named_with_what_they_are_called_now() -> None:
    assert RENAMED.unknown(["a-claim", "z-claim"]) == (
        "unknown claim: a-claim, z-claim, now called b-claim; `theorycheck list` names all claims"
    )


def test_accepting_puts_verdicts_and_statements_on_record() -> None:
    record = Baseline(
        verdicts={"second-claim": "refuted", "other-claim": "holds"},
        versions={"second-claim": {}, "other-claim": OTHER},
        statements={"second-claim": "0" * 16, "other-claim": "1" * 16},
    )
    entries = [replace(ENTRIES["holds"], formal_version="2" * 16), ENTRIES["refuted"]]
    assert record.accepting(entries) == Baseline(
        verdicts={"second-claim": "holds", "other-claim": "holds", "third-claim": "refuted"},
        versions={
            "other-claim": OTHER, "second-claim": entries[0].version,
            "third-claim": entries[1].version,
        },
        statements={"second-claim": "2" * 16, "other-claim": "1" * 16},
        wording={entry.id: entry.wording() for entry in entries},
    )  # fmt: skip
    assert record.verdicts["second-claim"] == "refuted"


def test_accepting_drops_the_statement_that_a_claim_has_lost() -> None:
    record = Baseline(
        verdicts={"second-claim": "holds"},
        statements={"second-claim": "0" * 16, "other-claim": "1" * 16},
    )
    accepted = record.accepting([ENTRIES["holds"]])
    assert accepted.statements == {"other-claim": "1" * 16}


def test_accepting_drops_what_stands_under_names_that_claims_no_longer_have() -> None:
    """And keeps the table of new names itself."""
    record = Baseline(
        verdicts={"old-claim": "refuted", "other-claim": "holds"},
        versions={"old-claim": {}, "other-claim": OTHER},
        statements={"old-claim": "0" * 16, "other-claim": "1" * 16},
        renamed={"old-claim": "second-claim"},
    )
    assert record.accepting([ENTRIES["holds"]]) == Baseline(
        verdicts={"second-claim": "holds", "other-claim": "holds"},
        versions={"second-claim": ENTRIES["holds"].version, "other-claim": OTHER},
        statements={"other-claim": "1" * 16},
        renamed={"old-claim": "second-claim"},
        wording={"second-claim": ENTRIES["holds"].wording()},
    )


def test_nothing_undecided_is_accepted() -> None:
    with pytest.raises(InputError, match="undecided claims go on no record: fifth-claim"):
        RENAMED.accepting([ENTRIES["holds"], ENTRIES["undecided"]])


def test_a_strength_at_which_nobody_looked_stays_while_the_statement_does() -> None:
    entry = replace(ENTRIES["holds"], strength=None)
    record = Baseline(
        verdicts={entry.id: "holds"}, versions={entry.id: entry.version},
        strengths={entry.id: "architectures"},
    )  # fmt: skip
    told = "1 strengths on record were not examined; the default profile does"
    assert record.unexamined([entry]) == told
    assert record.accepting([entry]).strengths == {entry.id: "architectures"}
    for other, known in (
        (replace(entry, version={**entry.version, "title": "0" * 16}), "unexamined"),
        (replace(entry, strength=Strength(level="sampled")), None),
        (ENTRIES["refuted"], None),
    ):
        alike = replace(other, id=entry.id)
        assert record.accepting([alike]).strengths.get(entry.id) == known
    assert record.unexamined([ENTRIES["refuted"]]) is None
    assert Baseline(verdicts={}).unexamined([entry]) is None


@pytest.mark.parametrize("level", ["sampled", "architectures", "general"])
def test_what_was_accepted_without_a_strength_may_have_any(level: Level) -> None:
    """Until a run that looked is accepted."""
    entry = replace(ENTRIES["holds"], strength=None)
    record = Baseline(verdicts={}).accepting([entry])
    assert record.strengths == {entry.id: "unexamined"}
    assert record.accepting([entry]) == record
    assert record.unexamined([entry]) is None
    looked = replace(entry, strength=Strength(level=level))
    assert record.difference(looked) is None
    known = record.accepting([looked])
    assert known.difference(looked) is None
    other = replace(entry, strength=Strength(level="general" if level == "sampled" else "sampled"))
    said = known.difference(other)
    assert said is not None
    assert f"strength on record as {level}, now " in said


def test_what_differs_from_a_record_is_named() -> None:
    first, second, third = (ENTRIES[name] for name in ("holds", "refuted", "vacuous"))
    record = Baseline(verdicts={}).accepting([first, second])
    told = replace(second, title="Another title")
    assert record.differing([first, told, third]) == frozenset([told.id, third.id])
    assert record.differing([first, second]) == frozenset()


def test_where_nothing_is_on_record_nothing_has_changed() -> None:
    assert Baseline(verdicts={}).differing([ENTRIES["holds"]]) is None
