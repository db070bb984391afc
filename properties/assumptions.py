"""Hypotheses that more than one claim makes: in words and, where they are formalised, as formula.

What the claims of one family alone assume stays with the family.
"""

import theorycheck as tc

# Architecture

CHAIN = tc.Assumption(
    "a chain of dense or convolutional layers without biases; ReLU, leaky ReLU or linear",
    "chain() and len(biases) == 0 and not normalised()",
)
CHAIN_WITH_BIASES = tc.Assumption(
    "a chain of layers without normalisation; ReLU, leaky ReLU or linear",
    "chain() and not normalised()",
)
NO_BIASES = tc.Assumption("no biases", "len(biases) == 0")
BIASES = tc.Assumption("some layers have biases", "len(biases) > 0")
GRAPH = tc.Assumption(
    "a directed acyclic graph of layers (galanti2022, Section 2.1), without biases and"
    " normalisation; ReLU, leaky ReLU or linear",
    "len(biases) == 0 and not normalised()",
)
CUT_WITHOUT_CONSTANTS = tc.Assumption(
    "no constant edge leads from the layers up to l to those beyond",
    "all([e[1] <= l or e[0] > l for e in skips])",
)
RELU_NETWORK = tc.Assumption(
    "a ReLU network of depth L >= 2", "depth >= 2 and all([slope(l) == 0 for l in range(1, depth)])"
)
ONE_OUTPUT = tc.Assumption("one output", "len(outputs) == 1")
TWO_LAYERS = tc.Assumption("two layers of weights in a chain", "chain() and depth == 2")
LINEAR_CLASSIFIER = tc.Assumption("a linear classifier", "depth == 1 and slope(1) == 1")
LINEAR_FIRST_LAYER = tc.Assumption("the first layer is linear", "slope(1) == 1")
LINEAR_OUTPUT = tc.Assumption("the output is linear", "slope(depth) == 1")
SEVERAL_OUTPUTS = tc.Assumption("several outputs", "len(outputs) > 1")
DENSE = tc.Assumption(
    "dense or constant connections: no weight matrix is applied to several patches",
    "len(filters) == 0",
)
SHORTENING = tc.Assumption(
    "all slopes are between 0 and 1, as those of ReLU, leaky ReLU and linear layers are",
    "all([0 <= slope(l) and slope(l) <= 1 for l in range(1, depth + 1)])",
)
SEVERAL_PATCHES = tc.Assumption("K is applied to several patches", "patches(k) > 1")
FILTERS = tc.Convention("the weight matrix of a convolutional layer holds one filter per row")

RESIDUAL_BLOCKS = tc.Convention(
    "residual blocks z + sigma(W_2 sigma(W_1 z)) (galanti2022, Section 4.1) are written as graphs"
    " of Eq. 3-4 with one more layer, linear and without weights, that adds the two branches"
)

# Batch normalisation

NOT_NORMALISED = tc.Assumption("no batch normalisation", "not normalised()")
UNNORMALISED = tc.Assumption(
    "one output and no batch normalisation", f"{ONE_OUTPUT.formula} and {NOT_NORMALISED.formula}"
)
NORMALISED = tc.Assumption("some hidden layers are normalised over the batch", "normalised()")
NORMALISED_CHAIN = tc.Assumption(
    "a chain of layers without biases, some hidden ones normalised over the batch (galanti2022,"
    " Eq. 5)",
    "chain() and len(biases) == 0 and normalised()",
)
NORMALISED_LAYER = tc.Assumption("layer k is normalised", "normalised_layer(layer(k))")
GRADIENT_NOT_ZERO = tc.Assumption("the gradient is not 0", "not zero(df(n, c, k))")
NO_SHIFTS = tc.Assumption(
    "the shifts of the normalisation are 0", "all([W[b] == 0 for b in shifts])"
)
DETACHED_VARIANCE = tc.Assumption("the variance is detached", "detached()")
DIFFERENTIATED_VARIANCE = tc.Assumption("mean and variance are differentiated", "differentiated()")

VARYING_OVER_SAMPLES = tc.Assumption("every normalised unit varies over the samples", "varies()")
VARYING_UNITS = tc.Assumption("every normalised unit varies over the batch S", "varies(S)")

# Inputs, weights and labels

IN_BALL = tc.Assumption("|x_n| <= 1", "all([squared(x[n]) <= 1 for n in samples])")
INPUT_NOT_ZERO = tc.Assumption("x is not 0", "not zero(x[n])")
ONE_SAMPLE = tc.Assumption("one sample", "len(samples) == 1")
PAIR = tc.Assumption("two samples", "len(samples) == 2")

UNIT_WEIGHTS = tc.Assumption(
    "|V_k| = 1 for every layer k", "all([squared(W[k]) == 1 for k in weights])"
)
TWO_CLASSES = tc.Assumption("two classes", "C == 2")
SIGN_LABELS = tc.Assumption(
    "one output, labels +-1", "all([len(outputs) == 1 and y[n][0] ** 2 == 1 for n in samples])"
)
FITTED = tc.Assumption("every label is fitted", "all([f(n, 0) == y[n][0] for n in samples])")
SOME_OUTPUT = tc.Assumption("some output is not 0", "any([f(n, 0) != 0 for n in samples])")
OUTPUT_NEAR_ZERO = tc.Assumption(
    "|f_V(x_n)| <= |x_n|/8 in two dimensions or more: near V there is a V_0 with f_{V_0}(x_n) = 0",
    "all([len(x[n]) >= 2 and 64 * f(n, 0) ** 2 <= squared(x[n]) for n in samples])",
)
CLASSIFIED = tc.Assumption(
    "all samples are correctly classified", "all([margin(n) > 0 for n in samples])"
)
EQUAL_MARGINS = tc.Assumption(
    "all margins are equal", "all([margin(n) == margin(0) for n in samples])"
)
POSITIVE_RHO = tc.Assumption("rho > 0", "rho > 0")
RHO_NEAR_ZERO = tc.Assumption(
    "0 < rho <= 1/32, a small perturbation of 0", "0 < rho and 32 * rho <= 1"
)
POSITIVE_WEIGHT_DECAY = tc.Assumption("lambda > 0", "weight_decay > 0")
WEIGHT_DECAY = tc.Assumption("lambda >= 0", "weight_decay >= 0")
NO_WEIGHT_DECAY = tc.Assumption("lambda = 0", "weight_decay == 0")
MINI_BATCHES = tc.Assumption(
    "batches of size B, from 1 to fewer than all samples",
    "1 <= batch_size and batch_size < len(samples)",
)

# Points at which SGD can stop

STATIONARY = tc.Assumption(
    "the gradient vanishes on every batch of size B",
    "all([zero(gradient(S, k)) for S in batches(batch_size) for k in weights])",
)
TRAINABLE_INPUT_EDGES = tc.Assumption(
    "every edge out of the input is trainable", "all([e[0] > 0 for e in skips])"
)
NOT_COLLINEAR = tc.Assumption("the inputs are not collinear", "rank(x) > 1")
INDEPENDENT_INPUTS = tc.Assumption("the inputs are linearly independent", "rank(x) == len(samples)")
WHOLE_INPUT = tc.Assumption(
    "every weight matrix next to the input reads all of it, no patch",
    "all([len(W[k][0]) == len(x[0]) for k in weights if source(k) == 0])",
)
MATRIX_READS_INPUT = tc.Assumption(
    "W^{p1} reads all of the input, no patch", "len(W[k][0]) == len(x[0])"
)
WHOLE_LAYERS = tc.Assumption(
    "each matrix acts on the whole layer before it",
    "all([len(W[k][0]) == (len(x[0]) if k == 0 else len(W[k - 1])) for k in weights])",
)
WEIGHT_NOT_ZERO = tc.Assumption("W is not 0", "not zero(W[k])")
SOME_WEIGHT = tc.Assumption("some weight is not 0", "any([not zero(W[k]) for k in weights])")

# Kinks

SMOOTH_ON_BATCH = tc.Assumption(
    "no pre-activation of ReLU or leaky ReLU is 0 on the batch S", "smooth(S)"
)
SMOOTH = tc.Assumption("every f_V(x_n) is differentiable in V_k", "smooth()")
AUTOGRAD_AT_KINKS = tc.Convention("where a pre-activation is 0, the derivative is autograd's")
ANY_CHOICE_AT_KINKS = tc.Convention(
    "where a pre-activation is 0, the derivative of the activation is 0, its slope (autograd's"
    " choice) or 1",
    selections=(0.0, 1.0),
)

# The loss

SQUARE_LOSS = tc.Convention("the square loss; a batch has the mean of its samples' losses")
ANY_LOSS = tc.Convention(
    "the square loss, whose labels can make the derivatives l'_i any numbers: it stands for every"
    " differentiable loss"
)
