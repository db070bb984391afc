"""Merging: reports add up in any order, seeds count once, and verdicts come from evidence alone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theorycheck import reports
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.comparisons import equality
from theorycheck.claims.declaration import Claim, Formal, Kind, Paper
from theorycheck.claims.evidence import (
    Evidence,
    Finding,
    Findings,
    Observation,
    Pair,
    Rejection,
    Unmet,
)
from theorycheck.claims.examination import describe, examine, undecided
from theorycheck.claims.setting import PROFILES, Setting
from theorycheck.claims.verdicts import judge
from theorycheck.cli.commands import main
from theorycheck.errors import ExitCode, InputError
from theorycheck.networks.specification import mlp
from theorycheck.reports import merging
from theorycheck.reports.documents import Entry
from theorycheck.reports.merging import merge

Document = dict[str, Any]


def unchecked(setting: Setting) -> Findings:
    """In words."""
    yield from ()


def claim(name: str, kind: Kind = "identity", **changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "id": name,
        "title": "A title",
        "kind": kind,
        "sources": (Paper("toy2020", "A toy", "N. N.", 2020).at("Eq. 1"),),
        "statement": "1 = 1",
        "hypotheses": ("none",),
        "control": "one less",
        "check": unchecked,
        "enough": 4,
    }
    return Claim(**{**fields, **changes})


# In lists, because the plugin collects what a module names.
CLAIMS = [
    claim("identity-claim"),
    claim("proved-claim", "symbolic"),
    claim("tendency-claim", "tendency"),
]


def scalar(weight: float) -> Case:
    array = np.array([[[weight]]])
    return Case(mlp([1, 1]), (array,), array)


def violation(weight: int) -> Observation:
    """The claim "no weight exceeds 6" is violated by this weight."""
    return Observation(
        False, str(weight), "≤", "6", "integers", weight / 6, case=lambda: scalar(weight)
    )


def bounded(weight: int) -> Observation:
    """The claim "no weight exceeds 60" holds for this weight."""
    return Observation(
        True, str(weight), "≤", "60", "integers", weight / 60, case=lambda: scalar(weight)
    )


MET = Observation(True, "1", "≤", "2", "integers", tightness=0.5)
FAILED = Observation(False, "1", "=", "0", "integers")


def gathered(*findings: Finding) -> Evidence:
    evidence = Evidence()
    for finding in findings:
        evidence.add(finding)
    return evidence


def entry(
    about: Claim,
    seeds: Sequence[int],
    evidence: Evidence,
    control: Evidence,
    *,
    seconds: float = 1.25,
) -> Entry:
    """What a run reports; with a certificate where the example shown has exact numbers."""
    judgement = judge(about.kind, about.enough, evidence, control)
    shown = evidence.counterexample or evidence.tightest
    found = shown is not None and shown.case is not None
    return {
        **describe(about, judgement, evidence, control),
        "certificate": f"certificates/{about.id}.json" if found else None,
        "seeds": list(seeds),
        "seconds": seconds,
    }


def unfinished(about: Claim, reason: str) -> Entry:
    examined = undecided(about, reason)
    del examined["document"], examined["notes"]
    return examined


def document(seed: int, *entries: Entry, **run: Any) -> Document:
    metadata = {
        "profile": "quick", "seed": seed, "device": "cpu", "images": "digits", "workers": 1,
        "finished": True, "started": "2026-01-01T00:00:00+00:00", "seconds": 2.5,
        "versions": {"theorycheck": "0.1.0"}, **run,
    }  # fmt: skip
    loaded: Document = json.loads(reports.report_text(metadata, entries))
    return loaded


def only(merged: Document) -> Entry:
    [one] = merged["claims"]
    return dict(one)


# generated reports

FINDINGS: st.SearchStrategy[Finding] = st.one_of(
    st.builds(
        Observation,
        st.sampled_from([True, None]),
        st.sampled_from(["1", "2"]),
        st.just("≤"),
        st.just("2"),
        st.sampled_from(["integers", "balls"]),
        tightness=st.sampled_from([None, 0.5, 1.0]),
        count=st.integers(1, 3),
        degenerate=st.sampled_from([None, "zero"]),
    ),
    st.builds(bounded, st.integers(29, 31)),
    st.builds(violation, st.integers(7, 9)),
    st.builds(Rejection, st.sampled_from(["kink", "diverged"])),
    st.builds(Unmet, st.sampled_from([0.5, 0.25]), st.sampled_from(["gradient", "angle"])),
    st.builds(Pair, st.booleans(), st.sampled_from(["rank", "norm"])),
)
EVIDENCE = st.lists(FINDINGS, max_size=3).map(lambda findings: gathered(*findings))


@st.composite
def report_documents(draw: st.DrawFn) -> Document:
    """Of one run, with some of the claims, some of them unfinished; its seed is set later."""
    entries = []
    for about in draw(st.permutations(CLAIMS)):
        match draw(st.sampled_from(["absent", "unfinished", "examined", "examined"])):
            case "unfinished":
                entries.append(unfinished(about, draw(st.sampled_from(["ended", "failed"]))))
            case "examined":
                hundredths = draw(st.integers(0, 10**6))
                found = draw(EVIDENCE), draw(EVIDENCE)
                entries.append(entry(about, [0], *found, seconds=hundredths / 100))
    return document(0, *entries, device=draw(st.sampled_from(["cpu", "cuda"])))


def with_seed(one: Document, seed: int) -> Document:
    changed = deepcopy(one)
    changed["run"]["seed"] = seed
    for examined in changed["claims"]:
        examined["seeds"] = [seed for _ in examined["seeds"]]
    return changed


DIFFERENT = st.lists(report_documents(), min_size=1, max_size=4).map(
    lambda drawn: [with_seed(one, seed) for seed, one in enumerate(drawn)]
)


def bracketed(documents: Sequence[Document], data: st.DataObject) -> Document:
    """The merge of documents in two groups, each of them merged in groups before, and so on."""
    if len(documents) == 1:
        return documents[0]
    cut = data.draw(st.integers(1, len(documents) - 1))
    return merge([bracketed(documents[:cut], data), bracketed(documents[cut:], data)])


@given(DIFFERENT, st.data())
def test_order_and_grouping_do_not_matter(documents: list[Document], data: st.DataObject) -> None:
    """Byte for byte, in the verdict part and in everything else."""
    expected = merge(documents)
    shuffled = data.draw(st.permutations(documents))
    grouped = merge([bracketed(shuffled, data)])
    assert reports.verdict_part(grouped) == reports.verdict_part(expected)
    assert reports.dumps(grouped) == reports.dumps(expected)


@given(report_documents())
def test_merging_one_report_changes_nothing_but_the_order_of_its_claims(one: Document) -> None:
    ordered = sorted(one["claims"], key=lambda examined: str(examined["id"]))
    assert reports.dumps(merge([one])["claims"]) == reports.dumps(ordered)


@given(report_documents())
def test_the_report_of_nothing_is_the_identity(one: Document) -> None:
    nothing = merge([])
    assert nothing["claims"] == reports.runs(nothing) == []
    assert reports.dumps(merge([one, nothing])) == reports.dumps(merge([one]))


@given(DIFFERENT)
def test_verdicts_come_from_the_evidence_of_all_runs(documents: list[Document]) -> None:
    """The judgement of the sums, whatever verdicts and reasons the runs had."""
    expected = merge(documents)
    for about in CLAIMS:
        examined = [e for d in documents for e in d["claims"] if e["id"] == about.id and e["seeds"]]
        if not examined:
            continue
        evidence = sum((Evidence.from_dict(e) for e in examined), Evidence())
        control = sum((Evidence.from_dict(e["control"]) for e in examined), Evidence())
        merged = next(e for e in expected["claims"] if e["id"] == about.id)
        judgement = judge(about.kind, about.enough, evidence, control)
        assert (merged["verdict"], merged["reason"]) == (judgement.verdict, judgement.reason)
        assert merged["seeds"] == sorted(e["seeds"][0] for e in examined)
        for one in examined:
            one.update(verdict="proved", reason="said so")
    assert merge(documents) == expected


def counted(examined: Document) -> tuple[int, int]:
    return examined["examples"]["successes"], examined["examples"]["failures"]


@given(DIFFERENT)
def test_a_certificate_belongs_to_the_example_shown(documents: list[Document]) -> None:
    """To the counterexample, or else the tightest example; there is one if its numbers are.

    What the pairs of a tendency show is certified as a whole, so that no part of them has it.
    """
    for merged in merge(documents)["claims"]:
        if merged["kind"] == "tendency":
            parts = [one for d in documents for one in d["claims"] if one["id"] == merged["id"]]
            whole = [one for one in parts if counted(one) == counted(merged)]
            certified = any(one["certificate"] for one in whole)
            assert (merged["certificate"] is not None) is certified
            continue
        shown = merged["counterexample"] or merged["tightest"]
        named = f"certificates/{merged['id']}.json"
        exact = shown is not None and shown["case"] is not None
        assert merged["certificate"] == (named if exact else None)


@given(DIFFERENT, st.data())
def test_a_seed_that_comes_twice_is_refused(documents: list[Document], data: st.DataObject) -> None:
    """In whatever order and grouping, if and only if some claim has evidence from it twice."""
    again = data.draw(st.sampled_from(documents))
    twice = data.draw(st.permutations([*documents, with_seed(again, again["run"]["seed"])]))
    if any(examined["seeds"] for examined in again["claims"]):
        with pytest.raises(InputError, match=r"-claim: .* seed \d"):
            bracketed(twice, data)
    else:
        bracketed(twice, data)


# evidence of several runs


def pairs(successes: int, failures: int) -> Evidence:
    return gathered(*[Pair(True, "rank")] * successes, *[Pair(False, "rank")] * failures)


def test_pairs_of_several_runs_decide_what_none_of_them_decides() -> None:
    runs = [document(seed, entry(CLAIMS[2], [seed], pairs(6, 0), pairs(0, 6))) for seed in range(3)]
    assert [only(run)["verdict"] for run in runs] == ["undecided"] * 3
    assert only(merge(runs[:2]))["verdict"] == "undecided"
    merged = only(merge(runs))
    assert (merged["verdict"], merged["seeds"]) == ("holds", [0, 1, 2])
    assert merged["reason"] == "the effect appeared in 18 of 18 pairs; control contradicted"


def test_examples_of_several_runs_suffice_together() -> None:
    runs = [
        document(0, entry(CLAIMS[0], [0], gathered(MET, MET, MET), gathered(FAILED))),
        document(1, entry(CLAIMS[0], [1], gathered(MET, Rejection("kink")), Evidence())),
    ]
    assert [only(run)["verdict"] for run in runs] == ["undecided"] * 2
    merged = only(merge(runs))
    assert merged["verdict"] == "holds"
    assert merged["examples"]["fraction"] == 0.8


def test_one_counterexample_refutes() -> None:
    holds = document(0, entry(CLAIMS[0], [0], gathered(*[MET] * 4), gathered(FAILED)))
    refuted = document(1, entry(CLAIMS[0], [1], gathered(violation(7)), gathered(FAILED)))
    merged = only(merge([holds, refuted]))
    assert merged["verdict"] == "refuted"
    assert merged["certificate"] == "certificates/identity-claim.json"


def test_seconds_add_up() -> None:
    runs = [
        document(seed, entry(CLAIMS[0], [seed], gathered(MET), Evidence(), seconds=0.1))
        for seed in range(3)
    ]
    assert only(merge(runs))["seconds"] == 0.3


def test_claims_that_some_runs_lack_are_kept_and_runs_of_one_seed_may_share_the_work() -> None:
    halves = [document(0, entry(about, [0], gathered(MET), Evidence())) for about in CLAIMS[:2]]
    merged = merge(halves)
    assert [one["id"] for one in merged["claims"]] == ["identity-claim", "proved-claim"]
    assert [run["seed"] for run in reports.runs(merged)] == [0, 0]


@pytest.mark.parametrize(
    "change", [{}, {"profile": "deep"}, {"device": "cuda"}, {"started": "later"}], ids=str
)
def test_the_same_run_twice_is_refused_also_when_it_was_made_elsewhere(
    change: dict[str, Any],
) -> None:
    first = document(5, entry(CLAIMS[0], [5], gathered(MET), Evidence()))
    again = document(5, entry(CLAIMS[0], [5], gathered(MET, MET), Evidence()), **change)
    other = document(6, entry(CLAIMS[0], [6], gathered(MET), Evidence()))
    for runs in ([first, again], [merge([first, other]), again], [merge([other]), first, again]):
        with pytest.raises(InputError, match=r"identity-claim: .* seed 5") as error:
            merge(runs)
        assert "\n" not in str(error.value)


def test_a_claim_that_was_not_finished_adds_nothing_and_no_seed() -> None:
    whole = document(0, entry(CLAIMS[0], [0], gathered(*[MET] * 4), gathered(FAILED)))
    ended = document(0, unfinished(CLAIMS[0], "the run ended"), finished=False)
    merged = merge([ended, whole])
    assert merged["claims"] == whole["claims"]
    assert [run["finished"] for run in reports.runs(merged)] == [False, True]
    nothing = only(merge([ended, document(1, unfinished(CLAIMS[0], "the check failed"))]))
    assert (nothing["verdict"], nothing["seeds"]) == ("undecided", [])
    assert nothing["reason"] == "the check failed"


# reports that do not fit


CHANGES: dict[str, Callable[[Entry], None]] = {
    "title": lambda e: e.update(title="Another"),
    "kind": lambda e: e.update(kind="rank"),
    "sources": lambda e: e.update(sources=[]),
    "statement": lambda e: e.update(statement="1 = 2"),
    "description": lambda e: e.update(description="Other words."),
    "hypotheses": lambda e: e.update(hypotheses=["some"]),
    "corrects": lambda e: e.update(corrects="other-claim"),
    "enough": lambda e: e.update(enough=5),
    "version": lambda e: e.update(version="0123456789abcdef"),
    "control": lambda e: e["control"].update(statement="two less"),
}


def test_every_field_of_an_entry_is_merged_or_compared() -> None:
    merged = {
        "id", "verdict", "reason", "examples", "tightest", "counterexample", "nearest",
        "arithmetic", "certificate", "seeds", "seconds",
    }  # fmt: skip
    assert CHANGES.keys() | merged == reports.ENTRY_FIELDS


@pytest.mark.parametrize("field", CHANGES)
def test_different_claims_of_one_id_are_refused(field: str) -> None:
    first = document(0, entry(CLAIMS[0], [0], gathered(MET), Evidence()))
    second = document(1, entry(CLAIMS[0], [1], gathered(MET), Evidence()))
    CHANGES[field](second["claims"][0])
    with pytest.raises(InputError, match=f"identity-claim: the reports differ in its {field}"):
        merge([first, second])


def test_different_images_are_refused() -> None:
    runs = [document(0), document(1, images="mnist:data")]
    with pytest.raises(InputError, match="different images, digits and mnist:data"):
        merge(runs)


FAULTS: dict[str, tuple[Callable[[Entry], None], str]] = {
    "id": (lambda e: e.update(id="../../elsewhere"), "no claim has such an id"),
    "id as number": (lambda e: e.update(id=7), "no text"),
    "kind": (lambda e: e.update(kind="rumour"), "no claim has such an id or kind"),
    "kind as list": (lambda e: e.update(kind=[]), "no claim has such an id or kind"),
    "statement": (lambda e: e.update(statement=None), "no text"),
    "source": (lambda e: e.update(sources=[{}]), "KeyError('paper')"),
    "sources": (lambda e: e.update(sources=3), "TypeError"),
    "seeds": (lambda e: e.update(seeds=None), "TypeError"),
    "seed as text": (lambda e: e.update(seeds=["0"]), "a seed"),
    "no seed": (lambda e: e.update(seeds=[]), "evidence without a seed"),
    "enough": (lambda e: e.update(enough=None), "number of examples needed"),
    "seconds": (lambda e: e.update(seconds="long"), "ValueError"),
    "count": (lambda e: e["examples"].update(tried=-1), "-1 is no count"),
    "count missing": (lambda e: e["examples"].pop("met"), "KeyError('met')"),
    "control": (lambda e: e.update(control=[]), "TypeError"),
    "control without counts": (lambda e: e["control"].pop("examples"), "KeyError('examples')"),
    "certificate elsewhere": (
        lambda e: e.update(certificate="../secret.json"),
        "its certificate is named '../secret.json'",
    ),
    "certificate of nothing": (
        lambda e: e.update(certificate="certificates/identity-claim.json", tightest=None),
        "a certificate without an example",
    ),
    "long": (lambda e: e.update(certificate="x" * 1000), "cannot be read"),
}


@pytest.mark.parametrize(("spoil", "complaint"), FAULTS.values(), ids=FAULTS)
def test_reports_that_cannot_be_merged_are_named(
    tmp_path: Path, spoil: Callable[[Entry], None], complaint: str
) -> None:
    one = document(0, entry(CLAIMS[0], [0], gathered(MET), gathered(FAILED)))
    spoil(one["claims"][0])
    path = tmp_path / "claims.json"
    path.write_text(json.dumps(one), encoding="utf-8")
    with pytest.raises(InputError) as error:
        merging.load(tmp_path)
    message = str(error.value)
    assert message.startswith(f"report {path}: claim ")
    assert complaint in message
    assert "\n" not in message
    assert len(message) < len(str(path)) + 220


# the command line


def parity_check(setting: Setting, number: int) -> Findings:
    """Even numbers are even."""
    if number % 2:
        yield Rejection("odd")
    else:
        yield equality(np.array([number % 2]), np.array([setting.altered]), "integers")


def bound_check(setting: Setting, case: Case) -> Findings:
    """No weight exceeds 6."""
    weight = int(case.parameters[0].item())
    if weight > 6 - setting.altered:
        yield violation(weight)
    else:
        yield Observation(True, str(weight), "≤", "6", "integers", weight / 6)


def wide_bound_check(setting: Setting, case: Case) -> Findings:
    """No weight exceeds 60; the control says 0."""
    weight = int(case.parameters[0].item())
    if setting.altered and weight:
        yield Observation(False, str(weight), "≤", "0", "integers")
    else:
        yield bounded(weight)


def coin_check(setting: Setting) -> Findings:
    """Every pair shows the effect."""
    for _ in range(round(10 * setting.effort)):
        yield Pair(not setting.altered, "heads")


TOYS = [
    claim("even-numbers", check=parity_check, on={"number": st.integers(0, 50)}),
    claim(
        "weight-bound",
        "inequality",
        check=bound_check,
        on={"case": st.builds(scalar, st.integers(0, 50))},
        formal=Formal("W[0][0][0] <= 6"),
    ),
    claim(
        "wide-bound",
        "inequality",
        check=wide_bound_check,
        on={"case": st.builds(scalar, st.integers(0, 60))},
        examples=5,
        formal=Formal("W[0][0][0] <= 60"),
    ),
    claim("fair-coin", "tendency", check=coin_check),
]
RECORD = {
    "even-numbers": "holds", "weight-bound": "refuted", "wide-bound": "holds", "fair-coin": "holds",
}  # fmt: skip
BOUNDS = ("certificates/weight-bound.json", "certificates/wide-bound.json")


def run(folder: Path, seed: int, claims: Sequence[Claim] = TOYS, **metadata: Any) -> Path:
    """What a run of the plugin leaves in a folder."""
    entries = []
    for about in claims:
        examined = examine(about, profile=PROFILES["default"], run_seed=seed, device="cpu")
        certificate, _ = examined.pop("document"), examined.pop("notes")
        if certificate is not None:
            path = folder / str(examined["certificate"])
            reports.write_atomically(path, reports.dumps(certificate))
        entries.append(examined)
    reports.write_report(folder, document(seed, *entries, **metadata))
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two runs and the verdicts on record."""
    monkeypatch.chdir(tmp_path)
    for seed in (1, 2):
        run(tmp_path / f"run{seed}", seed)
    record = tmp_path / "reports" / "baseline.json"
    reports.write_atomically(record, reports.baseline_text(RECORD))
    return tmp_path


def verdicts(folder: Path) -> dict[str, str]:
    claims = reports.load_report(folder / "claims.json")["claims"]
    return {examined["id"]: examined["verdict"] for examined in claims}


def test_merge_of_two_runs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verdicts(place / "run1")["fair-coin"] == "undecided"
    assert main(["merge", "run1", "run2/claims.json"]) == ExitCode.OK
    assert verdicts(place / "merged") == RECORD
    printed = capsys.readouterr().out
    assert "refuted    weight-bound" in printed
    assert "4 claims: 3 holds, 1 refuted" in printed
    assert "CHANGED" not in printed
    assert "Merged from 2 runs: " in (place / "merged/claims.md").read_text(encoding="utf-8")
    assert (place / "merged" / BOUNDS[0]).read_bytes() == (place / "run1" / BOUNDS[0]).read_bytes()


def test_merged_certificates_are_verified_and_of_the_examples_shown(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where runs differ in their tightest examples: the tighter one's comes along."""
    assert main(["merge", "run1", "run2"]) == ExitCode.OK
    entries = {
        folder: {e["id"]: e for e in reports.load_report(place / folder / "claims.json")["claims"]}
        for folder in ("run1", "run2", "merged")
    }
    shown = {
        folder: int(found["wide-bound"]["tightest"]["left"]) for folder, found in entries.items()
    }
    assert shown["run1"] != shown["run2"]
    assert shown["merged"] == max(shown.values())
    for name in ("weight-bound", "wide-bound"):
        merged = entries["merged"][name]
        example = merged["counterexample"] or merged["tightest"]
        document = certificates.load(place / "merged" / merged["certificate"])
        assert document["case"] == example["case"]
        assert document["version"] == merged["version"]
    capsys.readouterr()
    assert main(["verify", *(str(place / "merged" / name) for name in BOUNDS)]) == ExitCode.OK
    assert "2 of 2 certificates verified" in capsys.readouterr().out


def test_a_merged_report_can_be_merged_and_extended(place: Path) -> None:
    run(place / "run3", 3)
    everything = ["run3", "run1", "run2"]
    assert main(["merge", "run1", "run2", "--report-dir", "some"]) == ExitCode.OK
    assert main(["merge", "run3", "some", "--report-dir", "some"]) == ExitCode.OK
    assert main(["merge", *everything, "--report-dir", "all"]) == ExitCode.OK
    for name in ("claims.json", "claims.md", *BOUNDS):
        assert (place / "some" / name).read_bytes() == (place / "all" / name).read_bytes()
    assert main(["merge", "run3", "some", "--report-dir", "some"]) == ExitCode.BAD_INPUT


def test_a_verdict_that_is_not_the_one_on_record(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["merge", "run1"]) == ExitCode.VERDICT_CHANGED
    assert "CHANGED fair-coin: on record as holds, now undecided" in capsys.readouterr().out
    other = place / "other.json"
    other.write_text(reports.baseline_text({**RECORD, "weight-bound": "holds"}))
    code = main(["merge", "run1", "run2", "--baseline", "other.json"])
    assert code == ExitCode.VERDICT_CHANGED
    assert "CHANGED weight-bound: on record as holds" in capsys.readouterr().out


BAD: dict[str, tuple[list[str], str]] = {
    "twice": (["run1", "run1"], "even-numbers: two reports have evidence from seed 1"),
    "missing": (["run1", "nowhere"], "nowhere does not exist"),
    "no report": (["run1", "reports"], "reports/claims.json does not exist"),
    "no json": (["run1", "garbage.json"], "garbage.json cannot be read"),
    "older": (["run1", "older.json"], "older.json has schema version 1"),
    "occupied": (["run1", "run2", "--report-dir", "garbage.json"], "garbage.json"),
    "certificate gone": (["run1", "run2"], "weight-bound.json cannot be read: No such file"),
    "certificate unreadable": (["run1", "run2"], "weight-bound.json cannot be read: 'utf-8'"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_one_line_and_writes_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    (place / "garbage.json").write_text("{")
    (place / "older.json").write_text('{"schema_version": 1, "run": {}, "claims": []}')
    for seed in (1, 2):
        path = place / f"run{seed}/certificates/weight-bound.json"
        if fault == "certificate gone":
            path.unlink()
        if fault == "certificate unreadable":
            path.write_bytes(b"\xff")
    arguments, complaint = BAD[fault]
    assert main(["merge", *arguments]) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert complaint in error
    assert not (place / "merged").exists()


def test_without_runs_there_is_nothing_to_merge(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge"]) == ExitCode.BAD_INPUT
    assert capsys.readouterr().err.count("\n") == 1


def test_the_certificate_is_that_of_the_counterexample_shown(place: Path) -> None:
    """The more readable of two; the other run's file is left where it is."""
    folders = {}
    for seed, weight in ((3, 12), (4, 8)):
        about = TOYS[1]
        found = entry(about, [seed], gathered(violation(weight)), gathered(FAILED))
        folders[seed] = place / f"run{seed}"
        reports.write_report(folders[seed], document(seed, found))
        path = folders[seed] / "certificates/weight-bound.json"
        reports.write_atomically(path, f"weight {weight}")
    for order in itertools.permutations(folders.values()):
        assert main(["merge", *map(str, order)]) == ExitCode.OK
        merged = only(reports.load_report(place / "merged/claims.json"))
        assert merged["counterexample"]["left"] == "8"
        assert (place / "merged/certificates/weight-bound.json").read_text() == "weight 8"


def test_equal_counterexamples_keep_the_certificate_that_there_is() -> None:
    about = TOYS[1]
    certified = entry(about, [0], gathered(violation(7)), Evidence())
    bare = {**certified, "seeds": [1], "certificate": None}
    for runs in itertools.permutations([document(0, certified), document(1, bare)]):
        assert only(merge(runs))["certificate"] == "certificates/weight-bound.json"
