"""Faults of networks: activations, normalisation, edges and members."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS = [
    Fault(
        "slope-at-kink",
        "networks.evaluation",
        "autograd's derivative of ReLU at 0 is 1, not 0",
        old="return torch.relu(preactivation)",
        new="return preactivation.clamp(min=0.0)",
        asked=("tests/networks/test_evaluation.py::test_the_derivative_at_a_kink_is_the_slope",),
    ),
    Fault(
        "derivative-of-relu",
        "networks.evaluation",
        "the derivative of ReLU is 1 everywhere",
        old="return torch.relu(preactivation)",
        new="return preactivation + (torch.relu(preactivation) - preactivation).detach()",
        asked=("properties/homogeneity/test_structural_lemma.py::structural-lemma",),
    ),
    Fault(
        "leaky-slope",
        "networks.evaluation",
        "leaky ReLU has the square of its slope",
        old="torch.where(preactivation > 0, preactivation, slope * preactivation)",
        new="torch.where(preactivation > 0, preactivation, slope**2 * preactivation)",
        asked=("tests/networks/test_evaluation.py::test_vertices_equal_a_loop_over_units",),
    ),
    Fault(
        "unused-bias",
        "networks.evaluation",
        "biases are read but not added",
        old="total = total + bias",
        new="pass",
        asked=(
            "properties/homogeneity/test_structural_lemma.py::structural-lemma-biases",
            "properties/homogeneity/test_structural_lemma.py::structural-lemma-later-biases",
        ),
    ),
    Fault(
        "batch-variance",
        "networks.evaluation",
        "batch normalisation divides by the unbiased variance",
        old="variance = centred.square().mean(dim=-2, keepdim=True)",
        new="variance = centred.square().sum(dim=-2, keepdim=True) / max(total.shape[-2] - 1, 1)",
        asked=("tests/networks/test_evaluation.py::test_vertices_equal_a_loop_over_units",),
    ),
    Fault(
        "batch-epsilon",
        "networks.evaluation",
        "batch normalisation adds an epsilon to the variance",
        old="gain * centred / variance.sqrt()",
        new="gain * centred / (variance + 1e-5).sqrt()",
        asked=(
            "tests/networks/test_evaluation.py::test_units_that_are_nearly_constant_are_normalised_exactly",
        ),
    ),
    Fault(
        "attached-variance",
        "networks.evaluation",
        "a detached variance is differentiated",
        old="variance = variance.detach()",
        new="variance = variance.clone()",
        asked=("tests/arithmetic/test_forward_mode.py::test_normalised_jacobians_equal_autograd",),
    ),
    Fault(
        "patches-transposed",
        "networks.specification",
        "the kernels of a convolution are transposed",
        old="strided.transpose(1, 2, 0, 3, 4)",
        new="strided.transpose(1, 2, 0, 4, 3)",
        asked=("tests/networks/test_specification.py::test_patches_by_hand",),
    ),
    Fault(
        "detached-skip",
        "networks.evaluation",
        "no gradient flows through constant skip connections",
        old="    if weight is None:\n        return source\n",
        new="    if weight is None:\n        return source.detach()\n",
        asked=(
            "properties/homogeneity/test_structural_lemma.py::structural-lemma-cut",
            "tests/networks/test_evaluation.py::test_gradients_equal_central_differences",
        ),
    ),
    Fault(
        "single-edge",
        "networks.evaluation",
        "of the edges into a layer only the last one counts",
        old="total = reduce(torch.add, terms)",
        new="*_, total = terms",
        asked=(
            "properties/homogeneity/test_structural_lemma.py::structural-lemma-residual",
            "properties/homogeneity/test_structural_lemma.py::structural-lemma-cut",
        ),
    ),
    Fault(
        "mixed-members",
        "networks.evaluation",
        "per-sample gradients take the samples of other members",
        old="member = torch.arange(members).repeat_interleave(copies)",
        new="member = torch.arange(members).repeat(copies)",
        asked=(
            "properties/homogeneity/test_structural_lemma.py::structural-lemma",
            "tests/networks/test_evaluation.py::test_gradients_of_stacked_members_are_their_own",
        ),
    ),
]
