"""Faults of vector code: the exponential function and singular values."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS = [
    Fault(
        "exponential-cut-short",
        "simd.code",
        "the series of the exponential function ends two terms early",
        old="(1000.0, 13) if double",
        new="(1000.0, 11) if double",
        asked=("tests/simd/test_code.py::test_exp",),
    ),
    Fault(
        "rotation-sign",
        "simd.singular_values",
        "singular values are rotated from the right by an angle of the wrong sign",
        old="x.set(k.fma(c, d[i], s * e[i]))",
        new="x.set(k.fma(c, d[i], -(s * e[i])))",
        asked=("tests/simd/test_singular_values.py::test_singular_values_are_the_exact_ones",),
    ),
    Fault(
        "rotation-of-others",
        "simd.singular_values",
        "a matrix takes part in QR steps that only others need",
        old="wanted = wanted & square.compare",
        new="wanted = square.compare",
        asked=("tests/simd/test_singular_values.py::test_bits_do_not_depend_on_company",),
    ),
    Fault(
        "nothing-negligible",
        "simd.singular_values",
        "QR steps go on until what is above the diagonal is exactly 0",
        old='compare(">", negligible)',
        new='compare(">", negligible * 0.0)',
        asked=("tests/simd/test_singular_values.py::test_a_few_steps_are_enough",),
    ),
    Fault(
        "half-sorted",
        "simd.singular_values",
        "singular values change places once only",
        old="with k.loop(0, self.count) as turn",
        new="with k.loop(0, 1) as turn",
        asked=("tests/simd/test_singular_values.py::test_values_in_descending_order",),
    ),
]
