"""Neural collapse with several classes: xu2022, Theorem 6.

The paper calls a point one of convergence when no balanced batch updates `rho` or any `V_k`; the
theorem speaks of the convergence of `V_L`. Both readings are claims.
"""

from __future__ import annotations

import theorycheck as tc
from properties.assumptions import CHAIN, RELU_NETWORK, SMOOTH
from properties.collapse.collapsed_networks import collapsed_features, simplex_networks
from properties.collapse.conditions import BALANCED, CLASS_MEANS, MATRICES, PROBES, UPDATE
from properties.papers import XU2022

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
CLASSIFIER_AT_REST = tc.Assumption(
    "no class-balanced batch with b samples of each class updates V_L under LN + WD",
    "all([zero(sum([update(n, last) for n in S])) for S in balanced])",
)
LAYERS_AT_REST = tc.Assumption(
    "nor any other layer",
    "all([zero(sum([update(n, k) for n in S])) for S in balanced for k in weights if k < last])",
)
RHO_AT_REST = tc.Assumption(
    "nor rho", "all([sum([update_of_rho(n) for n in S]) == 0 for S in balanced])"
)
NETWORK = [CHAIN, MATRICES, RELU_NETWORK, CENTRED, BALANCED]
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
    "NC2 with inner products -1/C instead of -1/(C-1)",
    COLLAPSED.replace("-1 / (C - 1)", "-1 / C"),
)
NOT_COLLAPSED = tc.Assumption(
    "NC1 to NC4 do not all hold (the contrapositive: then some batch updates some layer)",
    f"not all([{COLLAPSED} for i in outputs for j in outputs])",
)
CLASSIFIER_ALONE = tc.altered(
    "V_L alone is asked to be at rest", without=[SMOOTH, LAYERS_AT_REST, RHO_AT_REST]
)

neural_collapse_multiclass_printed = tc.stated(
    "neural-collapse-multiclass-printed",
    title="Theorem 6: neural collapse with several classes, as printed",
    kind="identity",
    sources=[XU2022.at("Theorem 6, Property 2")],
    printed=r"\frac{\partial \mathcal{L}_{S'}}{\partial V} = 0,\;"
    r" \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0 \;\forall S',\quad"
    r" f(x_{cn}) \propto \tilde e_c \;\forall c, n \implies \text{NC1--NC4}",
    given=[*NETWORK, SMALLER_BATCHES, DIVISOR, PROPORTIONAL, *ALL_AT_REST],
    forall=PAIRS,
    where=CLASSES,
    numbers=CONVERGED,
    states=COLLAPSED,
    control=CLASSIFIER_ALONE,
    on=simplex_networks(mixed=True),
    why="A point of convergence of SGD with balanced batches at which every output is proportional"
    " to the centred target of its class shows neural collapse. Property 2 does not say that the"
    " factor of proportionality is the same for all samples; the proof uses that it is (`rho f_V ="
    " alpha e~_c`, before Eq. 40). Without it the theorem is false: a sample with factor alpha and"
    " one with factor 1 - alpha make the same update, because the update is proportional to `alpha"
    " (1 - alpha)`. In the counterexample every layer and `rho` is at rest on every batch, away"
    " from all kinks, with all samples correctly classified, and the features of a class have two"
    " different lengths.",
)

neural_collapse_multiclass_full_batch = tc.stated(
    "neural-collapse-multiclass-full-batch",
    title="Theorem 6 with b any divisor of N, the full batch included",
    kind="identity",
    sources=[XU2022.at("Section 5.2, the process before Theorem 6")],
    printed=r"b \mid N,\; \frac{\partial \mathcal{L}_{S'}}{\partial V} = 0,\;"
    r" \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0 \;\forall S',\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c \;\forall c, n \implies \text{NC1--NC4}",
    given=[*NETWORK, FULL_BATCH, COMMON_FACTOR, *ALL_AT_REST],
    forall=PAIRS,
    where=CLASSES,
    numbers=CONVERGED,
    states=COLLAPSED,
    control=CLASSIFIER_ALONE,
    on=simplex_networks(groups=(2, 1), full_batch=True),
    why='The process that precedes Theorem 6 draws b samples of each class, "b a divisor of N",'
    " which allows b = N. Then NC1 does not follow: samples of one class may use different units."
    " Theorem 6 itself asks that B = bC divide N, so that b < N, and a remark after it says that"
    " SGD is necessary in the proof of NC1; the counterexample shows that it is necessary for the"
    " result. It is a critical point of the full loss in every layer and in `rho`, away from all"
    " kinks.",
)

neural_collapse_multiclass = tc.stated(
    "neural-collapse-multiclass",
    title="Theorem 6: neural collapse with several classes and one factor for all samples",
    kind="identity",
    sources=[XU2022.at("Theorem 6, Eq. 36-45")],
    printed=r"\frac{\partial \mathcal{L}_{S'}}{\partial V_L} = 0 \;\forall S',\; b < N,\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c \;\forall c, n \implies \text{NC1--NC4},\;"
    r" V_L^c = \frac{\rho}{\alpha C}(\mu_c - \mu_G),\; \|V_L^c\|_2^2 = \frac1C",
    given=[*NETWORK, SMALLER_BATCHES, COMMON_FACTOR, CLASSIFIER_AT_REST],
    forall=PAIRS,
    where=CLASSES,
    numbers=CONVERGED,
    states=WITH_CONSTANTS,
    control=tc.altered(WIDER.words, WITH_CONSTANTS.replace("-1 / (C - 1)", "-1 / C")),
    on=collapsed_features(),
    corrects="neural-collapse-multiclass-printed",
    why="If no balanced batch smaller than the whole set updates `V_L`, and all outputs are the"
    " same multiple of their centred targets, the features and the classifier have collapsed. The"
    " convergence of `V_L` suffices, and Eq. 42-43 hold with their constants. NC4 is checked at the"
    ' samples, differences of samples and the unit vectors. It does not follow "from NC1-NC2",'
    " as printed: without biases it also needs `<V_L^c, mu_G> = 0`, which Eq. 44 provides. Such"
    " networks exist for ReLU, unlike in the binary case with a scalar output, because the global"
    " mean of the features can make up for the negative entries of the simplex; they are"
    " constructed here, not found by training. Whether the other layers can converge as well is"
    " the subject of [neural-collapse-multiclass-all-layers]"
    "(#neural-collapse-multiclass-all-layers).",
)

neural_collapse_multiclass_all_layers = tc.stated(
    "neural-collapse-multiclass-all-layers",
    title="Theorem 6 at points where SGD has converged in all layers",
    kind="identity",
    sources=[XU2022.at("Section 5.2, convergence points; Theorem 6")],
    printed=r"\frac{\partial \mathcal{L}_{S'}}{\partial V_k} = 0 \;\forall k, S',\; b < N,\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c \;\forall c, n \implies \text{NC1--NC4}",
    given=[*NETWORK, SMALLER_BATCHES, COMMON_FACTOR, SMOOTH, NOT_COLLAPSED],
    where=CLASSES,
    numbers=CONVERGED,
    states="sum([squared(sum([update(n, k) for n in S])) for S in balanced for k in weights]) != 0",
    control=tc.altered(
        "the full batch, b = N",
        without=[SMALLER_BATCHES],
        on=simplex_networks(groups=(2,), full_batch=True),
    ),
    on=simplex_networks(groups=(2,)),
    examples=40,
    enough=10,
    why="The paper calls a point one of convergence when no balanced batch updates `rho` or *any*"
    " `V_k`. True, and a special case of [the theorem on `V_L` alone](#neural-collapse-multiclass);"
    " but the hypotheses as printed are met only in degenerate cases, where all inputs of a class"
    " are the same vector: [neural-collapse-multiclass-all-layers-inputs]"
    "(#neural-collapse-multiclass-all-layers-inputs). Like Lemma 8 and, in galanti2022, Proposition"
    " 1, it is therefore stated by its contrapositive, whose hypotheses are met elsewhere: a"
    " network that has not collapsed still moves.",
)

neural_collapse_multiclass_all_layers_inputs = tc.stated(
    "neural-collapse-multiclass-all-layers-inputs",
    title="... in fact all layers converge only where the inputs of a class coincide",
    kind="identity",
    sources=[],
    printed=r"\frac{\partial \mathcal{L}_{S'}}{\partial V_k} = 0 \;\forall k, S',\; b < N,\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c \;\forall c, n \implies x_{cn} = x_{cm}",
    given=[*NETWORK, SMALLER_BATCHES, COMMON_FACTOR, *ALL_AT_REST],
    forall=["i in outputs", "p in members(i)", "q in members(i)"],
    where=CLASSES,
    numbers=CONVERGED,
    states="squared(x[p] - x[q]) == 0",
    control=tc.altered(
        "the outputs are any positive multiples of their targets",
        without=[COMMON_FACTOR],
        on=simplex_networks(mixed=True),
    ),
    on=simplex_networks(),
    examples=40,
    enough=10,
    why="As in the step from Eq. 40 to NC1, the samples of a class make equal updates. In the first"
    " layer these are `delta_n x_n^T`, whose inner product with `W_1` is `<f, f - y>`, here `alpha"
    " (alpha - 1) C/(C-1)` and not 0; so all inputs of a class are multiples of one vector."
    " Positive multiples coincide by homogeneity, since the outputs are the same; of negative"
    " multiples no unit of the first layer is active at both, which makes their `delta` different.",
)
