"""The plugin's options."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.projects import Project

pytest_plugins = ["pytester"]


def test_quick_profile_tries_fewer_examples(project: Project) -> None:
    project.run()
    usual = project.entries()["true-claim"]["examples"]["tried"]
    project.run("--profile", "quick")
    assert project.entries()["true-claim"]["examples"]["tried"] < usual


@pytest.mark.parametrize("option", ["--profile", "--device"])
def test_unknown_profile_or_device(project: Project, option: str) -> None:
    result = project.run(option, "warp")
    assert result.ret == 4
    assert any("warp" in line and "choose from" in line for line in result.errlines)
