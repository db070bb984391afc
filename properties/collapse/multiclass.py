"""Hypotheses and abbreviations on several classes: xu2022, Theorem 6.

The paper calls a point one of convergence when no balanced batch updates `rho` or any `V_k`. The
theorem asks that `V_L` has converged, and considers such points.
"""

import theorycheck as tc
from properties.assumptions import CHAIN, IN_BALL, POSITIVE_WEIGHT_DECAY, RELU_NETWORK, SMOOTH
from properties.collapse.conditions import BALANCED, CLASS_MEANS, MATRICES, PROBES, UPDATE

CENTRED = tc.Assumption(
    "targets are the centred labels e~_c: 1 for the class of a sample, -1/(C-1) for the others",
    "C > 1 and all([sum(y[n]) == 0"
    " and all([y[n][c] == 1 or y[n][c] == -1 / (C - 1) for c in outputs]) for n in samples])",
)
SMALLER_BATCHES = tc.Assumption(
    "batches of b samples of each class, b < N",
    "any([batch_per_class == b and b * C < len(samples) for b in samples if b > 0])",
)
DIVISOR = tc.Assumption(
    "B = b C is a divisor of N, the number of samples of a class",
    "any([k * batch_per_class * C * C == len(samples) for k in samples])",
)
FULL_BATCH = tc.Assumption(
    "batches of b samples of each class, b = N: the full batch",
    "batch_per_class * C == len(samples)",
)
PROPORTIONAL = tc.Assumption(
    "Property 2 as printed: each output is a positive multiple of its centred target",
    "all([a(n) > 0 and all([f(n, c) == a(n) * y[n][c] for c in outputs]) for n in samples])",
)
COMMON_FACTOR = tc.Assumption(
    "rho f_V(x_cn) = alpha e~_c with one alpha in (0, 1)",
    "0 < a(0) and a(0) < 1 and all([f(n, c) == a(0) * y[n][c] for n in samples for c in outputs])",
)
SMALL_GAPS = tc.Assumption(
    "quasi-interpolation with small gaps: the factors are between 3/4 and 5/4",
    "all([4 * abs(a(n) - 1) <= 1 for n in samples])",
)
CLASSIFIER_AT_REST = tc.Assumption(
    "no class-balanced batch with b samples of each class updates V_L under LN + WD",
    "all([zero(sum([update(n, last) for n in S])) for S in balanced])",
)
LAYERS_AT_REST = tc.Assumption(
    "nor any other layer",
    "all([zero(sum([update(n, k) for n in S])) for S in balanced for k in weights if k < last])",
)
RHO_AT_REST = tc.Assumption(
    "no class-balanced batch with b samples of each class updates rho",
    "all([sum([update_of_rho(n) for n in S]) == 0 for S in balanced])",
)
NETWORK = [CHAIN, MATRICES, RELU_NETWORK, CENTRED, BALANCED]
IN_THE_PAPER = [*NETWORK, IN_BALL, POSITIVE_WEIGHT_DECAY]
ALL_AT_REST = [SMOOTH, CLASSIFIER_AT_REST, LAYERS_AT_REST, RHO_AT_REST]

CLASSES = (
    *CLASS_MEANS,
    *UPDATE,
    "balanced = [S for S in batches(batch_per_class * C) if zero(sum([y[n] for n in S]))]",
    "squared_rho = product([squared(W[k]) for k in weights])",
    "update_of_rho(n) ="
    " sum([f(n, c) * (y[n][c] - f(n, c)) for c in outputs]) - weight_decay * squared_rho",
    "a(n) = sum([f(n, c) * y[n][c] for c in outputs]) / squared(y[n])",
    "within(k) = sum([squared(h(n) - mu(c)) for c in range(k) for n in members(c)]) / len(samples)",
    "M(k) = [centred(c) for c in range(k)]",
    *PROBES,
    "largest_output(p) = max(decisions(probes)[p])",
    "distance(p, c) = squared(activations(probes)[p] - mu(c))",
    "least_distance(p) = min([distance(p, c) for c in outputs])",
    "misjudged(m, c) = len([p for p in range(m)"
    " if (1 if decisions(probes)[p][c] == largest_output(p) else 0)"
    " != (1 if distance(p, c) == least_distance(p) else 0)])",
)
"""The updates of rho, times rho / 2; the factors of Property 2; the trace of Sigma_W, for k = C;
the matrix M of the first k centred means; at how many of the first m probes class c has the largest
output or the nearest mean, but not both.
"""
PAIRS = ("i in outputs", "j in outputs")
NUMBERS = ("batch_per_class",)
CONVERGED = (*NUMBERS, "weight_decay")

NC_1 = "within(C) == 0"
NC_2 = "inner(centred(i), centred(j)) == squared(centred(i)) * (1 if i == j else -1 / (C - 1))"
NC_3 = "inner(W[last], M(C)) == root(squared(W[last]) * squared(M(C)))"
NC_4 = "misjudged(probes, i) == 0"
COLLAPSED = f"{NC_1} and {NC_2} and {NC_3} and {NC_4}"
EQ_42 = "squared(a(0) * C * W[last][i] - squared(W[last]) * centred(i)) == 0"
EQ_43 = "C * squared(W[last][i]) == squared(W[last])"
WITH_CONSTANTS = f"{COLLAPSED} and {EQ_42} and {EQ_43}"
WIDER = tc.altered(
    "NC2 with inner products -1/C instead of -1/(C-1)", COLLAPSED.replace("-1 / (C - 1)", "-1 / C")
)

PROOF_OF_THEOREM_6 = [
    "multiclass-update-exchange",
    "multiclass-update-full-printed",
    "collapsed-classifier-angles",
    "nearest-centre-multiclass-printed",
]
