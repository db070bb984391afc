"""Hypotheses and abbreviations that claims on neural collapse share: xu2022, Section 5.

The section speaks of the features ``h`` of the samples and of the last weight matrix, in the
weights ``W_k = |W_k| V_k`` with ``rho = prod_k |W_k|`` and ``f_W = rho f_V`` (Section 3.2).
Divisions stand in definitions with arguments, which are evaluated where the hypotheses are met and
not before.
"""

import theorycheck as tc
from properties.assumptions import CHAIN, DENSE, IN_BALL, WHOLE_LAYERS

MATRICES = tc.Assumption(
    "f_W(x) = W_L sigma(W_{L-1} ... sigma(W_1 x)): linear outputs, no biases, and each matrix acts"
    " on the whole layer before it",
    f"{CHAIN.formula} and slope(depth) == 1 and {DENSE.formula} and {WHOLE_LAYERS.formula}",
)

# The setting of the paper (Section 3.2), which every refuted claim asks for

RECTIFIED = tc.Assumption(
    "hidden layers, if there are any, are ReLU",
    "all([slope(l) == 0 for l in range(1, depth)])",
)
RHO_NOT_ZERO = tc.Assumption(
    "rho > 0: no weight matrix is 0", "all([not zero(W[k]) for k in weights])"
)
BOTH_CLASSES = tc.Assumption(
    "both classes occur",
    "any([y[n][0] == 1 for n in samples]) and any([y[n][0] == -1 for n in samples])",
)
SETTING = (IN_BALL, RECTIFIED, RHO_NOT_ZERO)

# Classes, by targets that are 1 for the class of a sample alone

CLASS_MEANS = (
    "C = len(outputs)",
    "members(c) = [n for n in samples if y[n][c] == 1]",
    "mu(c) = sum([h(n) for n in members(c)]) / len(members(c))",
    "first(k) = sum([mu(c) for c in range(k)]) / k",
    "centred(c) = mu(c) - first(C)",
)
"""Eq. 26: mu_c; the mean of the first k of them, which is mu_G for k = C; and mu_c - mu_G."""

BALANCED = tc.Assumption(
    "C classes with the same number of samples",
    "all([len(members(c)) * C == len(samples) for c in outputs])",
)

# The updates of SGD with Lagrange normalisation

UPDATE = (
    "last = weights[len(weights) - 1]",
    "gradient(n, k) = grad(sum([(f(n, c) - y[n][c]) ** 2 for c in outputs]), k)",
    "update(n, k) = squared(W[k]) * gradient(n, k) - inner(gradient(n, k), W[k]) * W[k]",
)
"""What one sample changes V_k by, up to a factor: the gradient of its loss, tangential to the
sphere, because the multiplier keeps the norm of V_k (Eq. 31 and 37). A batch takes the mean.
"""

# Nearest class centres

PROBES = (
    "N = len(samples)",
    "d = len(x[0])",
    "unit(u) = [1 if i == u else -1 if i == u - d else 0 for i in range(d)]",
    "probe(p) = x[p] if p < N else x[p - N] - x[2 * N - 1 - p] if p < 2 * N else unit(p - 2 * N)",
    "probes = 2 * N + 2 * d",
    "activations(m) = features(W, [probe(p) for p in range(m)])",
    "decisions(m) = network(W, [probe(p) for p in range(m)])",
)
"""Inputs at which decisions are compared with nearest centres: the samples, differences of
samples of different classes, and unit vectors of both signs.
"""
