"""Hypotheses that more than one claim makes: in words and, where they are formalised, as formula.

What the claims of one family alone assume stays with the family.
"""

from __future__ import annotations

from theorycheck import Assumption

# Architecture

CHAIN = Assumption(
    "a chain of dense or convolutional layers without biases; ReLU, leaky ReLU or linear",
    "chain() and len(biases) == 0 and not normalised()",
)
RELU_NETWORK = Assumption(
    "a ReLU network of depth L >= 2",
    "depth >= 2 and all([slope(l) == 0 for l in range(1, depth)])",
)
ONE_OUTPUT = Assumption("one output", "len(outputs) == 1")
FILTERS_AS_ROWS = "the weight matrix of a convolutional layer holds one filter per row"
ACTIVATIONS = "ReLU, leaky ReLU or linear activations"

# Batch normalisation

NOT_NORMALISED = Assumption("no batch normalisation", "not normalised()")
UNNORMALISED = Assumption(
    "one output and no batch normalisation", f"{ONE_OUTPUT.formula} and {NOT_NORMALISED.formula}"
)
NORMALISED = Assumption("some hidden layers are normalised over the batch", "normalised()")
DETACHED_VARIANCE = Assumption("the variance is detached", "detached()")
DIFFERENTIATED_VARIANCE = Assumption("mean and variance are differentiated", "not detached()")

# Weights and labels

UNIT_WEIGHTS = Assumption(
    "|V_k| = 1 for every layer k", "all([squared(W[k]) == 1 for k in weights])"
)
SIGN_LABELS = Assumption(
    "one output, labels +-1", "all([len(outputs) == 1 and y[n][0] ** 2 == 1 for n in samples])"
)
POSITIVE_WEIGHT_DECAY = Assumption("lambda > 0", "weight_decay > 0")
MINI_BATCHES = Assumption("batches of size B < N", "batch_size < len(samples)")

# Kinks

SMOOTH = Assumption("every f_V(x_n) is differentiable in V_k", "smooth()")
AUTOGRAD_AT_KINKS = "where a pre-activation is 0, the derivative is autograd's"
ANY_CHOICE_AT_KINKS = (
    "where a pre-activation is 0, the derivative of the activation is 0, its slope (autograd's"
    " choice) or 1"
)
