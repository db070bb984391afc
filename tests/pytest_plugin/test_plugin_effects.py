"""Every option has its effect where the claim is checked, and so has what is configured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.pytest_plugin.projects import PROPERTIES, Project, claims_in
from theorycheck.claims.setting import PROFILES
from theorycheck.data.image_sets import digits
from theorycheck.training import cohorts

pytest_plugins = ["pytester"]

WATCHED = (
    PROPERTIES
    + '''
import dataclasses
import json

import theorycheck as tc
from theorycheck.claims import Pair


@toy("watched-claim", kind="tendency", control="altered", positive="shown", on={})
def watched_claim(setting):
    """Writes down what it is told, and the labels of the images that this names."""
    told = dataclasses.asdict(setting)
    told["labels"] = tc.images(setting.images).labels[:3].tolist()
    with open("told.jsonl", "a") as file:
        file.write(json.dumps(told) + chr(10))
    for number in range(30):
        yield Pair(number % 2 == 0 if setting.altered else True, "heads", "", 1.0)
'''
)
RECORD = {"watched-claim": "holds"}
DIGITS = digits().labels[:3].tolist()
# And what reads them is loaded, which a run in this process would load again and again.

Told = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def told(project: Project, monkeypatch: pytest.MonkeyPatch) -> Told:
    """What the three sides of the claim are told in a run with some options."""
    monkeypatch.chdir(project.path)
    project.write(WATCHED)
    project.record(RECORD)
    pictures(project.path / "pictures")

    def run(*options: str, parallel: bool = False) -> list[dict[str, Any]]:
        run_pytest = project.run_parallel if parallel else project.run
        assert run_pytest("--claims", "watched-claim", *options).ret == 0
        lines = (project.path / "told.jsonl").read_text().splitlines()
        sides = [json.loads(line) for line in lines]
        assert [(s["altered"], s["positive"]) for s in sides] == [
            (False, False), (True, False), (False, True),
        ]  # fmt: skip
        return sides

    return run


def pictures(folder: Path) -> None:
    """Three pictures of the digits 7, 8 and 9, in the format of MNIST."""
    folder.mkdir()
    arrays = {"images-idx3": np.arange(12).reshape(3, 2, 2), "labels-idx1": np.array([7, 8, 9])}
    for name, array in arrays.items():
        header = np.array([0x0800 + array.ndim, *array.shape], dtype=">u4").tobytes()
        content = header + array.astype(np.uint8).tobytes()
        (folder / f"train-{name}-ubyte").write_bytes(content)


@pytest.mark.parametrize("configured", [False, True])
def test_images_reach_the_claim(told: Told, configured: bool) -> None:
    if configured:
        Path("pyproject.toml").write_text('[tool.theorycheck]\nimages = "mnist:pictures"\n')
    sides = told() if configured else told("--images", "mnist:pictures")
    assert [side["images"] for side in sides] == ["mnist:pictures"] * 3
    assert [side["labels"] for side in sides] == [[7, 8, 9]] * 3


def test_digits_unless_others_are_named(told: Told) -> None:
    Path("pyproject.toml").write_text('[tool.theorycheck]\nimages = "mnist:pictures"\n')
    sides = told("--images", "digits")
    assert [side["labels"] for side in sides] == [DIGITS] * 3


@pytest.mark.parametrize("configured", [False, True])
def test_the_profile_reaches_the_claim(told: Told, configured: bool) -> None:
    if configured:
        Path("pyproject.toml").write_text('[tool.theorycheck]\nprofile = "quick"\n')
    sides = told() if configured else told("--profile", "quick")
    assert {side["effort"] for side in sides} == {PROFILES["quick"].effort}


def seeds(run_seed: int) -> list[int]:
    """What the three sides of the claim draw from in a run with a seed."""
    (claim,) = (claim for claim in claims_in(WATCHED) if claim.id == "watched-claim")
    sides = ((False, False), (True, False), (False, True))
    return [claim.seed(run_seed, altered=a, positive=p) for a, p in sides]


@pytest.mark.parametrize("seed", [0, 5])
def test_the_seed_reaches_the_claim(told: Told, seed: int) -> None:
    assert [side["seed"] for side in told("--seed", str(seed))] == seeds(seed)
    assert len(set(seeds(seed))) == 1
    assert seeds(seed) != seeds(seed + 1)


@pytest.mark.parametrize("configured", [False, True])
def test_all_of_it_reaches_the_claim_in_a_worker(told: Told, configured: bool) -> None:
    options = {"images": "mnist:pictures", "profile": "quick"}
    if configured:
        lines = [f'{name} = "{value}"' for name, value in options.items()]
        Path("pyproject.toml").write_text("\n".join(["[tool.theorycheck]", *lines]))
        sides = told("--seed", "5", parallel=True)
    else:
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        sides = told(*words, "--seed", "5", parallel=True)
    assert [side["labels"] for side in sides] == [[7, 8, 9]] * 3
    assert {side["effort"] for side in sides} == {PROFILES["quick"].effort}
    assert [side["seed"] for side in sides] == seeds(5)


@pytest.mark.parametrize("configured", [False, True])
def test_the_device_reaches_the_claim(
    project: Project, monkeypatch: pytest.MonkeyPatch, configured: bool
) -> None:
    """As if there were a GPU: which of several devices is asked for, and used."""
    monkeypatch.chdir(project.path)
    found = {"auto": torch.device("meta"), "cpu": torch.device("cpu")}
    monkeypatch.setattr(cohorts, "resolve_device", found.__getitem__)
    project.write(WATCHED)
    project.record(RECORD)
    for asked in ("cpu", "auto"):
        Path("told.jsonl").unlink(missing_ok=True)
        if configured:
            text = f'[tool.theorycheck]\ndevice = "{asked}"\n'
            Path("pyproject.toml").write_text(text)
        options = [] if configured else ["--device", asked]
        assert project.run("--claims", "watched-claim", *options).ret == 0
        sides = [json.loads(line) for line in Path("told.jsonl").read_text().splitlines()]
        assert [side["device"] for side in sides] == [str(found[asked])] * 3
        report = json.loads((project.path / "reports/partial/claims.json").read_text())
        assert report["run"]["device"] == str(found[asked])


def test_the_record_and_its_certificates_are_those_that_are_named(project: Project) -> None:
    """A certificate that is broken, beside the record, is an error there and nowhere else."""
    assert project.run().ret == 0
    other = project.path / "other"
    (other / "certificates").mkdir(parents=True)
    record = (project.path / "reports/baseline.json").read_text()
    (other / "baseline.json").write_text(record)
    assert project.run("--baseline", "other/baseline.json").ret == 0
    (other / "certificates/false-claim.json").write_text("{}")
    assert project.run("--baseline", "other/baseline.json").ret == 1
    assert project.run().ret == 0
    (other / "certificates/false-claim.json").unlink()
    (other / "baseline.json").write_text(record.replace('"holds"', '"refuted"'))
    assert project.run("--baseline", "other/baseline.json").ret == 1
    (project.path / "pyproject.toml").write_text(
        '[tool.theorycheck]\nbaseline = "other/baseline.json"\n'
    )
    assert project.run().ret == 1
    assert project.run("--baseline", "reports/baseline.json").ret == 0


REMEMBERING = (
    PROPERTIES
    + """
import json

from theorycheck.claims import Pair


def tendency(name):
    @toy(name, kind="tendency", control="altered", on={})
    def claim(setting):
        "Writes down who has trained, and that it did."
        with open("trained.jsonl", "a") as file:
            file.write(json.dumps(sorted(setting.trained)) + chr(10))
        setting.trained[name] = None
        for number in range(30):
            yield Pair(number % 2 == 0 if setting.altered else True, "heads", "", 1.0)
    return claim

first, second = tendency("first-claim"), tendency("second-claim")
"""
)


def test_what_a_claim_trains_is_there_for_the_next_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.path)
    project.write(REMEMBERING)
    project.record({"first-claim": "holds", "second-claim": "holds"})
    assert project.run("-k", "first or second").ret == 0
    asked = [json.loads(line) for line in Path("trained.jsonl").read_text().splitlines()]
    both = ["first-claim", "second-claim"]
    assert asked == [[], both[:1], both[:1], both]
