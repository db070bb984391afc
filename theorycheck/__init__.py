"""theorycheck: an automatic referee for theory papers on deep ReLU networks.

What claims need most is handed out here; the packages hold more, each under the names of its own
``__init__``. A name loads its module when it is asked for, so that importing the package, and
verifying certificates, needs nothing but Python.

For pytest: PYTEST_DONT_REWRITE, as the command line has imported this module before pytest starts.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from theorycheck.arithmetic.cases import Case
    from theorycheck.arithmetic.enclosures import Interval
    from theorycheck.claims.comparisons import equality, inequality, rank_at_most
    from theorycheck.claims.declaration import (
        Assumption,
        Claim,
        Convention,
        Formal,
        Hypothesis,
        Paper,
        Source,
        claim,
    )
    from theorycheck.claims.experiments import (
        Comparison,
        Exclusions,
        Followed,
        between,
        either_half,
        experiment_claim,
        halves,
    )
    from theorycheck.claims.families import Altered, Family, altered, stated
    from theorycheck.claims.findings import Findings, Observation, Pair, Rejection, Unmet
    from theorycheck.claims.setting import Setting
    from theorycheck.claims.trainings import Population
    from theorycheck.claims.trajectories import Observing, trained_by
    from theorycheck.data.dataset import Dataset
    from theorycheck.data.image_sets import digits, images
    from theorycheck.data.synthetic import gaussian_mixture, uniform_ball, uniform_sphere
    from theorycheck.drawing.data import away_from_kinks, cases, large_cases, mostly
    from theorycheck.drawing.networks import (
        batch_normalised,
        convolutional_networks,
        directed_graphs,
        homogeneous_networks,
        mlps,
        residual_networks,
    )
    from theorycheck.drawing.normalised import normalised_cases, rational_batches
    from theorycheck.drawing.numbers import dyadics, positive_dyadics
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
    from theorycheck.errors import ExitCode, InputError
    from theorycheck.networks.evaluation import forward, sample_gradients
    from theorycheck.networks.initialisation import initialise
    from theorycheck.networks.specification import (
        LINEAR,
        RELU,
        Convolution,
        Dense,
        Edge,
        Identity,
        Layer,
        Network,
        mlp,
    )
    from theorycheck.training.cohorts import Cohort, Objective, State
    from theorycheck.training.experiments import Experiment, Recipe, Trained
    from theorycheck.training.trainers import gradient_descent, gradient_flow, sgd, together
else:
    from theorycheck._lazy import attach

    __getattr__, __dir__, __all__ = attach(__name__)
