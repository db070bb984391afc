"""Faults of what is drawn."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS = [
    Fault(
        "no-kinks-generated",
        "drawing.networks",
        "weights and inputs are never zero",
        old="SMALL_INTEGERS = (1, 0, -1, 2, -2, 3, -3)",
        new="SMALL_INTEGERS = (1, -1, 2, -2, 3, -3)",
        asked=(
            "tests/drawing/test_cohorts.py::test_corners_of_the_numbers[zero input of one network]",
        ),
    ),
    Fault(
        "biases-generated",
        "drawing.networks",
        "multilayer perceptrons are drawn with biases",
        old=("        bias=bias,\n"),
        new=("        bias=True,\n"),
        asked=("tests/drawing/test_networks.py::test_biases_are_drawn_where_they_are_asked_for",),
    ),
    Fault(
        "cohorts-of-thirds",
        "drawing.cohorts",
        "cohorts have weights that are not dyadic",
        old=("        return drawn.astype(np.float64)\n"),
        new=("        return drawn / 3\n"),
        asked=("tests/drawing/test_data.py::test_what_a_check_computes_on_a_case_never_rounds",),
    ),
    Fault(
        "shallow-networks",
        "drawing.networks",
        "all perceptrons have the least depth",
        old=('    depth = draw(between("depths", depths))\n    hidden'),
        new=("    depth = depths[0]\n    hidden"),
        asked=("tests/drawing/test_networks.py::test_every_activation",),
    ),
]
