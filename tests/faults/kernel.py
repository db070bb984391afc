"""Faults of the kernel."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS = [
    Fault(
        "kernel-mean",
        "kernel",
        "the kernel's means divide by one less than the number",
        old="[Fraction(1, len(column))] * len(column)",
        new="[Fraction(1, len(column) - 1)] * len(column)",
        asked=(
            "properties/ranks/test_batch_norm_gradient_rank.py::batch-norm-gradient-rank-sample",
        ),
    ),
    Fault(
        "kernel-patches",
        "kernel",
        "the kernel reads the kernels of convolutions transposed",
        old="top + i) * columns + left + j",
        new="top + j) * columns + left + i",
        asked=(
            "tests/kernel/test_networks.py"
            "::test_values_and_derivatives_are_those_of_exact_rationals_and_of_torch",
        ),
    ),
    Fault(
        "kernel-product-rule",
        "kernel",
        "the kernel's product rule forgets one of its terms",
        old="Dual(a * b, a * db + da * b, level)",
        new="Dual(a * b, da * b, level)",
        asked=(
            "tests/kernel/test_numbers.py::test_dual_numbers_are_power_series_of_length_two",
            "tests/kernel/test_networks.py"
            "::test_values_and_derivatives_are_those_of_exact_rationals_and_of_torch",
        ),
    ),
    Fault(
        "kernel-rank",
        "kernel",
        "the kernel counts columns passed by elimination as rank",
        old="found += 1",
        new="found = column + 1",
        asked=("tests/kernel/test_matrices.py::test_rank_is_that_of_flint",),
    ),
    Fault(
        "kernel-root",
        "kernel",
        "the kernel's roots are not rounded up",
        old="Fraction(below + 1, denominator << shift)",
        new="Fraction(below, denominator << shift)",
        asked=("tests/kernel/test_numbers.py::test_arithmetic_encloses_the_true_value",),
    ),
    Fault(
        "kernel-activation",
        "kernel",
        "the kernel's activations are the identity",
        old="linear = layer.slope == 1 or compare",
        new="linear = True or compare",
        asked=(
            "properties/ranks/test_batch_norm_gradient_rank.py::batch-norm-gradient-rank-sample",
            "properties/collapse/test_neural_collapse_multiclass.py::neural-collapse-multiclass-printed",
        ),
    ),
    Fault(
        "kernel-levels",
        "kernel",
        "the kernel's derivatives within derivatives mix",
        old="if isinstance(number, Dual) and number.level == level:",
        new="if isinstance(number, Dual):",
        asked=("tests/kernel/test_networks.py::test_second_derivatives_are_those_of_torch",),
    ),
    Fault(
        "kernel-logarithm",
        "kernel",
        "the kernel's logarithms forget the powers of two below 1",
        old="    if e != 0:",
        new="    if e > 0:",
        asked=("tests/kernel/test_exponentials.py::test_logarithms_are_enclosed",),
    ),
]
