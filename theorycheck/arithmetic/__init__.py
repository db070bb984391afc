"""Arithmetic without rounding errors, or with proved bounds on them.

Rationals, balls and dyadic numbers for single networks, intervals and error bounds for float64.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theorycheck.arithmetic.cases import Case
    from theorycheck.arithmetic.dyadic import (
        SIGNIFICAND_BITS,
        Growth,
        alone,
        bits_needed,
        exact_dtype,
        minors,
        rounds,
        sums_of_parameters,
    )
    from theorycheck.arithmetic.enclosures import UNIT_ROUNDOFF, Interval, gamma
    from theorycheck.arithmetic.error_bounds import evaluate_with_error_bounds
    from theorycheck.arithmetic.evaluation import has_kink, preactivations, vertices
    from theorycheck.arithmetic.forward_mode import batch_gradient, jacobian
    from theorycheck.arithmetic.numbers import (
        Array,
        balls,
        flat,
        from_strings,
        precision,
        rationals,
        squared,
        to_fractions,
        to_strings,
    )
    from theorycheck.arithmetic.points import Point
    from theorycheck.arithmetic.quotients import (
        derivative_by_quotients,
        difference_quotients,
        directional_derivative,
        one_sided_derivatives,
    )
    from theorycheck.arithmetic.ranks import rank, rank_exceeds
    from theorycheck.arithmetic.singular_values import (
        NORMS,
        Ball,
        distance_to_rank,
        norm,
        rank_at_least,
    )
    from theorycheck.arithmetic.zeros import Zero, proved_stable, proved_zero
else:
    from theorycheck._lazy import attach

    __getattr__, __dir__, __all__ = attach(__name__)
