"""Neural collapse with several classes: xu2022, Theorem 6.

The paper calls a point one of convergence when no balanced batch updates `rho` or any `V_k`. The
theorem asks that `V_L` has converged, and considers such points. For the corrected form the rest of
`V_L` suffices.
"""

import theorycheck as tc
from properties.assumptions import SMOOTH
from properties.collapse.collapsed_networks import (
    collapsed_features,
    simplex_networks,
    unequal_factors,
)
from properties.collapse.multiclass import (
    ALL_AT_REST,
    CLASSES,
    CLASSIFIER_AT_REST,
    COLLAPSED,
    COMMON_FACTOR,
    DIVISOR,
    FULL_BATCH,
    IN_THE_PAPER,
    LAYERS_AT_REST,
    NETWORK,
    PAIRS,
    PROOF_OF_THEOREM_6,
    PROPORTIONAL,
    RHO_AT_REST,
    SMALL_GAPS,
    SMALLER_BATCHES,
    WIDER,
    WITH_CONSTANTS,
)
from properties.papers import XU2022

NOT_COLLAPSED = tc.Assumption(
    "NC1 to NC4 do not all hold",
    f"not all([{COLLAPSED} for i in outputs for j in outputs])",
)
CLASSIFIER_ALONE = tc.altered(
    "V_L alone is asked to be at rest", without=[SMOOTH, LAYERS_AT_REST, RHO_AT_REST]
)

neural_collapse_multiclass_printed = tc.stated(
    "neural-collapse-multiclass-printed",
    title="Theorem 6: neural collapse with several classes, as printed",
    sources=[XU2022.at("Theorem 6, Property 2, Abstract: neural collapse without assumptions")],
    printed=r"\frac{\partial \mathcal{L}_{S'}}{\partial V} = 0,\;"
    r" \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0 \;\forall S',\quad"
    r" f(x_{cn}) \propto \tilde e_c \;\forall c, n \implies \text{NC1--NC4}",
    given=[*IN_THE_PAPER, SMALLER_BATCHES, DIVISOR, PROPORTIONAL, SMALL_GAPS, *ALL_AT_REST],
    forall=PAIRS,
    where=CLASSES,
    states=COLLAPSED,
    control=CLASSIFIER_ALONE,
    on=unequal_factors(),
    rests_on=PROOF_OF_THEOREM_6,
    why="A point of convergence of SGD with balanced batches at which every output is proportional"
    " to the centred target of its class shows neural collapse. Property 2 does not say that the"
    " factor of proportionality is the same for all samples; the proof uses that it is (`rho f_V ="
    " alpha e~_c`, before Eq. 40). Without it the theorem is false, however small the gaps: two"
    " classes may have two factors, and the rows of V_L are then not parallel to the centred means."
    " (With large gaps two samples of a class may differ, too: if one is a multiple of the other,"
    " with the factors alpha and 1 - alpha, they make the same update.) In the counterexample every"
    " layer and `rho` is at rest on every batch, away from all kinks, with all samples correctly"
    " classified, and V_L is not dual to the class means.",
)

neural_collapse_multiclass_full_batch = tc.stated(
    "neural-collapse-multiclass-full-batch",
    title="Theorem 6 with b any divisor of N, the full batch included",
    sources=[XU2022.at("Section 5.2: process of SGD")],
    printed=r"b \mid N,\; \frac{\partial \mathcal{L}_{S'}}{\partial V} = 0,\;"
    r" \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0 \;\forall S',\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c \;\forall c, n \implies \text{NC1--NC4}",
    given=[*IN_THE_PAPER, FULL_BATCH, COMMON_FACTOR, SMALL_GAPS, *ALL_AT_REST],
    forall=PAIRS,
    where=CLASSES,
    states=COLLAPSED,
    control=CLASSIFIER_ALONE,
    on=simplex_networks(groups=(2, 1), full_batch=True, least=7),
    rests_on=PROOF_OF_THEOREM_6,
    why='The process that precedes Theorem 6 draws b samples of each class, "b is a divisor of N",'
    " which allows b = N. Then NC1 does not follow: samples of one class may use different units."
    " Theorem 6 itself asks that B = bC divide N, so that b < N, and a remark after it says that"
    " SGD is necessary in the proof of NC1; the counterexample shows that it is necessary for the"
    " result. It is a critical point of the full loss in every layer and in `rho`, away from all"
    " kinks.",
)

neural_collapse_multiclass = tc.stated(
    "neural-collapse-multiclass",
    title="Theorem 6: neural collapse with several classes and one factor for all samples",
    sources=[XU2022.at("Theorem 6, Eq. 36-45")],
    printed=r"\frac{\partial \mathcal{L}_{S'}}{\partial V_L} = 0 \;\forall S',\; b < N,\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c,\; 0 < \alpha < 1 \;\forall c, n"
    r" \implies \text{NC1--NC4},\;"
    r" V_L^c = \frac{\rho}{\alpha C}(\mu_c - \mu_G),\; \|V_L^c\|_2^2 = \frac1C",
    given=[*NETWORK, SMALLER_BATCHES, COMMON_FACTOR, CLASSIFIER_AT_REST],
    forall=PAIRS,
    where=CLASSES,
    states=WITH_CONSTANTS,
    control=tc.altered(WIDER.words, WITH_CONSTANTS.replace("-1 / (C - 1)", "-1 / C")),
    on=collapsed_features(),
    corrects="neural-collapse-multiclass-printed",
    rests_on=PROOF_OF_THEOREM_6,
    why="If no balanced batch smaller than the whole set updates `V_L`, and all outputs are the"
    " same multiple of their centred targets, the features and the classifier have collapsed. The"
    " convergence of `V_L` suffices, and Eq. 42-43 hold with their constants. That alpha is between"
    " 0 and 1 follows where rho rests, with weight decay (`collapsed-classifier-factor`). NC4 is"
    " checked at the samples, differences of samples and the unit vectors. It does not follow"
    ' "from NC1-NC2", as printed: it also needs NC3 and, without biases, `<V_L^c, mu_G> = 0`, which'
    " Eq. 44 provides. Such networks exist for ReLU, unlike in the binary case with a scalar"
    " output, because the global mean of the features can make up for the negative entries of the"
    " simplex; they are constructed here, not found by training. Whether the other layers can"
    " converge as well is the subject of"
    " [neural-collapse-multiclass-all-layers](#neural-collapse-multiclass-all-layers).",
)

neural_collapse_multiclass_all_layers = tc.stated(
    "neural-collapse-multiclass-all-layers",
    title="Theorem 6 at points where SGD has converged in all layers",
    sources=[XU2022.at("Section 5.2: convergence points, Theorem 6")],
    printed=r"\frac{\partial \mathcal{L}_{S'}}{\partial V_k} = 0 \;\forall k, S',\; b < N,\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c,\; 0 < \alpha < 1 \;\forall c, n"
    r" \implies \text{NC1--NC4}",
    given=[*NETWORK, SMALLER_BATCHES, COMMON_FACTOR, SMOOTH, NOT_COLLAPSED],
    where=CLASSES,
    states="sum([squared(sum([update(n, k) for n in S])) for S in balanced for k in weights]) != 0",
    control=tc.altered(
        "the full batch, b = N",
        without=[SMALLER_BATCHES],
        on=simplex_networks(groups=(2,), full_batch=True),
    ),
    on=simplex_networks(groups=(2,)),
    examples=40,
    enough=10,
    rests_on=PROOF_OF_THEOREM_6,
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
    title="All layers converge only where the inputs of a class coincide",
    printed=r"\frac{\partial \mathcal{L}_{S'}}{\partial V_k} = 0 \;\forall k, S',\; b < N,\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c,\; 0 < \alpha < 1 \;\forall c, n"
    r" \implies x_{cn} = x_{cm}",
    given=[*NETWORK, SMALLER_BATCHES, COMMON_FACTOR, SMOOTH, CLASSIFIER_AT_REST, LAYERS_AT_REST],
    forall=["i in outputs", "p in members(i)", "q in members(i)"],
    where=CLASSES,
    states="squared(x[p] - x[q]) == 0",
    control=tc.altered(
        "the outputs are any positive multiples of their targets",
        without=[COMMON_FACTOR],
        on=simplex_networks(mixed=True),
    ),
    on=simplex_networks(),
    examples=40,
    enough=10,
    rests_on=["structural-lemma-multi-output", "structural-lemma-positive-homogeneity"],
    why="As in the step of xu2022 from Eq. 40 to NC1, the samples of a class make equal updates."
    " In the first layer these are `delta_n x_n^T`, whose inner product with `W_1` is `<f, f -"
    " y>`, here `alpha (alpha - 1) C/(C-1)` and not 0; so all inputs of a class are multiples of"
    " one vector. Positive multiples coincide by homogeneity, since the outputs are the same; of"
    " negative multiples no unit of the first layer is active at both, which makes their `delta`"
    " different.",
)
