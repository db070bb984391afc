"""The browsers in which tests look at the page, each started once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.reports.html.browsers import Chromium, Firefox

NO_CHROMIUM = pytest.mark.skipif(
    not shutil.which("chromedriver"), reason="there is no chromium with its chromedriver"
)
NO_FIREFOX = pytest.mark.skipif(
    not (shutil.which("firefox-esr") or shutil.which("firefox")), reason="there is no firefox"
)


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(Chromium, marks=NO_CHROMIUM, id="chromium"),
        pytest.param(Firefox, marks=NO_FIREFOX, id="firefox"),
    ],
)
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    driver = request.param(tmp_path_factory.mktemp("browser"))
    yield driver
    driver.quit()


@pytest.fixture
def browser(started: Any) -> Any:
    """A browser that shows nothing, in the window and the colours that most readers have."""
    started.get("about:blank")
    started.resize(1400)
    started.prefer("light")
    started.complaints()
    return started
