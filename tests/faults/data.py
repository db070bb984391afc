"""Faults of datasets."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS = [
    Fault(
        "points-outside-the-ball",
        "data.synthetic",
        "points of the unit ball may leave it by rounding",
        old="directions * radii * (1.0 - norm_rounding(width))",
        new="directions * radii",
        asked=(
            "tests/data/test_synthetic.py::test_uniform_ball_stays_in_the_ball_at_the_largest_radius",
        ),
    ),
    Fault(
        "margin-not-kept",
        "data.synthetic",
        "separable points may lie on the wrong side",
        old="p[p @ w < 0.0] *= -1.0",
        new="p[p @ w < 0.0] *= 1.0",
        asked=("tests/data/test_synthetic.py::test_separable_keeps_margin_and_ball_exactly",),
    ),
]
