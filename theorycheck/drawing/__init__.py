"""Hypothesis strategies: networks, data and hyperparameters, with corners on purpose.

Structure (depth, widths, patches) is drawn as small integers and weights as small dyadic numbers,
so that counterexamples shrink towards ``[[1]]``. Strategies only propose: whether an example meets
the hypotheses of a claim is decided elsewhere.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theorycheck.drawing.data import away_from_kinks, cases, datasets, large_cases, mostly
    from theorycheck.drawing.descent import descend
    from theorycheck.drawing.networks import (
        COHORT,
        SLOPES,
        Cases,
        Targets,
        batch_normalised,
        convolutional_networks,
        directed_graphs,
        homogeneous_networks,
        mlps,
        residual_networks,
    )
    from theorycheck.drawing.normalised import batches, normalised_cases, rational_batches
    from theorycheck.drawing.numbers import (
        batch_sizes,
        dyadics,
        initial_scales,
        learning_rates,
        positive_dyadics,
        powers_of_two,
        weight_decays,
    )
    from theorycheck.drawing.stationary import (
        constant_first_layers,
        dead_cases,
        fitted_cases,
        interpolators,
        normalised_equilibria,
        plain_cases,
        searched_cases,
        sign_labelled_chains,
        spread_cases,
        stationary_chains,
        stationary_residual_networks,
        trainable_networks,
        unit_arrays,
    )
else:
    from theorycheck._lazy import attach

    __getattr__, __dir__, __all__ = attach(__name__)
