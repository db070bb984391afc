"""Certificates that the plugin saves and replays, and those that turn a run red."""

from __future__ import annotations

import json

import pytest

from tests.pytest_plugin.projects import PROPERTIES, RECORD, TIGHT, Project
from theorycheck import kernel
from theorycheck.claims import certificates

pytest_plugins = ["pytester"]


CERTIFICATE = "reports/certificates/false-claim.json"


def test_counterexamples_are_minimal_and_saved(project: Project) -> None:
    project.run()
    entry = project.entries()["false-claim"]
    assert (entry["counterexample"]["left"], entry["counterexample"]["right"]) == ("7", "6")
    assert f"reports/{entry['certificate']}" == CERTIFICATE
    certificate = certificates.load(project.path / CERTIFICATE)
    assert certificate["case"]["parameters"] == [[[["7"]]]]
    assert (certificate["claim"], certificate["shows"]) == ("false-claim", "refuted")
    assert (certificate["left"], certificate["right"]) == ("7", "6")
    assert certificate["version"] == entry["formal_version"]


def test_tightest_examples_are_saved(project: Project) -> None:
    project.write(PROPERTIES + TIGHT)
    project.run()
    entry = project.entries()["wide-claim"]
    certificate = certificates.load(project.path / "reports" / entry["certificate"])
    assert certificate["shows"] == "tight"
    assert certificate["case"] == entry["tightest"]["case"]
    assert certificate["left"] == entry["tightest"]["left"]


def test_a_claim_without_a_formal_statement_has_no_certificate(project: Project) -> None:
    """And is not refuted by what the check alone says of its numbers."""
    project.write(PROPERTIES.replace('formal=Formal("W[0][0][0] <= 6"),', ""))
    assert project.run().ret == 1
    entry = project.entries()["false-claim"]
    assert (entry["certificate"], entry["formal_version"]) == (None, None)
    assert entry["verdict"] == "undecided"
    assert "7 ≤ 6 is false (integers); the kernel: not asked" in entry["reason"]
    assert not (project.path / CERTIFICATE).exists()


def with_weight(project: Project, weight: int) -> None:
    """Put another example in the certificate, and seal it anew."""
    path = project.path / CERTIFICATE
    document = json.loads(path.read_text(encoding="utf-8"))
    document["case"]["parameters"] = [[[[str(weight)]]]]
    document["left"] = str(weight)
    del document["digest"]
    path.write_text(json.dumps({**document, "digest": kernel.digest(document)}))


@pytest.mark.parametrize("parallel", [False, True])
def test_certificate_on_record_is_replayed_first(project: Project, parallel: bool) -> None:
    project.run()
    with_weight(project, 40)
    assert (project.run_parallel if parallel else project.run)().ret == 0
    assert project.entries()["false-claim"]["counterexample"]["left"] == "40"


def test_certificate_is_replayed_also_when_the_search_finds_nothing(project: Project) -> None:
    project.run()
    with_weight(project, 60)
    project.write(PROPERTIES.replace("st.integers(0, 50))}", "st.integers(0, 3))}"))
    project.run()
    entry = project.entries()["false-claim"]
    assert (entry["verdict"], entry["counterexample"]["left"]) == ("refuted", "60")


def reason(project: Project) -> str:
    """Why the claim with the certificate, and no other, is undecided."""
    assert project.verdicts() == {**RECORD, "false-claim": "undecided"}
    return str(project.entries()["false-claim"]["reason"])


BROKEN = {
    "{": "not JSON",
    "[]": "not a JSON object",
    '{"schema_version": 1, "case": {}}': "the keys are not",
    "\udcff": "cannot be read",
    '{"schema_version": 2.0}': "2.0: numbers other than sizes",
}


@pytest.mark.parametrize("text", BROKEN)
def test_broken_certificate_turns_the_run_red(project: Project, text: str) -> None:
    project.run()
    (project.path / CERTIFICATE).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert project.run().ret == 1
    assert BROKEN[text] in reason(project)


def test_certificate_that_was_tampered_with_turns_the_run_red(project: Project) -> None:
    project.run()
    path = project.path / CERTIFICATE
    path.write_text(path.read_text().replace('"7"', '"40"'))
    assert project.run().ret == 1
    assert "the digest differs" in reason(project)


def test_certificate_that_the_kernel_refutes_turns_the_run_red(project: Project) -> None:
    project.run()
    with_weight(project, 1)
    assert project.run().ret == 1
    assert "the conclusion holds here" in reason(project)


def test_certificate_that_violates_nothing_turns_the_run_red(project: Project) -> None:
    """The engine no longer agrees with the kernel on the example."""
    project.run()
    project.write(PROPERTIES.replace("weight <= 6 -", "weight <= 7 -"))
    result = project.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*no longer violates false-claim*"])
    assert "no longer violates false-claim" in reason(project)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('Formal("W[0][0][0] <= 6")', 'Formal("W[0][0][0] <= 2 * 3")'),
        ('statement="1 = 1"', 'statement="1 = 2"'),
        ('hypotheses=["none"]', 'hypotheses=["some"]'),
    ],
)
def test_certificate_of_an_earlier_statement_is_passed_over(
    project: Project, old: str, new: str
) -> None:
    """The run is red because the statement is not on record; accepting the report mends both."""
    project.run()
    project.write(PROPERTIES.replace(old, new))
    assert project.run().ret == 1
    entry = project.entries()["false-claim"]
    assert (entry["verdict"], entry["counterexample"]["left"]) == ("refuted", "7")
    certificate = certificates.load(project.path / CERTIFICATE)
    assert certificate["version"] == entry["formal_version"]


@pytest.mark.parametrize("recorded", ["holds", "proved", "vacuous"])
def test_a_verified_counterexample_counts_whatever_is_on_record(
    project: Project, recorded: str
) -> None:
    """Also where the search cannot find it again, and no tight example takes its place."""
    project.run()
    with_weight(project, 60)
    project.record({**RECORD, "false-claim": recorded})
    project.write(PROPERTIES.replace("st.integers(0, 50))}", "st.integers(0, 3))}"))
    assert project.run().ret == 1
    entry = project.entries()["false-claim"]
    assert (entry["verdict"], entry["counterexample"]["left"]) == ("refuted", "60")
    assert json.loads((project.path / CERTIFICATE).read_text())["left"] == "60"


def test_violation_that_the_kernel_does_not_confirm_is_undecided(project: Project) -> None:
    project.write(PROPERTIES.replace('"W[0][0][0] <= 6"', '"W[0][0][0] <= 7"'))
    assert project.run().ret == 1
    assert reason(project) == (
        "the engine: 7 ≤ 6 is false (integers); the kernel: the conclusion is nowhere false"
    )
    assert project.entries()["false-claim"]["certificate"] is None
