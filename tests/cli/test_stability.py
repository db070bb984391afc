"""Limits for the probability of a red run, on claims whose probabilities are known."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_rounds import agree
from theorycheck.claims.declaration import Claim
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Observation, Unmet
from theorycheck.claims.setting import PROFILES
from theorycheck.cli import stability
from theorycheck.cli.commands import main
from theorycheck.cli.rounds import NEVER, OTHER, Needs, upper_limit
from theorycheck.cli.stability import CONFIDENCE, ERROR, Rounds, Stability, measure, summed_up
from theorycheck.errors import ExitCode, InputError
from theorycheck.reports import Baseline
from theorycheck.reports.baseline import OnRecord

PROPERTIES = '''
import random

import numpy as np
from hypothesis import strategies as st
from theorycheck.claims import claim
from theorycheck.claims import Observation, Pair, equality


def toy(id, **changes):
    fields = dict(
        title=id, kind="identity", sources=[], statement="1 = 1", hypotheses=["none"],
        control="another", on={"number": st.integers(0, 50)}, enough=5,
    )
    return claim(id, **{**fields, **changes})


@toy("stable-claim")
def stable_claim(setting, number):
    """A number is itself."""
    yield equality(np.array([number]), np.array([number - setting.altered]), "integers")


@toy("lucky-claim")
def lucky_claim(setting, number):
    """Its control is refuted for half of the seeds."""
    false = setting.altered and random.Random(setting.seed).random() < 0.5
    yield Observation(not false, "1", "=", "1", "integers")


@toy("false-claim")
def false_claim(setting, number):
    """Never found false by a search; on record is a certificate."""
    yield equality(np.array([number]), np.array([number - setting.altered]), "integers")


def pairs(setting, share):
    generator = random.Random(setting.seed)
    for _ in range(30):
        yield Pair(generator.random() < (1 - share if setting.altered else share), "heads")


@toy("clear-tendency", kind="tendency", on={})
def clear_tendency(setting):
    """Always heads."""
    yield from pairs(setting, 1.0)


@toy("weak-tendency", kind="tendency", on={})
def weak_tendency(setting):
    """Heads more often than not, which thirty pairs cannot tell."""
    yield from pairs(setting, 0.75)
'''

RECORD: dict[str, OnRecord] = {
    "stable-claim": "holds",
    "lucky-claim": "holds",
    "false-claim": "refuted",
    "clear-tendency": "holds",
    "weak-tendency": "holds",
}
ROUND = Observation(True, "1", "=", "1", "integers")
FALSE = replace(ROUND, holds=False)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_properties: None) -> Path:
    (tmp_path / "properties").mkdir()
    (tmp_path / "properties" / "test_toy.py").write_text(PROPERTIES, encoding="utf-8")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "baseline.json").write_text(Baseline(verdicts=RECORD).text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def evidence(*found: Observation) -> Evidence:
    made = Evidence()
    for finding in found:
        made.add(finding)
    return made


CONTROL = evidence(FALSE)


def toy() -> Claim:
    return Claim("toy-claim", "", "identity", (), "", (), "", print, {"number": None}, enough=4)


def test_limits_by_hand() -> None:
    """Of ten first rounds two need others, the control survives one, two suites are other."""
    full, violated = evidence(*[ROUND] * 4), evidence(FALSE)
    short, survived = evidence(ROUND), evidence(ROUND)
    searches = [
        *[[[full], [CONTROL]]] * 6,
        [[short, full], [CONTROL]],
        [[short, violated], [CONTROL]],
        [[full], [survived, CONTROL]],
        [[violated], [CONTROL]],
    ]
    figures = summed_up(
        [toy()],
        {"toy-claim": "holds", "first": "holds", "second": "holds"},
        {"toy-claim": searches},
        {"first": ["holds"] * 30, "second": ["undecided"] + ["holds"] * 29},
        PROFILES["quick"],
    )
    (claim,) = figures.claims
    assert (claim.searches, claim.found) == (10, 2)
    assert claim.own == Needs.of([1] * 7 + [4] * 2 + [OTHER], 1 - CONFIDENCE)
    assert claim.control == Needs.of([1] * 9 + [NEVER], 1 - CONFIDENCE)
    assert (figures.other_suites, figures.red_suites, figures.flips) == (2, 1, 2)
    own, control = [1] * 7 + [4] * 2 + [OTHER], [1] * 9 + [NEVER]
    expected = sum(Needs.of(needs, ERROR / 2).limit for needs in (own, control))
    assert figures.limits["short"] == expected
    assert figures.limits["other"] == upper_limit(2, 10, ERROR)
    assert figures.limits["tendencies"] == upper_limit(1, 30, ERROR)
    total = sum(figures.limits[cause] for cause in ("short", "other", "tendencies"))
    assert figures.limits["run"] == min(1, total)


def test_controls_and_all_claims_of_a_suite_count() -> None:
    """A control alone is other; of two claims, what is short adds up."""
    full, half, missed = evidence(*[ROUND] * 4), evidence(*[ROUND] * 2), Evidence()
    missed.add(Unmet(0.5, ""))
    usual = [[full], [CONTROL]]
    first, second = toy(), replace(toy(), id="other-claim")
    figures = summed_up(
        [first, second],
        {"toy-claim": "holds", "other-claim": "holds"},
        {
            "toy-claim": [[[half, half], [CONTROL]], usual, usual],
            "other-claim": [usual, [[full], [missed]], usual],
        },
        {},
        PROFILES["quick"],
    )
    assert (figures.other_suites, figures.flips) == (1, 1)
    needs = [[2, 1, 1], [1, 1, 1], [1, 1, 1], [1, OTHER, 1]]
    assert agree(figures.limits["short"], sum(Needs.of(each, ERROR / 4).limit for each in needs))


@pytest.mark.parametrize(
    ("own", "control", "told"),
    [
        ([1, 1], [1, 1], False),
        ([1, OTHER], [1, 1], True),
        ([1, 2], [1, 1], True),
        ([1, 1], [1, OTHER], True),
        ([1, 1], [2, 1], True),
    ],
)
def test_claims_are_told_of_whose_rounds_or_controls_do_not_suffice(
    own: list[int], control: list[int], told: bool
) -> None:
    needs = Needs.of(own, ERROR), Needs.of(control, ERROR)
    rounds = Rounds("toy-claim", "holds", 2, 0, *needs)
    limits = {"short": 0.5, "run": 0.5}
    figures = Stability("quick", [rounds], [], 0, 0, limits)
    [line, *_] = figures.lines()
    assert line.startswith("toy-claim: ") is told


def test_nothing_seen_in_many_trials_leaves_a_small_limit() -> None:
    rounds = {"toy-claim": [[[evidence(*[ROUND] * 4)], [CONTROL]]] * 10_000}
    figures = summed_up([toy()], {"toy-claim": "holds"}, rounds, {}, PROFILES["quick"])
    assert figures.limits["short"] == 2 * Needs.of([1] * 10_000, ERROR / 2).limit
    assert figures.limits["run"] == figures.limits["short"] + upper_limit(0, 10_000, ERROR)
    assert 1 / figures.limits["short"] > 1e20
    assert 1 / figures.limits["run"] > 1000
    assert figures.limits["tendencies"] == 0


def test_verdicts_that_hang_on_luck_are_found_and_no_others(project: Path) -> None:
    path = str(project / "properties")
    figures = measure((path,), RECORD, PROFILES["default"], searches=12, trainings=6, workers=1)
    claims = {claim.claim: claim for claim in figures.claims}
    assert sorted(claims) == ["false-claim", "lucky-claim", "stable-claim"]
    seeds = [replace(toy(), id="lucky-claim").seed(1 + i, altered=True) for i in range(12)]
    refuted = sum(random.Random(seed).random() < 0.5 for seed in seeds)
    assert 0 < refuted < 12
    assert claims["lucky-claim"].control.needed == {1: refuted, NEVER: 12 - refuted}
    assert claims["stable-claim"].control == Needs.of([1] * 12, 1 - CONFIDENCE)
    assert all(claim.own == claims["stable-claim"].control for claim in claims.values())
    flips = {tendency.claim: dict(tendency.flips) for tendency in figures.tendencies}
    assert flips["clear-tendency"] == {}
    assert 0 < flips["weak-tendency"]["undecided"] == figures.red_suites <= 6
    assert figures.document()["claims"][1]["claim"] == "lucky-claim"


DISPUTED = '''
import numpy as np
from hypothesis import strategies as st
from theorycheck import Case, Formal, mlp
from theorycheck.claims import Observation, claim


def scalar(weight):
    array = np.array([[[float(weight)]]])
    return Case(mlp([1, 1]), (array,), array)


@claim(
    "disputed-claim", title="Weights are small", kind="inequality", sources=[], enough=2,
    statement="W <= 1", hypotheses=["none"], control="another",
    formal=Formal("W[0][0][0] <= 1"), on={"case": st.builds(scalar, st.integers(2, 5))},
)
def disputed_claim(setting, case):
    """What the check says holds; the kernel knows better."""
    weight = case.parameters[0].item()
    found = (True, "1", "≤", "1", "integers", 1.0)
    if setting.altered:
        found = (False, str(weight), "≤", "0", "integers")
    yield Observation(*found, case=lambda: case)
'''


def test_the_kernel_is_asked_in_every_round(project: Path) -> None:
    """Where it objects, the search would not go on, and the verdict changes."""
    (project / "properties" / "test_toy.py").write_text(DISPUTED, encoding="utf-8")
    record: dict[str, OnRecord] = {"disputed-claim": "holds"}
    path = str(project / "properties")
    figures = measure((path,), record, PROFILES["quick"], searches=3, trainings=1, workers=1)
    (claim,) = figures.claims
    assert (claim.own.other, figures.other_suites, figures.flips) == (3, 3, 1)


def test_command(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["stability", "--searches", "9", "--trainings", "1", "--workers", "1"]
    both = ["stable-claim", "clear-tendency", "--output", "figures.json"]
    assert main([*arguments, *both]) == ExitCode.OK
    out, told = capsys.readouterr()
    assert "1 claims with 18 searches, 1 tendencies with 1: no verdict changes\n" in out
    assert told.splitlines() == [f"{count} of 10 suites are complete" for count in range(1, 11)]
    figures = json.loads((project / "figures.json").read_text())
    assert (figures["profile"], figures["claims"][0]["searches"]) == ("quick", 9)
    assert agree(figures["limits"]["tendencies"], 1 - ERROR)
    assert figures["limits"]["run"] == 1
    (project / "reports" / "baseline.json").write_text(
        Baseline(verdicts={"stable-claim": "vacuous", "clear-tendency": "refuted"}).text()
    )
    assert main([*arguments, "stable-claim"]) == ExitCode.VERDICT_CHANGED
    assert "of 9 rounds 9 are other; of its control's 9 alone suffice" in capsys.readouterr().out
    assert main([*arguments, "clear-tendency"]) == ExitCode.VERDICT_CHANGED
    assert "on record as refuted, 1 of 1 searches holds" in capsys.readouterr().out


class Interrupted(Executor):
    """Works in this process, and is interrupted where the results of some later job are due."""

    def __init__(self, *_: object, **__: object) -> None:
        self.jobs = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.jobs += 1
        if self.jobs <= 7:
            future.set_result(fn(*args, **kwargs))
        else:
            future.set_exception(KeyboardInterrupt())
        return future


def test_an_interrupted_measurement_sums_up_its_complete_suites(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of suites of two claims and a tendency, two of each sort precede the eighth job."""
    monkeypatch.setattr(stability, "ProcessPoolExecutor", Interrupted)
    names = ["stable-claim", "false-claim", "clear-tendency"]
    asked = ["stability", "--searches", "9", "--trainings", "9", "--output", "figures.json"]
    assert main([*asked, *names]) == ExitCode.INTERRUPTED
    assert "2 claims with 8 searches, 1 tendencies with 2" in capsys.readouterr().out
    figures = json.loads((project / "figures.json").read_text())
    assert [claim["searches"] for claim in figures["claims"]] == [2, 2]
    assert [tendency["searches"] for tendency in figures["tendencies"]] == [2]


ROOT = Path(__file__).parents[2]


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "reports" / name).read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "reports").glob("stability*.json")))
def test_the_figures_on_record_follow_from_their_counts(path: Path) -> None:
    figures = recorded(path.name)
    claims, tendencies, limits = (figures[name] for name in ("claims", "tendencies", "limits"))
    searches, short = [claim[of] for claim in claims for of in ("own", "control")], 0.0
    for found in searches:
        made = [int(need) for need, count in found["needed"].items() for _ in range(count)]
        needs = [*made, *[OTHER] * found["other"]]
        assert len(needs) == claims[0]["searches"]
        assert agree(found["limit"], Needs.of(needs, 1 - CONFIDENCE).limit)
        short += Needs.of(needs, ERROR / len(searches)).limit
    assert agree(limits["short"], min(1, short))
    other = upper_limit(figures["other_suites"], claims[0]["searches"], ERROR)
    assert agree(limits["other"], other)
    trained = [tendency["searches"] for tendency in tendencies][:1]
    red = [upper_limit(figures["red_suites"], examined, ERROR) for examined in trained]
    assert agree(limits["tendencies"], sum(red))
    causes = ("short", "other", "tendencies")
    assert agree(limits["run"], min(1, sum(limits[cause] for cause in causes)))


def test_the_readme_says_what_the_figures_on_record_are() -> None:
    figures, default = recorded("stability.json"), recorded("stability-default.json")
    claims, tendencies, limits = (figures[name] for name in ("claims", "tendencies", "limits"))
    suites, searches = claims[0]["searches"], [c[of] for c in claims for of in ("own", "control")]
    never = [found["needed"].get(str(NEVER), 0) for found in searches]
    most = max(claims, key=lambda c: c["control"]["needed"].get(str(NEVER), 0))
    said = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for words in (
        f"of {suites} searches for each of the {len(claims)} claims that are no tendencies",
        f"of {tendencies[0]['searches']} examinations of each of the {len(tendencies)} tendencies",
        f"any of the {len(searches)} searches of a run ends short of evidence has a probability of"
        f" at most 1 in {int(1 / limits['short']):,} in the quick profile and"
        f" 1 in {int(1 / default['limits']['short']):,} in the default one",
        f"those of the default profile, of {default['claims'][0]['searches']} searches each",
        f"{figures['other_suites']} suite and {figures['red_suites']} suites of the quick profile",
        f"the limits are {limits['other']:.2f} and {limits['tendencies']:.2f}",
        f"{sum(found['needed'].get('1') == suites for found in searches)} of the {len(searches)}",
        f"{sum(map(bool, never))} came to too little in some first round",
        f"most often the control of `{most['claim']}` ({max(never)} of {suites})",
        f"up to {NEVER - 1} rounds",
    ):
        assert words in said


@pytest.mark.parametrize(
    "arguments",
    [["no-such-claim"], ["--searches", "0"], ["--trainings", "-1"], ["--profile", "sloppy"]],
)
def test_bad_input(project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(["stability", *arguments]) == ExitCode.BAD_INPUT
    assert capsys.readouterr().err.count("\n") == 1


def test_counts_are_checked_before_anything_is_run() -> None:
    with pytest.raises(InputError, match="at least 1"):
        measure(("nowhere",), {}, PROFILES["quick"], searches=0, trainings=1, workers=1)
