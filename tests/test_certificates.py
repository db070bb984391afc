"""Certificates: issued only with the kernel's consent, complete, and of the published form."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from theorycheck import kernel, reports
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.declaration import Claim, Formal, Paper, claim
from theorycheck.claims.evidence import Findings, Observation
from theorycheck.claims.examination import examine
from theorycheck.claims.sequential import e_values
from theorycheck.claims.setting import PROFILES, Setting
from theorycheck.claims.verdicts import TENDENCY
from theorycheck.errors import InputError
from theorycheck.kernel import Rejected
from theorycheck.networks.specification import mlp
from theorycheck.pytest_plugin.plugin import collect_claims
from theorycheck.reports.replaying import replay_certificate

ROOT = Path(__file__).parents[1]
COMMITTED = sorted((ROOT / "reports/certificates").glob("*.json"))
SCHEMA = json.loads(
    (ROOT / "theorycheck/claims/certificate.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

Document = dict[str, Any]


@cache
def claims() -> dict[str, Claim]:
    return {claim.id: claim for claim in collect_claims([str(ROOT / "properties")]).values()}


def scalar(*samples: float, weight: float = 1) -> Case:
    """The network that multiplies its input by a weight."""
    return Case(mlp([1, 1]), (np.array([[[weight]]]),), np.array([[[x] for x in samples]]))


def weight_check(setting: Setting, case: Case) -> Findings:
    """No weight exceeds 6."""
    weight = int(case.parameters[0].item())
    yield Observation(
        weight <= 6 - setting.altered,
        str(weight),
        "≤",
        "6",
        "integers",
        weight / 6,
        case=lambda: case,
    )


def toy(conclusion: str | None, **changes: Any) -> Claim:
    """A claim with this conclusion, and fields of its formal statement or its own."""
    parts = {key: changes.pop(key) for key in ("forall", "given", "where") if key in changes}
    fields: dict[str, Any] = {
        "id": "toy-claim",
        "title": "A title",
        "kind": "inequality",
        "sources": (Paper("toy2020", "A toy", "N. N.", 2020).at("Eq. 1"),),
        "statement": "1 = 1",
        "hypotheses": ("none",),
        "control": "one less",
        "check": weight_check,
        "formal": None if conclusion is None else Formal(conclusion, **parts),
    }
    return Claim(**{**fields, **changes})


def outputs() -> Claim:
    """Which is about every sample. A function, because the plugin collects what a module names."""
    return toy("f(n, 0) <= 6", forall=("n in samples",))


# issuing


def test_a_refutation_names_the_first_violation() -> None:
    issued = certificates.issue(outputs(), scalar(5, 9, 8), "refuted", {})
    assert (issued["at"], issued["left"], issued["right"]) == ({"n": 1}, "9", "6")
    assert (issued["claim"], issued["shows"]) == ("toy-claim", "refuted")
    assert issued["version"] == certificates.statement_version(outputs())
    assert issued["case"] == scalar(5, 9, 8).to_dict()
    assert str(kernel.check(issued)) == "toy-claim: verified, 9 ≤ 6 is false at n = 1"


def test_a_tight_example_names_the_largest_ratio() -> None:
    issued = certificates.issue(outputs(), scalar(2, 5, 3), "tight", {})
    assert (issued["at"], issued["left"], issued["shows"]) == ({"n": 1}, "5", "tight")


def test_what_the_engine_knows_of_the_variables_is_kept() -> None:
    assert certificates.issue(outputs(), scalar(5, 9, 8), "refuted", {"n": 2})["left"] == "8"
    assert certificates.issue(outputs(), scalar(2, 5, 3), "tight", {"n": 0})["left"] == "2"


def test_values_that_violate_a_hypothesis_are_left_out() -> None:
    about = toy("f(n, 0) <= 6", forall=("n in samples",), given=("x[n][0] != 9",))
    assert certificates.issue(about, scalar(9, 5, 8), "refuted", {})["at"] == {"n": 2}


def test_irrational_sides_are_enclosed() -> None:
    issued = certificates.issue(toy("root(f(0, 0)) <= 6"), scalar(2, weight=1), "tight", {})
    low, high = (kernel.number(end) for end in issued["left"])
    assert low**2 < 2 < high**2
    assert high - low <= high / 2**40


@pytest.mark.parametrize(
    ("about", "shows", "reason"),
    [
        (toy(None), "refuted", "no formal statement"),
        (outputs(), "refuted", "the conclusion is nowhere false"),
        (toy("f(0, 0) <= 4"), "tight", "the conclusion is nowhere true"),
        (toy("f(0, 0) <= 4", given=("normalised()",)), "refuted", "is not met: normalised()"),
        (toy("f(7, 0) <= 4"), "refuted", "a sample that is not in the batch"),
        (toy("len(depth) <= 4"), "refuted", "cannot be evaluated: TypeError"),
        (toy("f(0, 0)"), "tight", "not one comparison"),
        (toy("f(0, 0) < 6"), "tight", "not an equation or inequality"),
        (toy("root(2) * root(2) - 2 == root(3) * 0 + root(2) * root(2) - 2"), "tight", "not decid"),
    ],
)  # fmt: skip
def test_nothing_is_issued_that_the_kernel_does_not_confirm(
    about: Claim, shows: certificates.Shows, reason: str
) -> None:
    with pytest.raises(Rejected, match=re.escape(reason)):
        certificates.issue(about, scalar(5), shows, {})


def test_the_formal_statement_is_the_whole_claim() -> None:
    about = toy("f(n, 0) <= b", forall=("n in samples",), given=("b > 0",), where=("b = 6",))
    assert certificates.formal_statement(about) == {
        "latex": "1 = 1",
        "hypotheses": ["none"],
        "given": ["b > 0"],
        "where": ["b = 6"],
        "forall": ["n in samples"],
        "conclusion": "f(n, 0) <= b",
    }
    assert certificates.formal_statement(toy(None)) is None


def test_every_change_of_the_statement_changes_its_version() -> None:
    fields = {"forall": ("n in samples",), "given": ("b > 0",), "where": ("b = 6",)}
    first = toy("f(n, 0) <= b", **fields)
    others = [
        toy("f(n, 0) <= b + 0", **fields),
        toy("f(n, 0) <= b", **{**fields, "forall": ("n in outputs",)}),
        toy("f(n, 0) <= b", **{**fields, "given": ("b > 1",)}),
        toy("f(n, 0) <= b", **{**fields, "given": ()}),
        toy("f(n, 0) <= b", **{**fields, "where": ("b = 7",)}),
        toy("f(n, 0) <= b", **fields, statement="1 = 2"),
        toy("f(n, 0) <= b", **fields, hypotheses=("some",)),
        toy("f(n, 0) <= b", **fields, id="other-claim"),
    ]
    versions = {certificates.statement_version(about) for about in (first, *others)}
    assert len(versions) == 1 + len(others)
    same = toy("f(n, 0) <= b", **fields, title="Another", control="two less", enough=7)
    assert certificates.statement_version(same) == certificates.statement_version(first)
    assert certificates.statement_version(toy(None)) is None


# loading


@pytest.fixture
def issued(tmp_path: Path) -> Path:
    path = tmp_path / "reports/certificates/toy-claim.json"
    document = certificates.issue(outputs(), scalar(5, 9, 8), "refuted", {})
    reports.write_atomically(path, reports.dumps(document))
    return path


def test_what_is_issued_can_be_loaded(issued: Path) -> None:
    assert certificates.load(issued)["left"] == "9"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"9"', '"8"', "the digest differs"),
        ('"schema_version": 2', '"schema_version": 3', "schema version 3"),
        ('"schema_version": 2', '"schema_version": 2.0', "2.0: numbers other than sizes"),
        ("{", "", "not JSON"),
    ],
)
def test_what_the_kernel_rejects_is_not_loaded(
    issued: Path, old: str, new: str, reason: str
) -> None:
    issued.write_text(issued.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=reason) as error:
        certificates.load(issued)
    assert str(error.value).startswith(f"certificate {issued}: ")
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "nowhere.json", tmp_path, tmp_path / "binary"):
        with pytest.raises(InputError, match=r"not a file|cannot be read") as error:
            certificates.load(path)
        assert "\n" not in str(error.value)


def test_the_statement_has_to_be_the_one_on_record(issued: Path) -> None:
    record = issued.parents[1] / "baseline.json"
    version = certificates.statement_version(outputs()) or ""
    record.write_text(reports.baseline_text({"toy-claim": "refuted"}, {"toy-claim": version}))
    assert certificates.load(issued)["version"] == version
    record.write_text(reports.baseline_text({"toy-claim": "refuted"}, {"toy-claim": "0" * 16}))
    with pytest.raises(InputError, match="not the one on record for this claim"):
        certificates.load(issued)


# the kernel's consent to verdicts


def examined(about: Claim) -> Document:
    weights = st.builds(lambda w: scalar(1, weight=w), st.integers(0, 50))
    about = replace(about, on={"case": weights})
    return examine(about, profile=PROFILES["default"], run_seed=0, device="cpu")


def test_a_violation_that_the_kernel_confirms_is_certified() -> None:
    entry = examined(toy("W[0][0][0] <= 6"))
    assert (entry["verdict"], entry["document"]["left"]) == ("refuted", "7")


@pytest.mark.parametrize(
    ("about", "objection"),
    [
        (toy("W[0][0][0] <= 60"), "the conclusion is nowhere false"),
        (toy("W[0][0][0] <= 6", given=("depth > 1",)), "a hypothesis is not met: depth > 1"),
        (toy("W[3][0][0] <= 6"), "a number or subscript out of range"),
    ],
)
def test_a_violation_that_the_kernel_does_not_confirm_is_undecided(
    about: Claim, objection: str
) -> None:
    entry = examined(about)
    assert entry["verdict"] == "undecided"
    assert entry["reason"] == f"counterexample: 7 ≤ 6 is false (integers); the kernel: {objection}"
    assert (entry["document"], entry["certificate"]) == (None, None)
    assert entry["counterexample"]["left"] == "7"


# tendencies


PAIRS = ("successes", "failures")


def toss(**changes: Any) -> Claim:
    """A tendency whose pairs nobody has trained."""
    fields: dict[str, Any] = {
        "title": "Heads", "kind": "tendency", "sources": [], "statement": "p > 1/2",
        "hypotheses": ["a coin"], "control": "tails",
    }  # fmt: skip
    return claim("coin-toss", **{**fields, **changes})(lambda setting: iter(()))


@pytest.mark.parametrize(("successes", "failures"), [(0, 16), (1, 20), (7, 40), (40, 60)])
def test_a_contradicted_tendency_is_certified_with_its_evidence(
    successes: int, failures: int
) -> None:
    found = certificates.issue_contradicted(toss(), TENDENCY, successes, failures)
    _, against = e_values(TENDENCY, successes, failures)
    assert Fraction(found["left"]) == TENDENCY.beta * against > 1 == Fraction(found["right"])
    assert found["shows"] == "refuted"
    assert VALIDATOR.is_valid(found)


@pytest.mark.parametrize(("successes", "failures"), [(16, 0), (3, 3), (0, 0), (300, 100)])
def test_a_tendency_that_is_not_contradicted_has_no_certificate(
    successes: int, failures: int
) -> None:
    with pytest.raises(kernel.Rejected):
        certificates.issue_contradicted(toss(), TENDENCY, successes, failures)


# the certificates on record


def test_every_refutation_and_every_tightest_example_on_record_has_its_certificate() -> None:
    expected = {}
    for entry in reports.load_report(ROOT / "reports/claims.json")["claims"]:
        bounds = entry["kind"] in ("inequality", "rank") and entry["tightest"] is not None
        if entry["verdict"] == "refuted":
            expected[entry["id"]] = "refuted"
        elif bounds:
            expected[entry["id"]] = "tight"
    record = reports.load_baseline(ROOT / "reports/baseline.json")
    refuted = {name for name, verdict in record.items() if verdict == "refuted"}
    assert refuted <= expected.keys()
    documents = {path.stem: certificates.load(path) for path in COMMITTED}
    assert {name: documents[name]["shows"] for name in expected} == expected


def test_certificates_on_record_are_those_of_the_report() -> None:
    entries = {e["id"]: e for e in reports.load_report(ROOT / "reports/claims.json")["claims"]}
    named = {e["certificate"] for e in entries.values() if e["certificate"] is not None}
    assert {f"certificates/{path.name}" for path in COMMITTED} == named
    versions = reports.load_baseline(ROOT / "reports/baseline.json", "statements")
    for path in COMMITTED:
        document, entry = certificates.load(path), entries[path.stem]
        assert document["claim"] == path.stem
        shown = entry["counterexample"] or entry["tightest"]
        if entry["kind"] == "tendency":
            pairs = {name: int(document["case"]["numbers"][name]) for name in PAIRS}
            assert pairs == {name: entry["examples"][name] for name in PAIRS}
        else:
            assert document["case"] == shown["case"]
        assert document["version"] == entry["version"] == versions[path.stem]
        assert document["version"] == certificates.statement_version(claims()[path.stem])


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_the_engine_agrees_with_every_certificate_on_record(path: Path) -> None:
    lines, reproduced = replay_certificate(path, claims().values())
    assert reproduced, lines


# engine and kernel, each an oracle of the other


FORMAL = [
    entry["id"]
    for entry in reports.load_report(ROOT / "reports/claims.json")["claims"]
    if entry["version"] is not None
    and entry["kind"] != "tendency"
    and not entry["id"].startswith("rank-bound-trained")
]
"""All on examples but two, whose statement is that of other rank bounds, after a long training."""
MORE = {
    "gradient-rank-convolution": "other derivatives of the activation at 0 than autograd's",
    "neural-collapse-multiclass-printed": "NC1 to NC4, of which the formal statement is one",
    "neural-collapse-multiclass-full-batch": "NC1 to NC4, of which the formal statement is one",
    "neural-collapse-binary-printed-means": "NC1 to NC4, of which the formal statement is one",
    "neural-collapse-binary-classifier-only": "NC1 to NC4, of which the formal statement is one",
}
"""Refuted claims whose property checks more than their formal statement says, and what.

At an example the property may then be violated where the formal statement is true.
"""
WORK = kernel.MOST_WORK // 3
"""Of the kernel for one example here; where that does not suffice, nothing is compared."""
ENOUGH = 10
"""Comparisons of either outcome, after which no more are made."""


def kernel_finds(claim: Claim, case: Document, at: Mapping[str, Any]) -> bool | None:
    """Whether the formal statement is true at an example; None when the kernel cannot say."""
    statement = kernel.Statement.read(certificates.formal_statement(claim))
    for bits in kernel.PRECISIONS:
        example = kernel.Example(case)
        example.work = WORK
        try:
            evaluator = kernel.Evaluator(example, statement.where, bits)
            scopes = (
                scope
                for scope in statement.assignments(evaluator, at)
                if statement.unmet(evaluator, scope) is None
            )
            sides = (statement.sides(evaluator, scope) for scope in scopes)
            return all(kernel.compare(left, statement.relation, right) for left, right in sides)
        except kernel.Undecided:
            continue
        except Rejected:
            return None
    return None


def engine_finds(claim: Claim, case: Case, *, altered: bool) -> Iterator[tuple[bool, str, str]]:
    """Whether each comparison holds, with its example and values of variables as JSON."""
    for finding in claim.check(Setting(altered=altered), case):
        if isinstance(finding, Observation) and finding.holds is not None and finding.case:
            where = json.dumps(finding.case().to_dict()), json.dumps(dict(finding.at))
            yield finding.holds, *where


@pytest.mark.parametrize("name", FORMAL)
def test_engine_and_kernel_agree_on_examples_that_are_no_certificates(name: str) -> None:
    """In both directions, and where the control fails the statement need not.

    Where the property makes several comparisons at one example, all of them have to hold.
    """
    claim = claims()[name]
    refuted = reports.load_baseline(ROOT / "reports/baseline.json")[name] == "refuted"
    agreed: Counter[bool] = Counter()
    told_apart = 0

    def compare(one: Case) -> None:
        nonlocal told_apart
        found: dict[tuple[str, str], bool] = {}
        if agreed[True] >= ENOUGH and (agreed[False] >= ENOUGH if refuted else told_apart):
            return
        for holds, where, at in engine_finds(claim, one, altered=False):
            found[where, at] = holds and found.get((where, at), True)
        if refuted:
            found = {key: holds for key, holds in found.items() if agreed[holds] < ENOUGH}
        truths = {key: kernel_finds(claim, *map(json.loads, key)) for key in found}
        for key, holds in found.items():
            if truths[key] is None or (name in MORE and truths[key] and not holds):
                continue
            assert truths[key] is holds, key
            agreed[holds] += 1
        controls = [holds for holds, *_ in engine_finds(claim, one, altered=True)]
        told_apart += not all(controls) and all(truth is True for truth in truths.values())

    @settings(
        max_examples=40 if refuted else 20,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(**claim.on)
    def check(case: Case) -> None:
        # Violations are rarer than examples that hold, and what is drawn repeats itself.
        for index in range(min(case.members, 4 if refuted else 1)):
            compare(case.member(index))

    check()
    assert agreed.total() >= 3
    if refuted:
        assert agreed[False]
    else:
        assert not agreed[False]
        assert told_apart


# the published form


CONTENT = [json.loads(path.read_text(encoding="utf-8")) for path in COMMITTED]
SMALL = [document for document in CONTENT if len(json.dumps(document)) < 4000]


def sealed(document: Document) -> Document:
    """With the version and digest that belong to the content, as a forger would write them."""
    content = {key: value for key, value in document.items() if key != "digest"}
    if {"claim", "statement", "version"} <= content.keys():
        content["version"] = kernel.digest([content["claim"], content["statement"]])[:16]
    return {**content, "digest": kernel.digest(content)} if "digest" in document else content


def accepted(document: Document) -> bool:
    try:
        kernel.check(document)
    except Rejected:
        return False
    return True


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_certificates_on_record_are_of_the_published_form(path: Path) -> None:
    VALIDATOR.validate(json.loads(path.read_text(encoding="utf-8")))


def places(part: Any, *above: str | int) -> Iterator[tuple[str | int, ...]]:
    """Where the objects, arrays and values of a document are."""
    yield above
    if isinstance(part, dict | list):
        for key, inner in part.items() if isinstance(part, dict) else enumerate(part):
            yield from places(inner, *above, key)


def at_place(document: Document, place: tuple[str | int, ...]) -> Any:
    part: Any = document
    for key in place:
        part = part[key]
    return part


FREE = (("at",), ("case", "numbers"))
"""Objects whose keys the certificate chooses."""
OBJECTS = [
    (index, place)
    for index, document in enumerate(SMALL)
    for place in places(document)
    if isinstance(at_place(document, place), dict) and place not in FREE
]


def test_objects_have_exactly_their_keys() -> None:
    """In schema and kernel alike: none is optional, and there is no other."""
    for index, place in OBJECTS:
        for key in at_place(SMALL[index], place):
            less = deepcopy(SMALL[index])
            del at_place(less, place)[key]
            assert not VALIDATOR.is_valid(sealed(less)), (place, key)
            assert not accepted(sealed(less)), (place, key)
        more = deepcopy(SMALL[index])
        at_place(more, place)["remark"] = "none"
        assert not VALIDATOR.is_valid(sealed(more)), place
        assert not accepted(sealed(more)), place


ODD = st.sampled_from(
    [
        None, True, False, 0, 1, -1, 2, 41, 1001, 10**30, "", "x", "0", "1", "-1", "1/2", "2/4",
        "1/1", "0/3", "-0", "+1", "01", "1.5", "1e9", "nan", "Infinity", " 1", "1/0", "1/-2",
        [], ["1"], [["1"]], [[["1"]]], [1], {}, {"a": "1"}, "not normalised()", "n in samples",
        "refuted", "tight", "dense", "identity", "batch", "lambda: 0", "a b = 1", "é = 1",
    ]
)  # fmt: skip


@given(st.sampled_from(SMALL), st.data())
@settings(max_examples=1500)
def test_the_kernel_accepts_nothing_that_the_schema_does_not(
    document: Document, data: st.DataObject
) -> None:
    """Any part replaced by something odd, or an array made longer or shorter, and sealed anew."""
    changed = deepcopy(document)
    *above, key = data.draw(st.sampled_from([place for place in places(document) if place]))
    outer = at_place(changed, tuple(above))
    if isinstance(outer[key], list) and data.draw(st.booleans()):
        outer[key] = outer[key][1:] if data.draw(st.booleans()) else outer[key] * 2
    else:
        outer[key] = data.draw(ODD)
    forged = changed if key in ("digest", "version") else sealed(changed)
    assert VALIDATOR.is_valid(forged) or not accepted(forged)


MALFORMED: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "another format": (("schema_version",), 1),
    "claim as number": (("claim",), 7),
    "claim as path": (("claim",), "../claim"),
    "verdict": (("shows",), "holds"),
    "float": (("left",), 0.5),
    "decimal": (("left",), "0.5"),
    "not a number": (("left",), "nan"),
    "exponent": (("left",), "1e999999999"),
    "not reduced": (("left",), "1/1"),
    "division by zero": (("left",), "1/0"),
    "enclosure of one": (("left",), ["1"]),
    "hypothesis as number": (("statement", "hypotheses"), [3]),
    "no conclusion": (("statement", "conclusion"), ""),
    "long conclusion": (("statement", "conclusion"), "1 <= 1" + " + 1" * 1000),
    "range without name": (("statement", "forall"), ["samples"]),
    "abbreviation without name": (("statement", "where"), ["= 3"]),
    "variable without name": (("at", "n 1"), 0),
    "variable as text": (("at", "n"), "0"),
    "number as number": (("case", "numbers", "rho"), 1),
    "no layers": (("case", "network", "layers"), []),
    "too many layers": (("case", "network", "layers"), [{}] * 41),
    "width": (("case", "network", "input_width"), 0),
    "width as text": (("case", "network", "input_width"), "1"),
    "bias as number": (("case", "network", "layers", 0, "bias"), 0),
    "normalisation": (("case", "network", "layers", 0, "normalisation"), "layer"),
    "no edges": (("case", "network", "layers", 0, "edges"), []),
    "edge": (("case", "network", "layers", 0, "edges", 0, "map"), "loop"),
    "source": (("case", "network", "layers", 0, "edges", 0, "source"), -1),
    "two members": (("case", "inputs"), [[["1"]], [["1"]]]),
    "no samples": (("case", "inputs"), [[]]),
    "targets": (("case", "targets"), []),
    "digest": (("digest",), "0" * 63),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_malformed_certificates_are_neither_valid_nor_accepted(fault: str) -> None:
    document = certificates.issue(outputs(), scalar(5, 9, 8), "refuted", {})
    assert VALIDATOR.is_valid(document)
    assert accepted(document)
    (*above, key), value = MALFORMED[fault]
    at_place(document, tuple(above))[key] = value
    forged = document if key == "digest" else sealed(document)
    assert not VALIDATOR.is_valid(forged)
    assert not accepted(forged)


def test_schema_and_kernel_name_the_same_limits() -> None:
    named = SCHEMA["$defs"]
    assert SCHEMA["properties"]["schema_version"]["const"] == kernel.SCHEMA_VERSION
    assert SCHEMA["required"] == list(SCHEMA["properties"])
    assert named["statement"]["required"] == list(kernel.STATEMENT)
    assert named["network"]["properties"]["layers"]["maxItems"] == kernel.DEEPEST
    for key in ("hypotheses", "given", "where", "forall"):
        assert named["statement"]["properties"][key]["maxItems"] == kernel.DEEPEST
    formula = f"{kernel.FORMULA.pattern}$"
    assert named["formula"]["pattern"] == f"^{formula}"
    for key in ("where", "forall"):
        assert named["statement"]["properties"][key]["items"]["pattern"].endswith(f" {formula}")
    assert named["name"]["pattern"] == f"^{kernel.NAME}$"
    rational = re.compile(named["rational"]["pattern"])
    for digits in (1499, 1500, 1501):
        for text in ("9" * digits, "-" + "9" * digits, "1/" + "9" * digits):
            assert bool(rational.fullmatch(text)) == bool(kernel.NUMBER.fullmatch(text))


def test_the_schema_is_part_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packaged = project["tool"]["setuptools"]["package-data"]["theorycheck.claims"]
    assert packaged == ["certificate.schema.json"]


# with nothing but Python


BARE = (sys.executable, "-S", "-E")
"""Without site-packages and environment variables."""

VERIFYING = """
import importlib.util, json, sys
sys.path.insert(0, "")
before = set(sys.modules)
from theorycheck.__main__ import main
code = main(["verify", *sys.argv[1:]])
installed = [name for name in ("torch", "numpy", "flint") if importlib.util.find_spec(name)]
print(json.dumps([int(code), installed, sorted(set(sys.modules) - before)]))
"""


def bare(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [*BARE, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_certificates_on_record_are_verified_where_nothing_is_installed() -> None:
    done = bare("-m", "theorycheck", "verify", *COMMITTED)
    assert (done.returncode, done.stderr) == (0, "")
    count = len(COMMITTED)
    assert done.stdout.splitlines()[-1] == f"{count} of {count} certificates verified"


def test_verifying_loads_the_standard_library_and_the_kernel_alone() -> None:
    done = bare("-c", VERIFYING, *COMMITTED)
    code, installed, loaded = json.loads(done.stdout.splitlines()[-1])
    assert (code, installed) == (0, [])
    ours = {name for name in loaded if name.split(".")[0] == "theorycheck"}
    assert ours == {"theorycheck"} | {
        f"theorycheck.{name}"
        for name in ("__main__", "cli", "cli.commands", "cli.console", "errors", "kernel")
    }
    assert {name.split(".")[0] for name in set(loaded) - ours} <= sys.stdlib_module_names


def test_the_kernel_works_as_a_lone_file(tmp_path: Path) -> None:
    shutil.copy(ROOT / "theorycheck/kernel.py", tmp_path)
    for path in COMMITTED:
        shutil.copy(path, tmp_path)
    names = [path.name for path in COMMITTED]
    done = bare("kernel.py", *names, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    tampered = tmp_path / names[0]
    tampered.write_text(tampered.read_text().replace('"1"', '"2"', 1))
    done = bare("kernel.py", *names, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{names[0]}: REJECTED: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout.splitlines()[-1].startswith(f"{len(names) - 1} of {len(names)} ")
    assert bare("kernel.py", cwd=tmp_path).returncode == 4
