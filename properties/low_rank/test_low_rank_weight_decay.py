"""Weight decay lowers the rank of trained weights: galanti2022, Sections 3.2, 4.3 and 5."""

from dataclasses import replace

import theorycheck as tc
from properties.low_rank.protocol import (
    BASE,
    EFFECTIVE,
    LOW,
    NO_DECAY,
    PAIRED,
    STABLE,
    THRESHOLD,
    TRAINING,
    from_weights,
    kept,
    lower,
    of_rank_two,
)
from properties.papers import GALANTI2022
from theorycheck.measures import effective_rank, stable_rank, threshold_rank

LARGER_DECAY = r"\text{the ranks of the matrices should decrease as we increase } \lambda"
NO_MINIMISATION = r"\text{we do not have any rank minimization when } \lambda = 0"
KEPT = r"\lambda = 0:\quad \text{rank after training} \ \ge\ \text{rank at initialisation}"
CONTRIBUTES = (
    r"\text{weight decay contribute[s] to a regularizing effect on the rank of the trainable"
    r" matrices}"
)
WEAK = replace(LOW, weight_decay=0.005)
"""Decay time 3: little has left the threshold rank yet."""
WEAKER = replace(LOW, weight_decay=0.00125)


def no_lower(first: tc.Recipe, second: tc.Recipe, words: str) -> tc.Comparison:
    """Is the threshold rank after the first recipe no lower than after the second?"""
    return replace(lower(threshold_rank, first, second, words), relation=">=")


low_rank_weight_decay = tc.experiment_claim(
    "low-rank-weight-decay",
    title="Larger weight decay gives weights of lower rank",
    sources=[
        GALANTI2022.at(
            "Section 3.2: weight decay, Section 4.3: weight decay, Section 1.2: predictions"
        ),
        GALANTI2022.at("Fig. 3"),
    ],
    printed=LARGER_DECAY,
    given=[*PAIRED, BASE, "lambda = 0.02 and 0.005", THRESHOLD],
    compares=lower(
        threshold_rank, LOW, WEAK, "the rank is lower with lambda = 0.02 than with 0.005"
    ),
    rests_on=["rank-bound-frobenius", "rank-bound-use-twofold"],
    why="The decay times, 2 eta lambda T/(1 - momentum) for T updates, are 12 and 3.",
)

low_rank_weight_decay_weak = tc.experiment_claim(
    "low-rank-weight-decay-weak",
    title="Where weight decay is weak, four times as much does not lower the threshold rank",
    sources=[],
    printed=r"\text{rank after } \lambda = 0.005 \ \ge\ \text{rank after } \lambda = 0.00125",
    given=[*PAIRED, BASE, "lambda = 0.005 and 0.00125", THRESHOLD],
    compares=no_lower(WEAK, WEAKER, "the rank is no lower with lambda = 0.005 than with 0.00125"),
    control=no_lower(LOW, WEAK, "lambda = 0.02 and 0.005"),
    why="An observation of our own on the rank of galanti2022, Section 4.1: `low-rank-weight-decay`"
    " with both lambda divided by four. The decay times 2 eta lambda T/(1 - momentum), for T"
    " updates, are 3 and 3/4. A singular value as large as the largest needs 9.2 to leave the"
    " threshold rank, and only one that starts far below it can leave at 3: most pairs are ties,"
    " and in the others the rank is lower with the larger lambda. Against the prediction of Section"
    " 3.2 it says nothing: that asks SGD to bring the gradients down for both lambda, which is not"
    " checked.",
)

low_rank_weight_decay_effective = tc.experiment_claim(
    "low-rank-weight-decay-effective",
    title="Where weight decay is weak, the larger one gives weights of lower effective rank",
    sources=[GALANTI2022.at("Section 3.2: weight decay")],
    printed=LARGER_DECAY,
    given=[*PAIRED, BASE, "lambda = 0.005 and 0.00125", EFFECTIVE],
    compares=lower(
        effective_rank,
        WEAK,
        WEAKER,
        "the effective rank is lower with lambda = 0.005 than with 0.00125",
    ),
    rests_on=["rank-bound-frobenius", "rank-bound-use-twofold"],
    why="The training of `low-rank-weight-decay-weak` with the effective rank, which has no"
    " threshold to wait for.",
)

low_rank_weight_decay_as_printed = tc.experiment_claim(
    "low-rank-weight-decay-as-printed",
    title="Weight decay lambda ||W||^2 gives weights of lower rank than none",
    sources=[GALANTI2022.at("Eq. 2, Section 5: regularizing effect")],
    printed=r"L_S^\lambda(f_W) = \frac{1}{m} \sum_{i=1}^m \ell(f_W(x_i), y_i) + \lambda \|W\|^2:"
    rf"\ {CONTRIBUTES}",
    given=[*PAIRED, BASE, "lambda = 0.02 and 0", THRESHOLD],
    compares=lower(
        threshold_rank, LOW, NO_DECAY, "the rank is lower with lambda = 0.02 than with 0"
    ),
    rests_on=["low-rank-weight-decay"],
    why="That decay lowers the rank is one thing, that nothing else does another:"
    " `low-rank-weight-decay-necessary`.",
)

low_rank_weight_decay_of_optimisers = tc.experiment_claim(
    "low-rank-weight-decay-of-optimisers",
    title="Weight decay lambda/2 ||W||^2 gives weights of lower rank than none",
    sources=[GALANTI2022.at("Section 5: regularizing effect")],
    printed=rf"L_S(f_W) + \frac{{\lambda}}{{2}} \|W\|^2:\ {CONTRIBUTES}",
    given=[
        *PAIRED,
        BASE,
        "lambda = 0.02 and 0; the penalty is lambda/2 ||W||^2, which the paper does not print",
        THRESHOLD,
    ],
    compares=lower(
        threshold_rank,
        replace(LOW, weight_decay=LOW.weight_decay / 2),
        NO_DECAY,
        "the rank is lower with lambda = 0.02 than with 0",
    ),
    rests_on=["low-rank-weight-decay"],
    why="The claim `low-rank-weight-decay-as-printed` with what optimisers call weight decay, at"
    " the same lambda. The factor 2 halves the decay time 2 eta lambda T/(1 - momentum), for T"
    " updates, from 12 to 6, which is short of ln 10^4 = 9.2: the effect is there, but a tenth of"
    " the rank instead of more than half.",
)

low_rank_weight_decay_necessary = tc.experiment_claim(
    "low-rank-weight-decay-necessary",
    title="Without weight decay, networks that start small are not lowered in effective rank",
    sources=[],
    printed=KEPT,
    given=[
        *TRAINING,
        "lambda = 0, batches of 4, 25 epochs, eta = 0.1; He initialisation divided by 10",
        EFFECTIVE,
    ],
    compares=kept(
        effective_rank,
        NO_DECAY,
        "the effective rank is after training no lower than at initialisation",
        from_weights(lambda matrices: matrices / 10),
    ),
    control=kept(effective_rank, LOW, "lambda = 0.02 and He initialisation"),
    positive=kept(
        effective_rank,
        NO_DECAY,
        "initial weights of rank 2, which learning four classes raises",
        from_weights(of_rank_two),
    ),
    rests_on=["low-rank-weight-decay-needed"],
    why="Our own. That weight decay is necessary (galanti2022, Section 5) is true of the paper's"
    " rank and standard initial weights (`low-rank-weight-decay-needed`). This is another rank and"
    " a smaller start: the few directions that tell the classes apart outgrow all others, without"
    " any decay, and the effective rank halves.",
)

low_rank_weight_decay_needed = tc.experiment_claim(
    "low-rank-weight-decay-needed",
    title="Without weight decay, training does not lower the rank of the weights",
    sources=[GALANTI2022.at("Section 3.2: no decay, Section 4.3: no decay, Section 5: necessary")],
    printed=NO_MINIMISATION,
    given=[*TRAINING, BASE, "lambda = 0", THRESHOLD],
    compares=kept(
        threshold_rank, NO_DECAY, "the rank is after training no lower than at initialisation"
    ),
    control=kept(threshold_rank, LOW, "lambda = 0.02"),
    rests_on=["rank-bound-use-small-lambda"],
    why="Nearly all ranks are full before and after: ties, which are not lower. The stable rank"
    " falls in the same training (`low-rank-weight-decay-needed-stable`).",
)

low_rank_weight_decay_needed_stable = tc.experiment_claim(
    "low-rank-weight-decay-needed-stable",
    title="Without weight decay, training does not lower the stable rank of the weights",
    sources=[],
    printed=KEPT,
    given=[*TRAINING, BASE, "lambda = 0", STABLE],
    compares=kept(
        stable_rank, NO_DECAY, "the stable rank is after training no lower than at initialisation"
    ),
    control=kept(stable_rank, LOW, "lambda = 0.02"),
    positive=kept(
        stable_rank,
        NO_DECAY,
        "initial weights of rank 2, which learning four classes raises",
        from_weights(of_rank_two),
    ),
    rests_on=["rank-bound-use-small-lambda"],
    why="Our own: the training of `low-rank-weight-decay-needed` with another rank than that of"
    " galanti2022, Section 4.1. Few directions grow while the classes are learnt. That lowers a"
    " rank which weighs singular values by their size, and leaves one which only counts them.",
)
