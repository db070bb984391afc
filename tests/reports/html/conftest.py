"""The browsers in which tests look at the page, each started once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.reports.html.browsers import Chromium, Firefox


@pytest.fixture(scope="session", params=[Chromium, Firefox], ids=["chromium", "firefox"])
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    kind = request.param
    if not kind.program:
        pytest.skip(kind.absent)
    driver = kind(tmp_path_factory.mktemp("browser"))
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
