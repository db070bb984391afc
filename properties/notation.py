"""Notation that claims share: abbreviations of formal statements.

Formal statements are in the language of `theorycheck.kernel`.
"""

import theorycheck as tc

# Variables and their ranges

EVERYWHERE = ("k in weights", "n in samples", "c in outputs")
ENTRIES = ("k in weights", "i in range(len(W[k]))", "j in range(len(W[k][0]))")

# The structural lemma, and a false neighbour of it

LEMMA = "inner(W[k], df(n, c, k)) == f(n, c)"
ADDED_UP = tc.altered(
    "the inner products of all layers are added up",
    "sum([inner(W[l], df(n, c, l)) for l in weights]) == f(n, c)",
)

# Abbreviations

BATCH_GRADIENT = (
    "gradient(S, k) ="
    " sum([2 * (f(n, c, S) - y[n][c]) * df(n, c, k, S) for n in S for c in outputs])"
    " / len(S) + 2 * weight_decay * W[k]"
)
"""Of galanti2022, Eq. 2, on a batch S with the square loss: Eq. 6."""

MARGIN = "margin(n) = y[n][0] * f(n, 0)"
MEAN_MARGIN = "mu = sum([margin(n) for n in samples]) / len(samples)"
SECOND_MOMENT = "M = sum([margin(n) ** 2 for n in samples]) / len(samples)"

MULTIPLIER = "nu(S) = sum([rho * margin(n) - rho ** 2 * f(n, 0) ** 2 for n in S]) / len(S)"
"""Of xu2022, Eq. 4, first form, on a batch S."""
