"""Training of cohorts: gradient flow, gradient descent and SGD on stacked members."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theorycheck.training.batches import Batches, Sampling
    from theorycheck.training.cohorts import (
        Cohort,
        Loss,
        Objective,
        Parametrisation,
        Reduction,
        State,
        outputs,
        parametrise,
        resolve_device,
    )
    from theorycheck.training.engines import Engine
    from theorycheck.training.events import Course, Crossing, Quantity, follow_events
    from theorycheck.training.experiments import Experiment, Recipe, Trained
    from theorycheck.training.objectives import objective_values
    from theorycheck.training.recording import GradientNorm, Measure, Measures, Run
    from theorycheck.training.rest import Rest, points_of_rest
    from theorycheck.training.trainers import gradient_descent, gradient_flow, sgd, together
    from theorycheck.training.vector_field import velocity
else:
    from theorycheck._lazy import attach

    __getattr__, __dir__, __all__ = attach(__name__)
