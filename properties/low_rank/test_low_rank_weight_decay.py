"""Weight decay lowers the rank of trained weights: galanti2022, Sections 3.2, 4.3 and 5."""

from __future__ import annotations

from dataclasses import replace

from properties.low_rank.protocol import (
    BASE,
    EFFECTIVE,
    KEPT_RANK,
    LOW,
    LOWER_BY,
    PAIRED,
    SAME,
    STABLE,
    THRESHOLD,
    TRAINING,
    kept,
    lower,
)
from properties.papers import GALANTI2022
from theorycheck import Findings, Setting, claim
from theorycheck.measures import effective_rank, stable_rank, threshold_rank

LARGER_DECAY = r"\text{the ranks of the matrices should decrease as we increase } \lambda"
NO_MINIMISATION = r"\text{we do not have any rank minimization when } \lambda = 0"
WEAK = replace(LOW, weight_decay=0.005)
"""Decay time 3: nothing has left the threshold rank yet."""


@claim(
    "low-rank-weight-decay",
    title="Larger weight decay gives weights of lower rank",
    kind="tendency",
    sources=[GALANTI2022.at("Section 3.2"), GALANTI2022.at("Section 4.3, Fig. 3")],
    statement=LARGER_DECAY,
    hypotheses=[*PAIRED, BASE, "lambda = 0.02 and 0.005", THRESHOLD, LOWER_BY],
    control=SAME,
)
def low_rank_weight_decay(setting: Setting) -> Findings:
    """Pairs trained with lambda = 0.02 and lambda = 0.005. An effect: the threshold rank is lower
    by a quarter with the larger lambda.
    """
    yield from lower(setting, threshold_rank, LOW, WEAK)


@claim(
    "low-rank-weight-decay-weak",
    title="Where weight decay is weak, the larger one gives weights of lower rank",
    kind="tendency",
    sources=[GALANTI2022.at("Section 3.2")],
    statement=LARGER_DECAY,
    hypotheses=[*PAIRED, BASE, "lambda = 0.005 and 0.00125", THRESHOLD, LOWER_BY],
    control=SAME,
)
def low_rank_weight_decay_weak(setting: Setting) -> Findings:
    """The claim `low-rank-weight-decay` with both lambda divided by four. Decay times are 3 and
    3/4, both short of the 9.2 from which on the threshold rank can fall."""
    yield from lower(setting, threshold_rank, WEAK, replace(WEAK, weight_decay=0.00125))


@claim(
    "low-rank-weight-decay-effective",
    title="Where weight decay is weak, the larger one gives weights of lower effective rank",
    kind="tendency",
    sources=[GALANTI2022.at("Section 3.2")],
    statement=LARGER_DECAY,
    hypotheses=[*PAIRED, BASE, "lambda = 0.005 and 0.00125", EFFECTIVE, LOWER_BY],
    control=SAME,
)
def low_rank_weight_decay_effective(setting: Setting) -> Findings:
    """The claim `low-rank-weight-decay-weak`, the same training, with the effective rank, which
    has no threshold to wait for."""
    yield from lower(setting, effective_rank, WEAK, replace(WEAK, weight_decay=0.00125))


@claim(
    "low-rank-weight-decay-as-printed",
    title="Weight decay lambda ||W||^2 gives weights of lower rank than none",
    kind="tendency",
    sources=[GALANTI2022.at("Eq. 2 and Section 5")],
    statement=r"L_S^\lambda(f_W) = \frac{1}{m} \sum_{i=1}^m \ell(f_W(x_i), y_i) + \lambda \|W\|^2:"
    r"\ \text{weight decay [is] necessary to obtain rank minimization}",
    hypotheses=[*PAIRED, BASE, "lambda = 0.02 and 0", THRESHOLD, LOWER_BY],
    control=SAME,
)
def low_rank_weight_decay_as_printed(setting: Setting) -> Findings:
    """Pairs trained with lambda = 0.02 and without weight decay, the penalty being
    lambda ||W||^2. An effect: the threshold rank is lower by a quarter with it.
    """
    yield from lower(setting, threshold_rank, LOW, replace(LOW, weight_decay=0.0))


@claim(
    "low-rank-weight-decay-of-optimisers",
    title="Weight decay lambda/2 ||W||^2 gives weights of lower rank than none",
    kind="tendency",
    sources=[GALANTI2022.at("Section 5")],
    statement=r"L_S(f_W) + \frac{\lambda}{2} \|W\|^2:"
    r"\ \text{weight decay [is] necessary to obtain rank minimization}",
    hypotheses=[
        *PAIRED,
        BASE,
        "lambda = 0.02 and 0; the penalty is lambda/2 ||W||^2",
        THRESHOLD,
        LOWER_BY,
    ],
    control=SAME,
)
def low_rank_weight_decay_of_optimisers(setting: Setting) -> Findings:
    """The claim `low-rank-weight-decay-as-printed` with what optimisers call weight decay, at the
    same lambda.

    The factor 2 halves the decay time, from 12 to 6, and ln 10^4 = 9.2 lies between: lambda was
    chosen to show it.
    """
    halved = replace(LOW, weight_decay=LOW.weight_decay / 2)
    yield from lower(setting, threshold_rank, halved, replace(LOW, weight_decay=0.0))


@claim(
    "low-rank-weight-decay-needed",
    title="Without weight decay, training does not lower the rank of the weights",
    kind="tendency",
    sources=[GALANTI2022.at("Section 4.3, Fig. 3"), GALANTI2022.at("Section 3.2")],
    statement=NO_MINIMISATION,
    hypotheses=[
        *TRAINING,
        BASE,
        "lambda = 0",
        THRESHOLD,
        KEPT_RANK,
    ],
    control="lambda = 0.02",
)
def low_rank_weight_decay_needed(setting: Setting) -> Findings:
    """Without weight decay, the threshold rank of the weights is after training what it was at
    initialisation."""
    yield from kept(setting, threshold_rank, replace(LOW, weight_decay=0.0), LOW)


@claim(
    "low-rank-weight-decay-needed-stable",
    title="Without weight decay, training does not lower the stable rank of the weights",
    kind="tendency",
    sources=[GALANTI2022.at("Section 4.3, Fig. 3")],
    statement=NO_MINIMISATION,
    hypotheses=[
        *TRAINING,
        BASE,
        "lambda = 0",
        STABLE,
        KEPT_RANK,
    ],
    control="lambda = 0.02",
)
def low_rank_weight_decay_needed_stable(setting: Setting) -> Findings:
    """The claim `low-rank-weight-decay-needed`, the same training, with the stable rank.

    Few directions grow while the classes are learnt. That lowers a rank which weighs singular
    values by their size, and leaves one which only counts them.
    """
    yield from kept(setting, stable_rank, replace(LOW, weight_decay=0.0), LOW)
