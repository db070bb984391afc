"""The command ``needs``, on a project of small claims."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from theorycheck.claims.needs import Need
from theorycheck.cli.commands import main
from theorycheck.errors import ExitCode
from theorycheck.reports import Baseline
from theorycheck.reports.baseline import OnRecord
from theorycheck.reports.needs import load_needs

PROPERTIES = '''
import theorycheck as tc


def lemma(id, states, given, **changes):
    fields = dict(
        title=id, kind="identity", sources=[], printed="1 = 1", control=tc.altered("2", "1 == 2"),
        forall=["k in weights", "n in samples", "c in outputs"],
        on=tc.cases(tc.mlps(depths=(1, 2), widths=(1, 2))), why="Because.",
    )
    return tc.stated(id, states=states, given=given, **{**fields, **changes})


LEMMA = "inner(W[k], df(n, c, k)) == f(n, c)"
NO_BIASES = tc.Assumption("no biases", "chain() and len(biases) == 0 and not normalised()")
true_lemma = lemma("true-lemma", LEMMA, [NO_BIASES])
false_lemma = lemma("false-lemma", f"2 * {LEMMA}", [NO_BIASES])
sharp_bound = lemma("sharp-bound", "f(n, c) <= abs(f(n, c))", [], kind="inequality")


@tc.claim(
    "plain-claim", title="Plain", kind="identity", sources=[], statement="1 = 1",
    hypotheses=["none"], control="another", enough=1,
)
def plain_claim(setting):
    """Has no formula."""
    yield tc.Observation(not setting.altered, "1", "=", "1", "integers")
'''
VERDICTS: dict[str, OnRecord] = {
    "true-lemma": "holds", "false-lemma": "refuted", "sharp-bound": "holds", "plain-claim": "holds",
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    (tmp_path / "properties").mkdir()
    # This process has imported those of other tests by their names.
    (tmp_path / f"properties/test_{tmp_path.name}.py").write_text(PROPERTIES)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/baseline.json").write_text(Baseline(verdicts=VERDICTS).text())
    return tmp_path


def test_all_claims_that_pass_are_asked(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["needs", "--workers", "1"]) == ExitCode.OK
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("sharp-bound: the bound: sharp")
    assert [line.partition(",")[0] for line in said[1:4]] == [
        "true-lemma: a chain of layers: needed",
        "true-lemma: no biases: needed",
        "true-lemma: no batch normalisation: needed",
    ]
    assert said[4].startswith("wrote reports/needs.json")
    found = load_needs(project / "reports").claims
    assert set(found) == {"true-lemma", "sharp-bound"}
    certificates = sorted(path.stem for path in (project / "reports/needs").iterdir())
    assert certificates == sorted(name for row in found.values() for name in row.certificates())
    text = (project / "reports/needs.json").read_bytes()
    assert main(["needs", "--workers", "2"]) == ExitCode.OK
    assert (project / "reports/needs.json").read_bytes() == text


def test_what_is_known_of_others_stays_unless_they_are_gone(project: Path) -> None:
    assert main(["needs", "sharp-bound", "--workers", "1"]) == ExitCode.OK
    (project / f"properties/test_{project.name}.py").unlink()
    later = project / f"properties/test_later_{project.name}.py"
    later.write_text(PROPERTIES.replace("sharp-bound", "other-bound"))
    stray = project / "reports/needs/stray.json"
    stray.write_text("{}")
    assert main(["needs", "true-lemma", "--workers", "1"]) == ExitCode.OK
    needs = load_needs(project / "reports").claims["true-lemma"].needs
    assert set(load_needs(project / "reports").claims) == {"true-lemma"}
    assert all(isinstance(need, Need) for need in needs)
    assert not stray.exists()
    assert not (project / "reports/needs/sharp-bound-is-sharp.json").exists()


def test_what_passes_no_longer_is_not_kept(project: Path) -> None:
    assert main(["needs", "sharp-bound", "--workers", "1"]) == ExitCode.OK
    later = Baseline(verdicts={**VERDICTS, "sharp-bound": "refuted"})
    (project / "reports/baseline.json").write_text(later.text())
    assert main(["needs", "true-lemma", "--workers", "1"]) == ExitCode.OK
    assert set(load_needs(project / "reports").claims) == {"true-lemma"}


def test_a_certificate_that_was_edited_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["needs", "sharp-bound", "--workers", "1"]) == ExitCode.OK
    certificate = project / "reports/needs/sharp-bound-is-sharp.json"
    certificate.write_text(certificate.read_text().replace('"claim"', '"claims"'))
    capsys.readouterr()
    assert main(["needs", "sharp-bound", "--workers", "1"]) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "sharp-bound-is-sharp.json" in error
    certificate.unlink()
    assert main(["needs", "sharp-bound", "--workers", "1"]) == ExitCode.OK
    assert certificate.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "unknown claim: nowhere"),
        (["plain-claim"], "claim plain-claim is not stated by a formula at any weights"),
        (["false-lemma"], "claim false-lemma is on record as refuted"),
        (["--workers", "0"], "workers is a count: give at least 1"),
        (["--seed", "x"], "--seed"),
    ],
)
def test_bad_input_is_one_line(
    project: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["needs", *words]) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not (project / "reports/needs.json").exists()


def test_an_edited_report_is_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "reports/needs.json").write_text(json.dumps({"schema_version": 1, "claims": {}}))
    assert main(["needs", "true-lemma", "--workers", "1"]) == ExitCode.BAD_INPUT
    assert "needs.json was changed" in capsys.readouterr().err
