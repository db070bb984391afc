"""Claims on SGD noise in real training: which runs settle, which never do, and why.

A step that does not vanish has two possible causes. One is noise: batches ask for different steps.
The other is kinks: weight decay drives pre-activations to zero, where the gradient jumps, so that
descent with a constant rate steps back and forth, on all samples too. The distance d(W_{t+1}, W_t)
cannot tell them apart. The gradients at fixed weights can: with g_B the gradient on a batch and g
its mean, that on all samples,

    E ||g_B||^2 = E ||g_B - g||^2 + ||g||^2,

where the first term is the noise of sampling, zero for a full batch, and kinks act in the second.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

import theorycheck as tc
from properties.papers import GALANTI2022, XU2022
from properties.sgd.noise import BATCH, apart, drift, kinks, noise

# Real runs (galanti2022, Section 4.2)

SAMPLES, WIDTH, HIDDEN, EPOCHS = 16, 16, 64, 300
INTERPOLATING, VANISHED = 1e-6, 0.01
"""Definition: a mean squared residual up to the first, which the hypotheses name, interpolates, and
a mean squared output below the second belongs to a function that went to zero."""

SGD = tc.Recipe(batch_size=BATCH, epochs=EPOCHS, learning_rate=0.1, weight_decay=0.03)
NO_DECAY = replace(SGD, weight_decay=0.0)
FULL_BATCH = replace(SGD, batch_size=SAMPLES, epochs=EPOCHS * SAMPLES // SGD.batch_size)
"""As many updates."""
SHORT, SHORT_FULL_BATCH = (replace(r, epochs=r.epochs // 2) for r in (SGD, FULL_BATCH))

UPDATES = (SGD.epochs // 2) * SAMPLES // SGD.batch_size
"""Between the two windows that `fall` compares."""
COME_TO_REST = math.exp(-SGD.learning_rate * SGD.weight_decay * UPDATES)
"""Definition: a movement that falls below this fraction comes to rest.

What weight decay alone moves falls by the square of it, exp(-2 eta lambda T), and what goes on for
ever does not fall: the geometric mean of both separates them."""


def population(slope: float, epochs: int = EPOCHS) -> Mapping[str, tc.Population]:
    """Networks on the unit sphere with random labels; d is recorded at every epoch of SGD.

    And as often in full-batch descent, at every fourth update.
    """

    def start(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
        network = tc.mlp([WIDTH, HIDDEN, 1], slope)
        data = [tc.uniform_sphere(SAMPLES, WIDTH, 2, seed) for seed in seeds]
        state = tc.State(tc.initialise(network, len(seeds), seed=seeds[0]))
        return tc.Experiment.on(data, "signs", network, state, torch.tensor(seeds))

    return {"random labels on the sphere": tc.Population(start, records=epochs)}


RELU_NETWORKS, LINEAR_NETWORKS = population(tc.RELU), population(tc.LINEAR)
FOR_150_EPOCHS = population(tc.RELU, SHORT.epochs)


def movement(trained: tc.Trained, until: float = 1.0) -> Tensor:
    """Median of d(W_{t+1}, W_t) over the tenth of the epochs that ends at a fraction of the run."""
    distances = trained.run.trace["distance"][1:]
    end = round(until * len(distances))
    return distances[end - len(distances) // 10 : end].median(dim=0).values


D = "d(W_{t+1}, W_t)"


def steps(*trained: tc.Trained) -> list[Tensor]:
    """The last distance between epochs, for figures."""
    return [one.run.trace["distance"][-1] for one in trained]


def fall(trained: tc.Trained) -> tuple[Tensor, Tensor]:
    """The movement at the end, and before the middle."""
    return movement(trained), movement(trained, 0.5)


def excluded(trained: tc.Trained) -> tc.Exclusions:
    size = trained.outputs.square().mean(dim=(1, 2))
    return {"training diverged": trained.run.diverged, "the function went to zero": size < VANISHED}


def excluded_unless_interpolating(trained: tc.Trained) -> tc.Exclusions:
    residuals = trained.outputs - trained.cohort.targets
    missed = residuals.square().mean(dim=(1, 2)) > INTERPOLATING
    return {**excluded(trained), "training did not interpolate the labels": missed}


TRAINING = [
    "ReLU networks 16-64-1, 16 inputs on the unit sphere with random labels +-1, square loss",
    "SGD with batches of 4, reshuffled every epoch, constant learning rate 0.1, no momentum",
    "training did not diverge, and the mean squared output is at least 0.01",
]
PLAIN = (
    "unnormalised weights with the penalty lambda sum_k |W_k|^2, as in galanti2022, in place of the"
    " Lagrange normalisation of xu2022 with lambda rho^2"
)
DISTANCE = "d is the mean over the layers of |W_{t+1} - W_t|, over an epoch of SGD: four updates"
RESTS = (
    "d comes to rest when its median over the last tenth of the run is below exp(-eta lambda T) ="
    f" {COME_TO_REST:.2g} of that before the middle, T updates earlier: what weight decay alone"
    " moves falls by the square of that, with lambda = 0.03 and eta = 0.1"
)
AGAINST_HALF_WAY = "d at the end / d before the middle"

# Does SGD come to rest?

KEEPS_MOVING = tc.Comparison(
    "d(W_{t+1}, W_t) does not come to rest",
    RELU_NETWORKS,
    (SGD,),
    fall,
    ">",
    AGAINST_HALF_WAY,
    excluded,
    COME_TO_REST,
    tc.Followed((D,), steps),
)
COMES_TO_REST = replace(KEEPS_MOVING, words="d(W_{t+1}, W_t) comes to rest", relation="<")

sgd_noise_keeps_moving_with_decay = tc.experiment_claim(
    "sgd-noise-keeps-moving-with-decay",
    title="With weight decay, the distance between epochs stays bounded away from zero",
    sources=[GALANTI2022.at("Section 4.2: with weight decay, Fig. 1")],
    printed=r"\lambda > 0:\ d(W_{t+1}, W_t) := \frac{1}{|E_T|} \sum_{(p,q) \in E_T}"
    r" \| W^{pq}_{t+1} - W^{pq}_t \| \text{ is lower bounded by a positive constant}",
    given=[*TRAINING, "lambda = 0.03, 300 epochs", RESTS],
    compares=KEEPS_MOVING,
    control=replace(
        KEEPS_MOVING,
        words="linear networks and full batches, where d is only drift",
        on=LINEAR_NETWORKS,
        recipes=(FULL_BATCH,),
    ),
    rests_on=["sgd-stationary-weight-decay", "epoch-distance-vanishes"],
    why="Batches have to be reshuffled: in a fixed order SGD can settle on a cycle, along which no"
    " batch has gradient zero while the distance between epochs vanishes (f = w x at x = 1, labels"
    " +1 and -1 in turn, one sample a batch). The paper's \"convergence is possible if and only if"
    ' this quantity tends to zero" fails in a fixed order; in random order it fails for other'
    " reasons (`epoch-distance-vanishes`).\n\n"
    "It does not say what keeps the weights moving. Full-batch descent on the same networks does"
    " not come to rest either (`sgd-noise-full-batch-comes-to-rest-relu`);"
    " `sgd-noise-is-of-sampling` finds the cause.",
)

sgd_noise_settles_without_decay = tc.experiment_claim(
    "sgd-noise-settles-without-decay",
    title="Without weight decay, interpolating networks come to rest",
    sources=[GALANTI2022.at("Section 4.2: without weight decay, Fig. 1, Section 3.1: square loss")],
    printed=r"\lambda = 0, \text{ square loss, } f_W(x_i) = y_i \ \forall i:\ "
    r"d(W_{t+1}, W_t) \to 0",
    given=[
        *TRAINING,
        "lambda = 0, 300 epochs",
        "the mean squared residual at the end is at most 1e-6",
        RESTS,
    ],
    compares=replace(COMES_TO_REST, recipes=(NO_DECAY,), excluded=excluded_unless_interpolating),
    control=replace(COMES_TO_REST, words="lambda = 0.03, and networks that need not interpolate"),
    rests_on=["sample-gradients-interpolation", "epoch-distance-vanishes"],
    why="Without weight decay, SGD with the square loss converges to a network that interpolates,"
    " so that all batches have gradient zero.",
)

MOVES_MORE = tc.Comparison(
    "d(W_{t+1}, W_t) is at the end more than 100 times larger with lambda = 0.03 than with 0",
    RELU_NETWORKS,
    (SGD, NO_DECAY),
    tc.between(movement),
    ">",
    "d with decay / d without",
    excluded,
    100.0,
    tc.Followed((f"{D} with decay", "without"), steps),
)

sgd_noise_moves_more_with_decay = tc.experiment_claim(
    "sgd-noise-moves-more-with-decay",
    title="The distance between epochs is 100 times larger with weight decay than without",
    sources=[GALANTI2022.at("Section 4.2: without weight decay, Fig. 1")],
    printed=r"d(W_{t+1}, W_t) \text{ is smaller by orders of magnitude when using } \lambda = 0"
    r" \text{ in comparison to using } \lambda > 0",
    given=[*TRAINING, "pairs with lambda = 0.03 and lambda = 0, all else equal, 300 epochs"],
    compares=MOVES_MORE,
    control=replace(
        MOVES_MORE, words="lambda = 0.03 and 0.015", recipes=(SGD, replace(SGD, weight_decay=0.015))
    ),
    why="'Orders of magnitude' is read as a factor of at least 100; this decides.",
)

# SGD and full-batch descent

UNIQUE_NOISE = r"\text{SGD is ... shown to ... induce asymptotic noise that is unique to it}"

sgd_noise_needs_small_batches = tc.experiment_claim(
    "sgd-noise-needs-small-batches",
    title="The solutions of SGD look different from the solutions of full-batch descent",
    sources=[GALANTI2022.at("Section 3.1: different solutions")],
    printed=r"\text{the solutions of SGD ... will, in general, look different from the solutions}"
    r"\text{ of GD}",
    given=[*TRAINING, "lambda = 0.03; batches of 4 and of all 16 samples, 600 updates each"],
    compares=tc.Comparison(
        "SGD and full-batch descent end farther apart than SGD in two orders of the batches",
        FOR_150_EPOCHS,
        (SHORT, SHORT_FULL_BATCH, replace(SHORT, order=1)),
        lambda sgd, full_batch, again: (apart(sgd, full_batch), apart(sgd, again)),
        ">",
        "distance from full-batch descent / distance from SGD in another order",
        excluded,
        followed=tc.Followed(
            ("distance from full-batch descent", "from SGD in another order"),
            lambda sgd, full_batch, again: (apart(sgd, full_batch), apart(sgd, again)),
        ),
    ),
    control=tc.Comparison(
        "SGD in a third order in the place of full-batch descent",
        FOR_150_EPOCHS,
        (SHORT, replace(SHORT, order=2), replace(SHORT, order=1)),
        lambda sgd, third, again: (apart(sgd, third), apart(sgd, again)),
        ">",
        "distance from SGD in a third order / distance from SGD in another order",
        excluded,
    ),
    rests_on=["sample-gradients-are-equal", "convergence-points-rank-one"],
    why="'Solutions' are weights after 600 updates, not points at rest. Two runs of SGD end at"
    " different weights by chance alone, which is what solutions have to differ by to look"
    " different. Were the solution of full-batch descent in the midst of those of SGD, it would be"
    " nearer to each than they are to one another, by a factor of about 1.4.",
)

sgd_noise_moves_more_than_full_batch = tc.experiment_claim(
    "sgd-noise-moves-more-than-full-batch",
    title="With weight decay, SGD moves farther than full-batch descent",
    sources=[XU2022.at("Section 3.1: noise that is unique to SGD")],
    printed=UNIQUE_NOISE,
    given=[
        *TRAINING,
        "lambda = 0.03; batches of 4 and of all 16 samples, 600 updates each",
        PLAIN,
        DISTANCE,
    ],
    compares=tc.Comparison(
        "at the end, four updates of SGD move the weights farther than four of full-batch descent",
        FOR_150_EPOCHS,
        (SHORT, SHORT_FULL_BATCH),
        tc.between(movement),
        ">",
        "d of SGD / d of full-batch descent",
        excluded,
        followed=tc.Followed((f"{D} of SGD", "of full-batch descent"), steps),
    ),
    rests_on=["stationary-batches-never-printed"],
    why="How much farther is a matter of kinks: with ReLU, weight decay drives pre-activations onto"
    " them, and full-batch descent chatters there with steps that fall slowly if at all"
    " (`sgd-noise-full-batch-comes-to-rest-relu`).",
)

# Full batch: what must come to rest, and what does not

REST = [
    "16 inputs on the unit sphere with random labels +-1, square loss, lambda = 0.03",
    "full-batch gradient descent, 1200 updates with constant learning rate 0.1",
    TRAINING[-1],
    PLAIN,
    DISTANCE,
    RESTS,
]
LINEAR_AT_REST = replace(COMES_TO_REST, on=LINEAR_NETWORKS, recipes=(FULL_BATCH,))

sgd_noise_full_batch_comes_to_rest = tc.experiment_claim(
    "sgd-noise-full-batch-comes-to-rest",
    title="With weight decay, full-batch descent on linear networks comes to rest",
    sources=[
        XU2022.at("Section 3.1: noise that is unique to SGD"),
        GALANTI2022.at("Section 4.2: with weight decay"),
    ],
    printed=UNIQUE_NOISE,
    given=["linear networks 16-64-1", *REST],
    compares=LINEAR_AT_REST,
    control=replace(LINEAR_AT_REST, words="batches of 4", recipes=(SGD,)),
    rests_on=["stationary-batches-never-printed"],
    why="Noise that is unique to SGD must be absent from full-batch descent. What is left of the"
    " movement is drift.",
)

sgd_noise_full_batch_comes_to_rest_relu = tc.experiment_claim(
    "sgd-noise-full-batch-comes-to-rest-relu",
    title="With weight decay, full-batch descent on ReLU networks comes to rest",
    sources=[
        XU2022.at("Section 3.1: noise that is unique to SGD"),
        GALANTI2022.at("Section 4.2: with weight decay"),
    ],
    printed=UNIQUE_NOISE,
    given=["ReLU networks 16-64-1", *REST],
    compares=replace(COMES_TO_REST, recipes=(FULL_BATCH,)),
    control=replace(COMES_TO_REST, words="batches of 4"),
    positive=replace(LINEAR_AT_REST, words="linear networks, which have no kinks"),
    rests_on=["stationary-batches-never-printed"],
    why="In 1200 updates the networks do not come to rest: at kinks full-batch descent steps back"
    " and forth, with steps that become smaller only slowly. So movement at the end is not unique"
    " to SGD; that of SGD is larger (`sgd-noise-moves-more-than-full-batch`).",
)

# Sampling: the part of a step that kinks cannot explain

IS_OF_SAMPLING = tc.Comparison(
    "where SGD ends, the variance of the gradient over batches is larger than the squared gradient"
    " on all samples, there and where full-batch descent ends",
    FOR_150_EPOCHS,
    (SHORT, SHORT_FULL_BATCH),
    lambda sgd, full_batch: (noise(sgd), kinks(sgd, full_batch)),
    ">",
    "sampling noise / squared gradient",
    excluded,
    followed=tc.Followed(
        ("sampling noise of SGD", "squared gradient on all samples"),
        lambda sgd, full_batch: (noise(sgd), kinks(sgd, full_batch)),
    ),
)

sgd_noise_is_of_sampling = tc.experiment_claim(
    "sgd-noise-is-of-sampling",
    title="With weight decay, SGD on ReLU networks moves because batches disagree",
    sources=[
        GALANTI2022.at("Section 3.1: noise is unavoidable, Section 5: noise is inevitable"),
        XU2022.at("Section 6.2: SGD noise"),
    ],
    printed=r"\text{asymptotic noise is generically unavoidable in practical cases when training is"
    r" successful}",
    given=[
        *TRAINING,
        "lambda = 0.03",
        "pairs with batches of 4 and of all 16 samples, 600 updates each",
        PLAIN,
    ],
    compares=IS_OF_SAMPLING,
    control=replace(
        IS_OF_SAMPLING,
        words="the gradient on all samples at SGD's weights in the place of the sampling noise",
        sides=lambda sgd, full_batch: (drift(sgd), kinks(sgd, full_batch)),
    ),
    rests_on=["sgd-stationary-weight-decay", "stationary-batches-never-printed"],
    why="The squared gradients on all samples are what kinks and drift contribute to an update. The"
    " choice of the batch contributes more than either explains. In the paper: a convergence point"
    " of SGD needs equal gradients on all batches (Eq. 7), which is impossible with weight decay"
    " but for zero functions and collinear inputs.",
)

sgd_noise_needs_decay = tc.experiment_claim(
    "sgd-noise-needs-decay",
    title="Without weight decay, batches agree where SGD ends",
    sources=[
        XU2022.at("Section 6.2: lambda = 0"),
        GALANTI2022.at("Section 1.2: noise is always present, Section 5: noise is inevitable"),
    ],
    printed=r"\text{When } \lambda = 0, \text{ interpolation of all data points is expected ...}"
    r"\text{ SGD noise is expected to essentially disappear}",
    given=[*TRAINING, "pairs with lambda = 0.03 and lambda = 0, all else equal, 150 epochs", PLAIN],
    compares=tc.Comparison(
        "where training ends, the variance of the gradient over batches is larger with lambda ="
        " 0.03 than with 0",
        FOR_150_EPOCHS,
        (SHORT, replace(SHORT, weight_decay=0.0)),
        tc.between(noise),
        ">",
        "noise with decay / without",
        excluded,
        followed=tc.Followed(("noise with decay", "without"), tc.between(noise)),
    ),
    rests_on=["sgd-stationary-weight-decay", "stationary-batches-no-decay"],
    why="As `sgd-noise-moves-more-with-decay`, for a quantity taken at fixed weights: no step"
    " across a kink enters.",
)
