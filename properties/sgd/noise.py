"""What moves the weights where training ends: the noise of sampling, and drift with kinks."""

import torch
from torch import Tensor

import theorycheck as tc
from theorycheck.measures import sampling_variance
from theorycheck.training import velocity

BATCH = 4
"""How many samples a mini-batch holds."""


def noise(trained: tc.Trained) -> Tensor:
    """E ||g_B - g||^2 over all batches."""
    cohort = trained.cohort
    residuals = trained.outputs - cohort.targets
    gradients = (
        2 * residuals[..., None, None] * slopes
        for slopes in tc.sample_gradients(cohort.network, cohort.state.parameters, cohort.inputs)
    )
    return torch.stack([sampling_variance(g, BATCH) for g in gradients]).sum(dim=0)


def drift(trained: tc.Trained) -> Tensor:
    """||g||^2, the gradient of the objective on all samples."""
    gradients = velocity(trained.cohort, tc.Objective()).parameters
    return torch.stack([g.square().sum(dim=(1, 2)) for g in gradients]).sum(dim=0)


def kinks(sgd: tc.Trained, full_batch: tc.Trained) -> Tensor:
    """What kinks and drift contribute to an update, at the weights where either ends."""
    return torch.maximum(drift(sgd), drift(full_batch))


def apart(one: tc.Trained, other: tc.Trained) -> Tensor:
    """The distance between two solutions."""
    states = (trained.cohort.state.parameters for trained in (one, other))
    differences = [(a - b).square().sum(dim=(1, 2)) for a, b in zip(*states, strict=True)]
    return torch.stack(differences).sum(dim=0).sqrt()
