"""Deliberate faults of the engine, and the claims and tests that are asked about each.

Wherever a claim can notice, one is asked; tests of the engine are asked about what no claim sees.
Mutation tools such as mutmut and Cosmic Ray change operators and constants wherever they stand and
run the tests for each change, for hours. These faults are the mistakes that one would make: fewer,
with a meaning, each asked of whom it concerns.
"""

from __future__ import annotations

from tests.faults import (
    arithmetic,
    claims,
    compiled,
    data,
    drawing,
    kernel,
    measures,
    networks,
    pytest_plugin,
    reports,
    simd,
    training,
)

FAULTS = [
    *kernel.FAULTS,
    *simd.FAULTS,
    *networks.FAULTS,
    *data.FAULTS,
    *arithmetic.FAULTS,
    *measures.FAULTS,
    *drawing.FAULTS,
    *training.FAULTS,
    *compiled.FAULTS,
    *claims.FAULTS,
    *reports.FAULTS,
    *pytest_plugin.FAULTS,
]
"""In the order of the packages."""
