"""Replaying: what a certificate shows is reproduced, and printed as a test that repeats it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from theorycheck import kernel, reports
from theorycheck.claims import certificates
from theorycheck.claims.outcomes import Stratum
from theorycheck.cli.commands import main
from theorycheck.errors import ExitCode
from theorycheck.pytest_plugin.collecting import collect_claims

ROOT = Path(__file__).parents[2]

PROPERTIES = '''
import numpy as np
from hypothesis import strategies as st
from theorycheck.arithmetic import Case
from theorycheck.claims import Formal, claim
from theorycheck.claims import Observation
from theorycheck.networks import mlp


def single(weight):
    array = np.array([[[float(weight)]]])
    return Case(mlp([1, 1]), (array,), array)


def weight_bound(id, bound):
    @claim(
        id, title="No weight is too large", kind="inequality", sources=[], statement="W < b",
        hypotheses=["none"], control="no weight exceeds 5", enough=5,
        on={"case": st.builds(single, st.integers(0, 50))},
        formal=Formal(f"W[0][0][0] <= {bound}"),
    )
    def check(setting, case):
        """No weight exceeds the bound."""
        weight = int(case.parameters[0][0, 0, 0])
        yield Observation(
            weight <= (5 if setting.altered else bound), str(weight), "≤", str(bound), "integers",
            case=lambda: case, tightness=weight / bound, note="a note",
        )

    return check


low = weight_bound("low-bound", 6)
high = weight_bound("high-bound", 60)
'''


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(cwd), str(ROOT)])}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the certificates of a refuted claim and of a tight one."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "toys").mkdir()
    (folder / "toys/test_toy.py").write_text(PROPERTIES, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    run("pytest", "toys", "-q", cwd=folder)
    assert (folder / "reports/certificates/high-bound.json").exists()
    return folder


@pytest.fixture
def project(examined: Path, monkeypatch: pytest.MonkeyPatch, no_properties: None) -> Path:
    monkeypatch.chdir(examined)
    return examined


def certificate(name: str) -> str:
    return f"reports/certificates/{name}.json"


def snippet(printed: str) -> str:
    """What follows the line that runs the claim."""
    lines = printed.splitlines()
    return "\n".join(lines[lines.index("import json") :]) + "\n"


EXPECTED = """\
low-bound: No weight is too large

network  1 -> linear 1
W[1,0] = [ 7 ]
x = [ 7 ]

the engine finds: 7 ≤ 6 is false (integers; a note)

pytest toys/test_toy.py --claims low-bound

"""


def test_a_refutation_is_reproduced(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", certificate("low-bound"), "--path", "toys"]) == ExitCode.OK
    printed = capsys.readouterr().out
    assert printed.startswith(EXPECTED)
    assert printed[len(EXPECTED) :] == snippet(printed)


def test_the_readme_shows_what_is_printed() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n\$ (.*?)\n(.*?)```", text, flags=re.DOTALL)
    for command, shown in blocks:
        printed = run(*command.removeprefix("python -m ").split(), cwd=ROOT).stdout
        assert printed.startswith(shown.removesuffix("...\n"))
    assert len(blocks) == 3


def test_a_tight_example_is_reproduced(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", certificate("high-bound"), "--path", "toys"]) == ExitCode.OK
    printed = capsys.readouterr().out
    assert "W[1,0] = [ 50 ]" in printed
    assert "the engine finds: 50 ≤ 60 holds (integers; a note)" in printed


def test_the_line_for_pytest_runs_the_claim(project: Path) -> None:
    printed = run(
        "theorycheck", "replay", certificate("low-bound"), "--path", "toys", cwd=project
    ).stdout
    [line] = [line for line in printed.splitlines() if line.startswith("pytest ")]
    done = run(*line.split(), "--report-dir", "elsewhere", cwd=project)
    assert "1 of 2 claims: 1 refuted" in done.stdout
    entries = json.loads((project / "elsewhere/partial/claims.json").read_text())["claims"]
    assert [entry["id"] for entry in entries] == ["low-bound"]


def repeated(folder: Path, where: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Save the printed test in a file, and run it."""
    path = "properties" if folder == ROOT else "toys"
    printed = run("theorycheck", "replay", certificate(name), "--path", path, cwd=folder)
    assert (printed.returncode, printed.stderr) == (0, "")
    saved = where / f"test_replayed_{name.replace('-', '_')}.py"
    saved.write_text(snippet(printed.stdout), encoding="utf-8")
    return run("pytest", "-q", "-p", "no:cacheprovider", str(saved), cwd=folder)


@pytest.mark.parametrize(
    ("folder", "name"), [(None, "low-bound"), (ROOT, "structural-lemma-biases")]
)
def test_the_printed_test_fails_for_a_refuted_claim(
    project: Path, tmp_path: Path, folder: Path | None, name: str
) -> None:
    """With the example of the certificate, and nothing else is run."""
    done = repeated(folder or project, tmp_path, name)
    assert done.returncode == 1
    assert "1 failed" in done.stdout
    assert "AssertionError" in done.stdout
    assert "explicit example: test_" in done.stdout  # "Falsifying", later "Failing"
    assert "verdicts" not in done.stdout


@pytest.mark.parametrize(("folder", "name"), [(None, "high-bound"), (ROOT, "rank-bound-frobenius")])
def test_the_printed_test_passes_for_a_tight_example(
    project: Path, tmp_path: Path, folder: Path | None, name: str
) -> None:
    done = repeated(folder or project, tmp_path, name)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 passed" in done.stdout
    assert "verdicts" not in done.stdout


def forged(path: Path, **changes: Any) -> dict[str, Any]:
    """A certificate with other fields, and sealed anew."""
    document = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    document["version"] = kernel.digest([document["claim"], document["statement"]])[:16]
    del document["digest"]
    return {**document, "digest": kernel.digest(document)}


BAD = {
    "missing": ("nowhere.json", "cannot be read (No such file or directory)"),
    "a folder": ("reports", "not a file"),
    "not JSON": ("text.json", "not JSON"),
    "not a certificate": ("reports/claims.json", "numbers other than sizes"),
    "another JSON": ("reports/baseline.json", "the keys are not"),
    "tampered with": ("tampered.json", "the digest differs"),
    "an unknown claim": ("unknown.json", "no claim some-claim is found here; name the folder"),
    "a changed statement": ("changed.json", "the statement of low-bound has changed since"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    path = project / certificate("low-bound")
    statement = json.loads(path.read_text())["statement"]
    (project / "reports/baseline.json").write_text(reports.Baseline(verdicts={}).text())
    (project / "text.json").write_text("{")
    (project / "tampered.json").write_text(path.read_text().replace('"7"', '"8"', 1))
    (project / "unknown.json").write_text(json.dumps(forged(path, claim="some-claim")))
    changed = forged(path, statement={**statement, "latex": "W < 7"})
    (project / "changed.json").write_text(json.dumps(changed))
    name, complaint = BAD[fault]
    assert main(["replay", name, "--path", "toys"]) == ExitCode.BAD_INPUT
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert name in output.err
    assert complaint in output.err


@pytest.mark.parametrize(
    ("name", "condition", "found"),
    [
        ("low-bound", "weight <= 100", "nothing"),
        ("low-bound", "None", "nothing"),
        ("high-bound", "weight <= 5", "50 ≤ 60 is false"),
    ],
)
def test_an_engine_that_disagrees_with_the_kernel_is_a_changed_verdict(
    project: Path, capsys: pytest.CaptureFixture[str], name: str, condition: str, found: str
) -> None:
    """The formal statement is the same, the property is another."""
    folder = project / f"other_{name}_{condition.replace(' ', '')[-3:]}"
    folder.mkdir()
    text = PROPERTIES.replace("weight <= (5 if setting.altered else bound)", condition)
    text = text.replace("tightness=weight / bound, ", "")
    (folder / "test_other.py").write_text(text, encoding="utf-8")
    code = main(["replay", certificate(name), "--path", str(folder)])
    output = capsys.readouterr()
    assert (code, output.err) == (ExitCode.VERDICT_CHANGED, "")
    assert f"the engine finds: {found}" in output.out
    assert "which is NOT what the certificate says" in output.out


def issued(folder: Path, claim: str, weight: str, shows: str) -> Path:
    """A certificate that the kernel verifies, of the same claim with another weight."""
    document = json.loads((folder / certificate(claim)).read_text())
    document["case"]["parameters"] = [[[[weight]]]]
    document["case"]["inputs"] = [[["1"]]]
    document |= {"left": weight, "shows": shows}
    del document["digest"]
    path = folder / "issued.json"
    path.write_text(json.dumps({**document, "digest": kernel.digest(document)}))
    assert kernel.verify(str(path))
    return path


@pytest.mark.parametrize("weight", [str(10**400), f"1/{10**400}", f"{10**400 + 1}/{10**400}"])
def test_numbers_beyond_all_floats_are_replayed(
    project: Path, capsys: pytest.CaptureFixture[str], weight: str
) -> None:
    shows = "refuted" if Fraction(weight) > 60 else "tight"
    path = issued(project, "high-bound", weight, shows)
    assert main(["replay", str(path), "--path", "toys"]) in (0, 1)
    output = capsys.readouterr()
    assert output.err == ""
    assert "\nthe engine f" in output.out
    assert "W[1,0] = [ " in output.out


RAISED = {
    "KeyError": 'case.numbers["missing"]',
    "RuntimeError": 'exec("raise RuntimeError(chr(97) + chr(10) + chr(98))")',
    "ZeroDivisionError": "1 / 0",
}


@pytest.mark.parametrize("kind", RAISED)
def test_a_check_that_fails_at_the_example_is_told_in_one_line(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """It may never have been meant for an example like this."""
    folder = tmp_path / "failing"
    folder.mkdir()
    text = PROPERTIES.replace("        yield Obs", f"        {RAISED[kind]}\n        yield Obs")
    (folder / "test_failing.py").write_text(text, encoding="utf-8")
    assert main(["replay", certificate("low-bound"), "--path", str(folder)]) == 1
    output = capsys.readouterr()
    assert output.err == ""
    assert f"\nthe engine fails: {kind}: " in output.out
    assert "which is NOT what the certificate says (refuted)" in output.out


TOSS = """
from theorycheck.claims import Pair, claim


@claim(
    "coin-toss", title="Heads", kind="tendency", sources=[], statement="p > 1/2",
    hypotheses=["a coin"], control="tails", positive="the other coin",
)
def coin_toss(setting):
    "Heads more often than not."
    for _ in range(30):
        yield Pair(setting.positive or HEADS, "heads")
"""


@pytest.mark.parametrize(("heads", "code"), [("False", 0), ("True", 1)])
def test_a_tendency_is_replayed_by_new_pairs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    heads: str,
    code: int,
    no_properties: None,
) -> None:
    """What the certificate says of its own pairs is not enough."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tosses").mkdir()
    (tmp_path / "tosses/test_toss.py").write_text(TOSS.replace("HEADS", heads), encoding="utf-8")
    [about] = collect_claims(["tosses"]).values()
    tails, shown = (
        {"all pairs": Stratum(successes=s, failures=40 - s, ties=0, effects={}, measured=())}
        for s in (1, 40)
    )
    document = certificates.issue_contradicted(about, tails, shown)
    Path("coin-toss.json").write_text(json.dumps(document))
    assert main(["replay", "coin-toss.json", "--path", "tosses"]) == code
    printed = capsys.readouterr().out
    assert "the certificate, stratum 1: 1 of 40 pairs show it, of the positive" in printed
    found = 30 * (heads == "True")
    assert f"trained anew, all pairs: {found} of 30 pairs show it" in printed
    assert f"trained anew: {'not ' * code}contradicted" in printed
