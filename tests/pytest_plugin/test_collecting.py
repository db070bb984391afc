"""Collecting claims: all that are there by node id, and none of them is run."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.projects import PROPERTIES, RECORD, Project
from theorycheck.errors import InputError
from theorycheck.pytest_plugin.collecting import collect_claims

pytest_plugins = ["pytester"]

MODULE = "properties/test_toy.py"


def test_claims_by_node_id_in_the_order_of_the_file(project: Project) -> None:
    claims = collect_claims(["properties"])
    assert list(claims) == [f"{MODULE}::{name}" for name in RECORD]
    assert [claim.id for claim in claims.values()] == list(RECORD)
    assert claims[f"{MODULE}::false-claim"].description == "No weight exceeds 6."


def test_nothing_is_run_or_printed_or_written(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    project.write(PROPERTIES.replace("    yield", "    Path('ran').touch()\n    yield"))
    before = sorted(project.path.rglob("*"))
    assert len(collect_claims(["properties"])) == 3
    made = set(project.path.rglob("*")) - set(before)
    assert all("__pycache__" in path.parts for path in made)
    assert capfd.readouterr() == ("", "")


def test_a_path_given_twice_counts_once(project: Project) -> None:
    assert list(collect_claims([MODULE, MODULE])) == [f"{MODULE}::{name}" for name in RECORD]


def test_a_single_claim_and_tests_that_are_no_claims(project: Project) -> None:
    project.write(PROPERTIES + "\n\ndef test_nothing():\n    pass\n")
    assert len(collect_claims(["properties"])) == 3
    assert list(collect_claims([f"{MODULE}::true-claim"])) == [f"{MODULE}::true-claim"]
    assert collect_claims([f"{MODULE}::test_nothing"]) == {}


def test_a_folder_without_claims(project: Project) -> None:
    (project.path / "empty").mkdir()
    assert collect_claims(["empty"]) == {}


@pytest.mark.parametrize("path", ["nowhere", "properties", f"{MODULE}::lost"])
def test_what_cannot_be_collected_is_named_in_one_line(project: Project, path: str) -> None:
    if path == "properties":
        project.write("import no_such_module")
    with pytest.raises(InputError, match=rf"^claims of {path} cannot be collected: .") as error:
        collect_claims([path])
    assert "\n" not in str(error.value)
