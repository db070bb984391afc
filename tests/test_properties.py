"""The claims have their places: families of a few, named after their file, with words said once."""

from __future__ import annotations

import ast
import importlib
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from properties import assumptions, notation, papers
from theorycheck import Assumption, Paper, reports
from theorycheck.claims.declaration import Claim
from theorycheck.pytest_plugin.collecting import collect_claims
from theorycheck.reports.coverage import Placed

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "properties").rglob("*.py"))
FAMILIES = [path for path in MODULES if path.name.startswith("test_")]
BASELINE = ROOT / "reports" / "baseline.json"
FEWEST, MOST = 3, 12
SHARED = {
    name: (module.__name__, value)
    for module in (assumptions, notation, papers)
    for name, value in vars(module).items()
    if name.isupper()
}


@cache
def claims() -> dict[str, Claim]:
    """By node id."""
    return collect_claims([str(ROOT / "properties")])


def ids_of(family: Path) -> list[str]:
    prefix = f"{family.relative_to(ROOT).as_posix()}::"
    return [claim.id for node, claim in claims().items() if node.startswith(prefix)]


def place(path: Path) -> str:
    return path.relative_to(ROOT / "properties").as_posix()


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("family", FAMILIES, ids=place)
def test_a_family_has_a_few_claims_named_after_it(family: Path) -> None:
    ids = ids_of(family)
    name = family.stem.removeprefix("test_").replace("_", "-")
    assert FEWEST <= len(ids) <= MOST
    assert [i for i in ids if i != name and not i.startswith(f"{name}-")] == []


def test_every_claim_is_in_the_family_with_the_longest_name_that_fits() -> None:
    """So that an id alone says where its claim is."""
    names = {path.stem.removeprefix("test_").replace("_", "-"): path for path in FAMILIES}
    assert len(names) == len(FAMILIES)
    for node, claim in claims().items():
        fitting = [name for name in names if f"{claim.id}-".startswith(f"{name}-")]
        assert names[max(fitting, key=len)] == ROOT / node.partition("::")[0]


def test_ids_are_unique() -> None:
    assert len({claim.id for claim in claims().values()}) == len(claims())


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_modules_import_the_engine_and_one_another_alone(path: Path) -> None:
    """And nothing private, and nothing of another family."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import)]
    names = [
        (node.module or "" if isinstance(node, ast.ImportFrom) else alias.name, alias.name)
        for node in imported
        for alias in node.names
    ]
    of_the_project = {"theorycheck", "properties"}
    others = {path.stem for path in ROOT.glob("*.py")} | {
        path.name for path in ROOT.iterdir() if path.is_dir()
    }
    for source, name in names:
        assert source.split(".")[0] not in others - of_the_project
        if source.split(".")[0] in of_the_project:
            words = [*source.split("."), *name.split(".")]
            assert not any(word.startswith(("_", "test_")) for word in words)


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_shared_names_mean_one_thing(path: Path) -> None:
    found = vars(importlib.import_module(module(path)))
    for name, (home, value) in SHARED.items():
        assert name not in found or found[name] is value, f"{name} is of {home}"


def test_every_assumption_is_said_once() -> None:
    """One wording for a formula and one formula for a wording, and what is shared is imported."""
    formal = [a for claim in claims().values() for a in claim.given if isinstance(a, Assumption)]
    said = {(a.prose, a.formula) for a in formal}
    for texts in ([prose for prose, _ in said], [formula for _, formula in said]):
        assert [text for text, times in Counter(texts).items() if times > 1] == []
    shared = {a.formula: a for _, a in SHARED.values() if isinstance(a, Assumption)}
    assert [a.prose for a in formal if a is not shared.get(a.formula, a)] == []


def test_every_shared_name_is_used() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in MODULES}
    names = {
        node.id if isinstance(node, ast.Name) else node.attr
        for text in texts.values()
        for node in ast.walk(ast.parse(text))
        if (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
        or isinstance(node, ast.Attribute)
    }
    assert set(SHARED) <= names


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_modules_say_what_they_hold_in_at_most_400_lines(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert text.count("\n") <= 400


def test_the_record_has_exactly_these_claims() -> None:
    ids = {claim.id for claim in claims().values()}
    record = reports.load_baseline(BASELINE)
    assert set(record.verdicts) == ids
    assert set(record.statements) <= ids


def test_renamed_claims_exist_by_their_new_ids_alone() -> None:
    ids = {claim.id for claim in claims().values()}
    renames = reports.load_baseline(BASELINE).renamed
    assert set(renames.values()) <= ids
    assert not set(renames) & ids
    assert len(set(renames.values())) == len(renames)


def test_claims_rest_on_claims_and_never_in_circles() -> None:
    uses = {claim.id: set(claim.rests_on) for claim in claims().values()}
    assert set().union(*uses.values()) <= uses.keys()
    TopologicalSorter(uses).prepare()


def test_certificates_on_record_are_of_these_claims() -> None:
    ids = {claim.id for claim in claims().values()}
    assert {
        path.name.split(".")[0] for path in (BASELINE.parent / "certificates").glob("*.json")
    } <= ids


def test_texts_name_no_claim_by_an_old_id() -> None:
    """In backticks or links, as prose names claims."""
    for path in [*MODULES, ROOT / "README.md", ROOT / "reports" / "faults.md"]:
        text = path.read_text(encoding="utf-8")
        for old in reports.load_baseline(BASELINE).renamed:
            assert not any(quoted in text for quoted in (f"`{old}`", f"(#{old})", f'"{old}"'))


def test_items_and_sources_of_claims_fit_together() -> None:
    lists = reports.load_items([ROOT / "properties"])
    found = reports.covered(lists, [Placed.on_record(claim, {}) for claim in claims().values()])
    assert [fault for one in found for fault in one.faults] == []
    assert {one.paper: one.open for one in found if one.open} == {}
    assert {one.paper for one in found} <= {
        p.key for p in vars(papers).values() if isinstance(p, Paper)
    }
