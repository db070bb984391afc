"""Abbreviations that formal statements share, in the language of `theorycheck.kernel`."""

EVERYWHERE = ("k in weights", "n in samples", "c in outputs")
ENTRIES = ("k in weights", "i in range(len(W[k]))", "j in range(len(W[k][0]))")

GRADIENT = (
    "gradient(S, k) ="
    " sum([2 * (f(n, c, S) - y[n][c]) * df(n, c, k, S) for n in S for c in outputs])"
    " / len(S) + 2 * weight_decay * W[k]"
)
"""Of galanti2022, Eq. 2, on a batch S with the square loss: Eq. 6."""

MARGIN = "margin(n) = y[n][0] * f(n, 0)"
MEAN_MARGIN = "mu = sum([margin(n) for n in samples]) / len(samples)"
SECOND_MOMENT = "M = sum([margin(n) ** 2 for n in samples]) / len(samples)"
UNIT_NORMS = "all([squared(W[k]) == 1 for k in weights])"
SIGNS = "all([len(outputs) == 1 and y[n][0] ** 2 == 1 for n in samples])"
CHAIN = "chain() and len(biases) == 0 and not normalised()"
RELU = "depth >= 2 and all([slope(l) == 0 for l in range(1, depth)])"
DECAY = "weight_decay > 0"

MULTIPLIER = (
    "nu(S) = sum([rho * margin(n) * (1 - rho * margin(n)) for n in S]) / len(S)"  # xu2022, Eq. 4
)

UPDATE = (
    "update(n, k) = squared(W[k]) * sum([(f(n, c) - y[n][c]) * df(n, c, k) for c in outputs])"
    " - sum([f(n, c) * (f(n, c) - y[n][c]) for c in outputs]) * W[k]"
)
"""What one sample changes V_k by, times -|W_k| / 2, with W_k = |W_k| V_k (xu2022, Eq. 32, 38)."""
