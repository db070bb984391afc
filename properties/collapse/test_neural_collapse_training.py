"""Claims on neural collapse in real training: NC1 to NC3 fall.

The paper prints limits, and derives them at convergence with weight decay. What a training of
finite length can decide is that the measures fall. They do so without weight decay as well: these
claims say nothing about its part in collapse (`neural-collapse-training-without-decay`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

import theorycheck as tc
from properties.dynamics import normalised
from properties.papers import XU2022
from theorycheck import measures
from theorycheck.networks import vertices
from theorycheck.training import Measures

WIDTH, SAMPLES, IMAGES = 32, 12, 5
"""Of the hidden layers; of each class of a mixture, and of images."""

INITIAL_RHO = {2: 10.0, 3: 15.0, 4: 25.0, 10: 200.0}
"""By number of classes: about a tenth of what He initialisation gives where that suffices to
interpolate, and most of it for ten classes, whose simplex needs nine directions."""


def dropping(recipe: tc.Recipe, epochs: int) -> tc.Recipe:
    """With two drops of the learning rate."""
    return replace(recipe, epochs=epochs, milestones=(epochs * 6 // 10, epochs * 8 // 10))


RECIPE = dropping(tc.Recipe(6, 1, 0.03, weight_decay=5e-5, momentum=0.9), epochs=120)


def for_images(recipe: tc.Recipe) -> tc.Recipe:
    slower = replace(
        recipe, batch_size=10, learning_rate=0.02, weight_decay=recipe.weight_decay / 5
    )
    return dropping(slower, epochs=200)


def networks(classes: int) -> Callable[[tc.Setting, Sequence[int]], tc.Experiment]:
    """ReLU networks of depth 3 with weight normalisation and the penalty ``lambda rho^2``.

    On a Gaussian mixture in the unit ball, or on images for ten classes.
    """

    def start(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
        data = [
            tc.images(setting.images).per_class(IMAGES, seed)
            if classes == 10
            else tc.gaussian_mixture(SAMPLES, 16, classes, seed, spread=0.15).in_ball()
            for seed in seeds
        ]
        return started(data, classes, seeds)

    return start


def with_random_labels(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
    """The same networks on 24 points of the unit sphere, 8 of each class."""
    counts = [8, 8, 8]
    return started([tc.uniform_sphere(24, 32, 3, seed, counts=counts) for seed in seeds], 3, seeds)


def started(data: Sequence[tc.Dataset], classes: int, seeds: Sequence[int]) -> tc.Experiment:
    network = tc.mlp([data[0].width, WIDTH, WIDTH, classes])
    state = normalised.started(network, seeds, [INITIAL_RHO[classes]], "weight-norm")
    objective = tc.Objective("square", "mean", "rho")
    order = torch.tensor(seeds)
    return tc.Experiment.on(data, "centred_one_hot", network, state, order, objective)


def gram_deviation(grouped: Tensor) -> Tensor:
    """NC2 as one number: how far the centred means' Gram matrix is from a simplex's, ``(K,)``.

    The Frobenius norm of the difference of the two matrices, each divided by its trace.
    """
    centred = measures.centred_class_means(grouped)
    gram = centred @ centred.mT
    classes = gram.shape[-1]
    trace = gram.diagonal(dim1=1, dim2=2).sum(dim=-1)[:, None, None]
    wanted = torch.eye(classes).to(gram) - 1 / classes
    deviation: Tensor = torch.linalg.vector_norm(gram / trace - wanted / (classes - 1), dim=(1, 2))
    return deviation


def collapse(network: tc.Network, state: tc.State, inputs: Tensor, targets: Tensor) -> Tensor:
    """The accuracy and the measures of collapse, `WORDS` in their order: ``(K, 5)``."""
    weights, labels = state.effective(network), targets.argmax(dim=-1)
    *_, last, values = vertices(network, weights, inputs)
    grouped = measures.by_class(last, labels, network.output_width)
    found = [
        measures.accuracy(values, labels),
        measures.nc1(grouped),
        measures.nc1_pseudoinverse(grouped),
        gram_deviation(grouped),
        measures.nc3(grouped, weights[-1]),
    ]
    return torch.stack([one.double() for one in found], dim=-1)


WORDS = {
    "accuracy": "accuracy",
    "nc1": "Tr(Sigma_W)",
    "nc1-pseudoinverse": "Tr(Sigma_W Sigma_B^+)",
    "nc2": "distance of the means from a simplex",
    "nc3": "distance of the last weights from the means",
}
FOUR = ("nc1", "nc1-pseudoinverse", "nc2", "nc3")


def column(name: str, values: Tensor) -> Tensor:
    """One of the measures of `collapse`."""
    return values[..., [*WORDS].index(name)]


def population(
    start: Callable[[tc.Setting, Sequence[int]], tc.Experiment],
    adapt: Callable[[tc.Recipe], tc.Recipe] = lambda recipe: recipe,
) -> tc.Population:
    """All claims record the same, so that what they train alike is trained once."""
    return tc.Population(start, MEASURES, 20, adapt)


MEASURES: Measures = {"collapse": collapse}
TWO = {"Gaussian mixtures, C = 2": population(networks(2))}
SEVERAL = {
    "Gaussian mixtures, C = 3": population(networks(3)),
    "Gaussian mixtures, C = 4": population(networks(4)),
    "images, C = 10": population(networks(10), for_images),
}
SPHERE = {"random labels on the sphere": population(with_random_labels)}


def reference(name: str, recorded: Tensor) -> Tensor:
    """What a measure falls from, ``(K,)``.

    Of NC1 its first record without training error; else its value at initialisation.
    """
    if not name.startswith("nc1"):
        return column(name, recorded)[0]
    start = (column("accuracy", recorded) == 1).int().argmax(dim=0, keepdim=True)
    return column(name, recorded).gather(0, start)[0]


def at_end(name: str, recorded: Tensor) -> Tensor:
    return column(name, recorded)[-1]


Values = Callable[[str, Tensor], Tensor]


def largest_ratio(names: Sequence[str], other: Values) -> Callable[..., tuple[Tensor, Tensor]]:
    """The largest of the measures' final values over the other values, and 1.

    The other values are from the last of the trainings.
    """

    def sides(*trained: tc.Trained) -> tuple[Tensor, Tensor]:
        first, last = (one.run.trace["collapse"] for one in (trained[0], trained[-1]))
        worst = torch.stack([at_end(name, first) / other(name, last) for name in names]).amax(dim=0)
        return worst, torch.ones_like(worst)

    return sides


def followed(names: Sequence[str]) -> tc.Followed:
    """The measures of the first training, for figures."""

    def numbers(*trained: tc.Trained) -> list[Tensor]:
        cohort = trained[0].cohort
        found = collapse(cohort.network, cohort.state, cohort.inputs, cohort.targets)
        return [column(name, found) for name in names]

    return tc.Followed(tuple(WORDS[name] for name in names), numbers)


def excluded(trained: tc.Trained) -> tc.Exclusions:
    accuracy = at_end("accuracy", trained.run.trace["collapse"])
    return {"training diverged or left a training error": trained.run.diverged | (accuracy != 1)}


def falls(
    words: str,
    names: Sequence[str],
    on: Mapping[str, tc.Population],
    recipe: tc.Recipe = RECIPE,
) -> tuple[tc.Comparison, tc.Comparison]:
    """That all these measures fall from their reference to the end of training; and the control.

    Two ends of training are exchangeable: neither is more often than not below the other.
    """
    sides = largest_ratio(names, reference)
    effect = f"{'largest ' if len(names) > 1 else ''}last value / reference"
    shown = followed(names[-3:])
    claim = tc.Comparison(words, on, (recipe,), sides, "<", effect, excluded, followed=shown)
    return claim, replace(
        claim,
        words="the end of training in another order of the batches in the place of the reference",
        recipes=(recipe, replace(recipe, order=1)),
        sides=largest_ratio(names, at_end),
    )


TRAINING = [
    "square loss on centred one-hot targets, SGD with momentum, weight normalisation, penalty"
    " lambda rho^2",
    "bias-free ReLU networks of depth 3 and width 32; Gaussian mixtures and images (handwritten"
    " digits, unless others are named), each decided separately",
    "rule of exclusion, fixed beforehand: the training diverges or ends with a training error",
    "12 samples of each class, batches of 6, 120 epochs, learning rate 0.03 (images: 5, 10, 200,"
    " 0.02), two drops to a tenth; initial rho 10, 15, 25, 200 for C = 2, 3, 4, 10",
]
DECAY = "lambda = 5e-5 (mixtures) and 1e-5 (images)"

NC1, NC1_CONTROL = falls(
    "Tr(Sigma_W), and with the Moore-Penrose inverse Tr(Sigma_W Sigma_B^+), are lower at the end of"
    " training than at the first record without training error",
    ["nc1", "nc1-pseudoinverse"],
    {**TWO, **SEVERAL},
)

neural_collapse_training_nc1 = tc.experiment_claim(
    "neural-collapse-training-nc1",
    title="Within-class variability falls in the terminal phase of training",
    sources=[XU2022.at("Section 5: NC1, Figure 9, Section 5: NC1 to NC4 in words")],
    printed=r"\mathrm{Tr}(\Sigma_W) \to 0",
    given=[*TRAINING, DECAY],
    compares=NC1,
    control=NC1_CONTROL,
    rests_on=["neural-collapse-binary", "neural-collapse-multiclass-printed"],
    why="The paper prints a limit; trainings of finite length decide whether the measures fall."
    " Section 5 prints Tr(Sigma_W), and Figure 9 shows Tr(Sigma_W Sigma_B^{-1}), though Sigma_B,"
    " whose rank is below C, has no inverse. The terminal phase begins where there is no training"
    " error any more. Before it the latter falls for the trivial reason that the classes are told"
    " apart, while Tr(Sigma_W) rises from its value at initialisation, where the features of"
    " normalised networks are small.",
)

NC2, NC2_CONTROL = falls(
    "the Gram matrix of the centred class means is nearer to that of a simplex at the end of"
    " training than at initialisation, both divided by their traces",
    ["nc2"],
    SEVERAL,
)

neural_collapse_training_nc2 = tc.experiment_claim(
    "neural-collapse-training-nc2",
    title="Class means approach a simplex in training",
    sources=[XU2022.at("Section 5: NC2, Section 5: NC1 to NC4 in words")],
    printed=r"\langle \tilde\mu_c, \tilde\mu_{c'} \rangle \to -\frac{1}{C-1},\quad"
    r" \|\mu_c - \mu_G\|_2 - \|\mu_{c'} - \mu_G\|_2 \to 0",
    given=[*TRAINING, DECAY],
    compares=NC2,
    control=NC2_CONTROL,
    rests_on=["neural-collapse-binary", "neural-collapse-multiclass-printed"],
    why="The paper prints limits; that the distance falls is what trainings can decide. It is zero"
    " exactly when norms and angles are those of NC2. With two classes it"
    " is zero always, whatever the network: the two centred means are opposite vectors.",
)

NC3, NC3_CONTROL = falls(
    "the last weight matrix is nearer to the matrix of centred class means at the end of training"
    " than at initialisation, each divided by its Frobenius norm",
    ["nc3"],
    {**TWO, **SEVERAL},
)

neural_collapse_training_nc3 = tc.experiment_claim(
    "neural-collapse-training-nc3",
    title="Classifier and class means become dual in training",
    sources=[XU2022.at("Section 5: NC3, Figure 9, Section 5: NC1 to NC4 in words")],
    printed=r"\left\| \frac{W^\top}{\|W\|_F} - \frac{M}{\|M\|_F} \right\| \to 0",
    given=[*TRAINING, DECAY],
    compares=NC3,
    control=NC3_CONTROL,
    rests_on=["neural-collapse-binary", "neural-collapse-multiclass-printed"],
    why="The columns of M are the centred class means. The paper prints a limit; that the distance"
    " falls is what trainings can decide.",
)

WITHOUT_DECAY, WITHOUT_DECAY_CONTROL = falls(
    "without weight decay, both measures of NC1 are lower at the end of training than at the first"
    " record without training error, and those of NC2 and NC3 than at initialisation",
    FOUR,
    SEVERAL,
    recipe=replace(RECIPE, weight_decay=0.0),
)

neural_collapse_training_without_decay = tc.experiment_claim(
    "neural-collapse-training-without-decay",
    title="NC1, NC2 and NC3 fall in training without weight decay as well",
    sources=[],
    printed=r"\lambda = 0:\quad \text{NC1, NC2 and NC3 fall}",
    given=[*TRAINING, "lambda = 0"],
    compares=WITHOUT_DECAY,
    control=WITHOUT_DECAY_CONTROL,
    why="As `neural-collapse-training-nc1`, `-nc2` and `-nc3`, without weight decay. xu2022"
    " derives collapse in its presence; that the measures fall in training does not show that it"
    " is the cause.",
)

RANDOM_LABELS, RANDOM_LABELS_CONTROL = falls(
    WITHOUT_DECAY.words.replace("without weight decay", "with random labels"), FOUR, SPHERE
)

neural_collapse_training_random_labels = tc.experiment_claim(
    "neural-collapse-training-random-labels",
    title="The measures of NC1, NC2 and NC3 fall in training on random labels",
    sources=[
        XU2022.at("Section 5.2: remark on random labels, Section 7: random labels collapse"),
        XU2022.at("Section 7: collapse and generalization"),
    ],
    printed=r"\text{our analysis predicts Neural Collapse for datasets with fully random labels}",
    given=[
        TRAINING[0],
        TRAINING[2],
        "bias-free ReLU networks of depth 3 and width 32; 24 inputs on the unit sphere of 32"
        " dimensions, 3 classes of 8 at random",
        "lambda = 5e-5, initial rho 15",
    ],
    compares=RANDOM_LABELS,
    control=RANDOM_LABELS_CONTROL,
    rests_on=["collapsed-classifier-any-solution"],
    why="Inputs that say nothing about their labels, enough dimensions to fit them, and the recipe"
    " of the Gaussian mixtures.",
)
