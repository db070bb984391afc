"""The precision at which the oracles of norms and singular values compute."""

from __future__ import annotations

from collections.abc import Iterator

import flint
import pytest


@pytest.fixture
def precise_oracle() -> Iterator[None]:
    with flint.ctx.workprec(400):
        yield
