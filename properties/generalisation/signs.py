"""Averages over all signs, for empirical Rademacher complexities (xu2022, Definition 1).

A vector of signs is the set S of samples whose sign is +1; all 2^N of them are taken.
"""

import theorycheck as tc

SIGNS = (
    "subsets = [S for B in range(len(samples) + 1) for S in batches(B)]",
    "sign(S, n) = 2 * len([m for m in S if m == n]) - 1",
)

LINE = (
    *SIGNS,
    "above(S) = sum([sign(S, n) * max([x[n][0], 0]) for n in samples])",
    "below(S) = sum([sign(S, n) * min([x[n][0], 0]) for n in samples])",
    "larger(S) = max([abs(above(S)), abs(below(S))])",
)
"""Signed sums of the first entries of the inputs, of positive and of negative ones, and the larger.
"""

ON_A_LINE = tc.Assumption(
    "all inputs are multiples of the first unit vector",
    "all([x[n][j] == 0 for n in samples for j in range(1, len(x[n]))])",
)

NO_NETWORK = tc.mlps(depths=(1, 1), widths=(1, 1))
"""For statements on numbers alone."""
