"""Homogeneous networks: their specification, evaluation on stacked members, initial weights."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theorycheck.networks.evaluation import activate, forward, sample_gradients, vertices
    from theorycheck.networks.initialisation import (
        frobenius_norms,
        initialise,
        mean_distance,
        normalise,
    )
    from theorycheck.networks.specification import (
        LINEAR,
        RELU,
        Convolution,
        Dense,
        Edge,
        Identity,
        Layer,
        Map,
        Network,
        Normalisation,
        Parameter,
        Parameters,
        mlp,
    )
else:
    from theorycheck._lazy import attach

    __getattr__, __dir__, __all__ = attach(__name__)
