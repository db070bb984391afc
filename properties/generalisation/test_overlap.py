"""Patches that overlap: xu2022, Conjecture 1 with its sketch; and constants of Section 4.3."""

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import CHAIN
from properties.generalisation.signs import NO_NETWORK
from properties.generalisation.trees import (
    ENTRY,
    FILTER_WITHOUT_ZEROS,
    ONE_DIMENSIONAL,
    ONE_LAYER,
    TWO,
    UNITS,
    averaged_layers,
    layers,
    overlapping_networks,
)
from properties.papers import XU2022

READS = (
    UNITS,
    ENTRY,
    "columns = range(len(x[0]))",
    "kernel = len(W[0][0])",
    "overlap = len([j for j in columns if toeplitz(0, j) != 0 and toeplitz(1, j) != 0])",
    "reads(j) = len([c for c in outputs if toeplitz(c, j) != 0])",
    "read_squares(n) = sum([reads(j) * x[n][j] ** 2 for j in columns])",
    "all_reads = sum([read_squares(n) for n in samples])",
    "all_squares = sum([squared(x[n]) for n in samples])",
)
"""How many patches read input j; the squared norms of all patches of a sample, added."""
SEVERAL = tc.Assumption("two patches or more", "len(outputs) >= 2")
TO_THE_END = tc.Assumption(
    "the last patch ends at the last input", "toeplitz(len(outputs) - 1, len(x[0]) - 1) != 0"
)
EQUAL_COMPONENTS = tc.Assumption(
    "every component has the same mean square over the samples",
    "all([sum([x[n][j] ** 2 for n in samples]) == sum([x[n][0] ** 2 for n in samples])"
    " for j in columns])",
)
LAYER = [ONE_LAYER, ONE_DIMENSIONAL, FILTER_WITHOUT_ZEROS, SEVERAL, TO_THE_END]

PATCHES = tc.Family(
    sources=[XU2022.at("Conjecture 1, Eq. 24")], given=[*LAYER], where=[*READS], on=layers()
)

overlap_patches = PATCHES.stated(
    "overlap-patches",
    title="There are (D - O)/(K - O) patches",
    sources=[XU2022.at("Conjecture 1: number of patches")],
    printed=r"P = \frac{D - O}{K - O}",
    states="patches(0) * (kernel - overlap) == len(x[0]) - overlap",
    control=tc.altered("without overlap", "patches(0) * kernel == len(x[0])"),
    examples=60,
    why="Each patch but the first adds K - O inputs. Overlap is read off the first two rows of the"
    " Toeplitz matrix. On images it is another number: one of 4 x 4 has nine patches of 2 x 2, with"
    " K = 4 and O = 2, and `(D - O)/(K - O) = 7`.",
)

overlap_norm_averaged = PATCHES.stated(
    "overlap-norm-averaged",
    title="Overlap lengthens the vector of all patches by sqrt(K/(K-O)) at most, on average",
    sources=[XU2022.at("Conjecture 1, Eq. 24, Conjecture 1: equal components")],
    printed=r"\text{If a convolutional layer has overlap ... the non-overlap bound becomes}"
    r"\;\ldots \sqrt{\frac{K}{K - O}} \|x\|, \quad \text{each component of } x_i \text{ averaged}"
    r" \text{ across } i \text{ [has] norm } \sqrt{1/d}",
    given=[EQUAL_COMPONENTS],
    states="(kernel - overlap) * all_reads <= kernel * all_squares",
    # Some examples of the control have unequal components, for which the claim is false.
    control=tc.altered(
        "less than that", {"<=": "<"}, on=averaged_layers() | layers(kernels=(3, 3), least=2)
    ),
    on=averaged_layers(),
    examples=60,
    rests_on=["overlap-patches", "overlap-most-averaged"],
    why="The step that the factor is for: the squared norms of the patches that a layer reads,"
    " against those of its inputs, added over the samples as in Eq. 22. All patches together read"
    " P K entries, so that the sum is P K/D times as large, and P K/D = K (D - O)/(D (K - O)).",
)

overlap_norm_each_sample = PATCHES.stated(
    "overlap-norm-each-sample",
    title="Overlap lengthens the vector of all patches of each sample by sqrt(K/(K-O)) at most",
    sources=[],
    printed=r"\text{patches of } x_i: \quad \sum_p \|x_i^{(p)}\|^2 \le \frac{K}{K - O} \|x_i\|^2",
    forall=["n in samples"],
    states="(kernel - overlap) * read_squares(n) <= kernel * squared(x[n])",
    control=tc.altered("half of it", {"(kernel - overlap)": "2 * (kernel - overlap)"}),
    on=layers(kernels=(3, 3), least=2),
    why="What `overlap-norm-averaged` says without the assumption on averages. On average an input"
    " is read by at most K/(K-O) patches, and by nearly as many where D is large; some are read by"
    " more where that is no whole number, and a sample may lie on these. For K = 3, O = 1 it is 2,"
    " not 3/2. Eq. 24 of xu2022 itself has slack in `2^(L-1)`: `overlap-bound`.",
)

overlap_norm = PATCHES.stated(
    "overlap-norm",
    title="An input is read by at most K/(K-O) patches, rounded up",
    sources=[],
    printed=r"\text{patches that read an input} \le \lceil K/(K-O) \rceil",
    forall=["j in columns"],
    states="(reads(j) - 1) * (kernel - overlap) <= kernel - 1",
    control=tc.altered("rounded down", "reads(j) * (kernel - overlap) <= kernel"),
    on=layers() | layers(kernels=(3, 4), least=2),
    examples=55,
    corrects="overlap-norm-each-sample",
    rests_on=["overlap-patches"],
    why="The patches that read an input begin K - O apart, the first and the last of them at most"
    " K - 1. So the factor of a layer is at most the root of the whole number that `K/(K-O)` is"
    " rounded up to.",
)

overlap_most = PATCHES.stated(
    "overlap-most",
    title="With most overlap a layer reads at most K times the squared norm of its input",
    sources=[XU2022.at("Conjecture 1: most overlap")],
    printed=r"\text{a layer with the most overlap can add at most } < \|x\|\sqrt K",
    forall=["n in samples"],
    states="read_squares(n) <= kernel * squared(x[n])",
    control=tc.altered(
        "less than that",
        "read_squares(n) < kernel * squared(x[n])",
        on=layers(kernels=(2, 2)),
    ),
    examples=60,
    why="An input is read by at most K patches. Of a single sample equality occurs: for one that is"
    " 0 except where K patches read it. On average it does not: `overlap-most-averaged`.",
)

overlap_most_averaged = PATCHES.stated(
    "overlap-most-averaged",
    title="On average a layer with the most overlap reads less than K times the squared norms",
    sources=[XU2022.at("Conjecture 1: most overlap, Conjecture 1: equal components")],
    printed=r"\text{a layer with the most overlap can add at most } < \|x\|\sqrt K",
    given=[EQUAL_COMPONENTS],
    assuming={"K >= 2": "kernel >= 2", "some input is not 0": "all_squares > 0"},
    states="all_reads < kernel * all_squares",
    control=tc.altered("half of it", {"all_reads": "2 * all_reads"}),
    on=averaged_layers(),
    examples=60,
    why="The first and the last input are read once. With O = K - 1 and equal components the sum is"
    " K (D - K + 1)/D times as large.",
)

overlap_bound = tc.stated(
    "overlap-bound",
    title="Conjecture 1 for one sample and one layer that overlaps",
    sources=[XU2022.at("Conjecture 1, Eq. 24")],
    printed=r"\mathcal R_m(\mathcal H_L) \le 2^{L-1} \rho \sqrt{\frac{K}{K-O}} \|x\|",
    given=[CHAIN, ONE_DIMENSIONAL],
    assuming={
        "a ReLU network of depth L = 2": "depth == 2 and slope(1) == 0",
        "one filter with positive entries on two patches or more, then a linear output": (
            "slope(2) == 1 and len(outputs) == 1 and len(W[0]) == 1 and patches(0)"
            " >= 2 and all([w > 0 for w in W[0][0]])"
        ),
    },
    forall=["n in samples"],
    where=[
        UNITS,
        "kernel = len(W[0][0])",
        "seen = features(W, units)",
        "toeplitz(i, j) = seen[j][i]",
        "overlap = len([j for j in range(len(x[0])) if seen[j][0] > 0 and seen[j][1] > 0])",
        "rho_squared = squared(W[0]) * squared(W[1])",
    ],
    states="f(n, 0) ** 2 * (kernel - overlap) <= 4 * rho_squared * kernel * squared(x[n])",
    control=tc.altered("without the factor 2^(L-1)", {"<= 4 *": "<="}),
    on=overlapping_networks(),
    examples=60,
    rests_on=["overlap-rate-printed", "overlap-norm-averaged", "overlap-norm"],
    why="For one sample the complexity of Eq. 20 is the largest output. It holds because `K/(K-O)`"
    " rounded up is less than twice that number; without the factor `2^(L-1)`, which is not needed"
    " without overlap (`binary-tree-one-sample`), it fails. On images, where patches overlap in two"
    " directions, it fails with that factor too: for patches of 5 x 5 with stride 1 on 38 x 38"
    " inputs, where all weights and inputs are 1.",
)

overlap_rate_printed = tc.stated(
    "overlap-rate-printed",
    title="Eq. 23 is the bound of Eq. 22, as printed",
    sources=[XU2022.at("Eq. 23")],
    printed=r"\text{the non-overlap bound } \mathcal R_m(\mathcal H_L) \le 2^{L-1} \rho \|x\|"
    r" = \frac{2^{L-1} \rho \sqrt{\sum_{i=1}^m \|x_i\|^2}}{m}",
    assuming={"all inputs have one norm": "all([squared(x[n]) == squared(x[0]) for n in samples])"},
    where=["sum_of_squares = sum([squared(x[n]) for n in samples])"],
    states="squared(x[0]) * len(samples) ** 2 == sum_of_squares",
    control=tc.altered("m cubed", "squared(x[0]) * len(samples) ** 3 == 2 * sum_of_squares"),
    on=tc.cases(tc.mlps(depths=(1, 1), widths=(1, 2)), samples=(1, 3), cohort=1),
    rests_on=["binary-tree-theorem"],
    why="Eq. 23 does not say what |x| is for m samples. Read as the norm that all share, Eq. 23 and"
    " 24 have lost `1/sqrt(m)` and do not fall with the number of samples. The check compares"
    " squares, without the common factors.",
)

overlap_constant_printed = tc.stated(
    "overlap-constant-printed",
    title="The constant sqrt(2 log(2) L) + 1 is better than 2^(L-1), as printed",
    sources=[XU2022.at("Theorem 4: a better constant")],
    printed=r"\text{a better bound ... would give a factor of } \sqrt{2\log(2)L} + 1"
    r" \text{ instead of } 2^{L-1}",
    assuming={"L is 1 or more": "layers >= 1"},
    where=[TWO],
    states="root(2 * log(2) * layers) + 1 <= two(layers - 1)",
    control=tc.altered("a quarter", "4 * root(2 * log(2) * layers) + 4 <= two(layers - 1)"),
    numbers=["layers"],
    on=tc.cases(
        NO_NETWORK,
        samples=(1, 1),
        numbers={"layers": tc.positive_dyadics(largest=8, exponents=(0,))},
        cohort=1,
    ),
    why="For one layer it is 2.18 against 1, for two 2.67 against 2; from three layers on it is"
    " better.",
)


def layers_up_to(most: int) -> st.SearchStrategy[tc.Case]:
    numbers = {"layers": tc.positive_dyadics(largest=most, exponents=(0,))}
    return tc.cases(NO_NETWORK, samples=(1, 1), numbers=numbers, cohort=1)


overlap_constant = tc.stated(
    "overlap-constant",
    title="The constant sqrt(2 log(2) L) + 1 is at most 0.76 times 2^(L-1) from three layers on",
    sources=[XU2022.at("Theorem 4: a better constant")],
    printed=r"L \ge 3 \implies \sqrt{2\log(2)L} + 1 \le 0.76 \cdot 2^{L-1}",
    assuming={"L is 3 or more": "layers >= 3"},
    where=[TWO],
    states="root(2 * log(2) * layers) + 1 <= 76 / 100 * two(layers - 1)",
    control=tc.altered("at most 0.75 times", {"76": "75"}, on=layers_up_to(4)),
    numbers=["layers"],
    on=layers_up_to(12),
    examples=60,
    corrects="overlap-constant-printed",
    why="For three layers it is 3.04 against 4, and the right side doubles with each layer. Checked"
    " up to twelve.",
)
