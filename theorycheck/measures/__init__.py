"""Measures of trained networks: margins, equilibria, neural collapse, ranks, movement.

Pure functions of stacked tensors of float16, bfloat16, float32 or float64, on any device. Shapes:
``K`` members, ``N`` samples, ``C`` outputs or classes, ``p`` features. A measure is ``(K,)`` unless
it says otherwise, and has the dtype of its tensors; those of half precision are measured in
float32.

A member that is degenerate or has diverged raises nothing and leaves the others alone. One with
non-finite entries measures ``nan`` or ``inf``, never a number that looks like a result; what zero
matrices and the like measure is stated with each function. Finite members are measured whatever
their scale: nothing overflows or vanishes on the way to a result that is a number of the dtype.
Only digits below the least normal number may be lost, or, beside some of ``n`` numbers of a member
whose squares overflow, below ``16 n`` times that. Only what is no dense tensor of floats, tensors
of the wrong shape and labels that name no class raise `InputError`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theorycheck.measures.collapse import (
        between_class_covariance,
        by_class,
        centred_class_means,
        class_means,
        global_mean,
        nc1,
        nc1_pseudoinverse,
        nc1_relative,
        nc2_angles,
        nc2_angles_mean,
        nc2_norm_gap,
        nc2_norms,
        nc3,
        nc4,
        total_covariance,
        within_class_covariance,
        within_class_covariance_as_printed,
    )
    from theorycheck.measures.movement import (
        batch_gradient_norms,
        sampling_variance,
        weight_distance,
    )
    from theorycheck.measures.outputs import (
        accuracy,
        equilibrium_rho,
        equilibrium_rho_of_sums,
        margin_statistics,
        margins,
        output_statistics,
    )
    from theorycheck.measures.ranks import (
        RANK_THRESHOLD,
        effective_rank,
        singular_values,
        stable_rank,
        threshold_rank,
    )
else:
    from theorycheck._lazy import attach

    __getattr__, __dir__, __all__ = attach(__name__)
