"""Settings: how much each profile tries, worked by hand."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import pytest

from theorycheck.claims.setting import PROFILES, Profile, Setting

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize(
    ("profile", "counts"),
    [
        ("quick", {0: 1, 1: 1, 4: 1, 7: 2, 8: 2, 40: 10, 100: 25, 101: 25}),
        ("default", {0: 1, 1: 1, 4: 4, 7: 7, 8: 8, 40: 40, 100: 100, 101: 101}),
        ("deep", {0: 1, 1: 10, 4: 40, 7: 70, 8: 80, 40: 400, 100: 1000, 101: 1010}),
        ("explore", {0: 1, 1: 1, 4: 4, 7: 7, 8: 8, 40: 40, 100: 100, 101: 101}),
    ],
)
def test_how_much_each_profile_tries(profile: str, counts: dict[int, int]) -> None:
    """A quarter, as usual, ten times; at least one example."""
    setting = Setting(effort=PROFILES[profile].effort)
    assert {count: setting.scaled(count) for count in counts} == counts


def test_halves_go_to_the_even_number() -> None:
    assert [Setting(effort=0.25).scaled(count) for count in (6, 10, 14, 18)] == [2, 2, 4, 4]


def test_more_examples_are_never_scaled_to_fewer() -> None:
    for effort in (0.001, 0.25, 1.0, 10.0):
        scaled = [Setting(effort=effort).scaled(count) for count in range(200)]
        assert scaled == sorted(scaled)
        assert scaled[0] == 1


def test_profiles_are_named_and_explained_in_the_readme() -> None:
    [row] = re.findall(r"^\| `--profile ([^`]+)`", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert row.split(r"\|") == list(PROFILES) == [profile.name for profile in PROFILES.values()]


def test_effort_grows_from_quick_to_deep_and_explore_is_as_usual() -> None:
    effort = {name: profile.effort for name, profile in PROFILES.items()}
    assert 0 < effort["quick"] < effort["default"] == effort["explore"] == 1 < effort["deep"]


def test_a_profile_says_nothing_about_time() -> None:
    """So that no verdict depends on the speed of the machine."""
    names = [field.name for field in fields(Profile)]
    assert names == ["name", "effort", "cross_examined", "strengths"]


def test_a_setting_is_a_plain_value() -> None:
    setting = Setting(
        altered=True,
        replayed=True,
        positive=True,
        device="cuda",
        images="mnist:here",
        seed=7,
        effort=0.25,
        pairs={"mixtures": 30},
    )
    assert setting == replace(Setting(), **vars(setting))
    for field in filter(lambda one: one.compare, fields(Setting)):
        assert setting != replace(setting, **{field.name: getattr(Setting(), field.name)})
    with pytest.raises(FrozenInstanceError):
        setting.seed = 8  # type: ignore[misc]


def test_a_setting_is_that_of_the_claim_on_the_cpu_unless_told_otherwise() -> None:
    usual = Setting()
    assert (usual.altered, usual.device, usual.images) == (False, "cpu", "digits")
    assert (usual.seed, usual.effort) == (0, 1.0)
