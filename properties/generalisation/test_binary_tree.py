"""Networks that are binary trees, and their bounds: xu2022, Theorem 4 and Eq. 19-25."""

import theorycheck as tc
from properties.assumptions import CHAIN, RELU_NETWORK
from properties.generalisation.signs import LINE, NO_NETWORK, ON_A_LINE, SIGNS
from properties.generalisation.trees import (
    ENTRY,
    FILTER_WITHOUT_ZEROS,
    ONE_DIMENSIONAL,
    ONE_LAYER,
    TREE,
    TWO,
    UNITS,
    layers,
    overlapping_networks,
    trees,
)
from properties.papers import XU2022

NO_OVERLAP = tc.Assumption("patches that do not overlap", "patches(0) * len(W[0][0]) == len(x[0])")
TOEPLITZ_NORM = (UNITS, "toeplitz_norm = sum([squared(row) for row in network(W, units)])")

PROOF_OF_THEOREM_4 = [
    "rademacher-complexity-definitions-printed",
    "binary-tree-peeling-printed",
    "rademacher-complexity-coordinates",
    "rademacher-complexity-jensen",
]

binary_tree_toeplitz_printed = tc.stated(
    "binary-tree-toeplitz-printed",
    title="The Toeplitz matrix has the norm of the kernel times the number of patches, as printed",
    sources=[XU2022.at("Section 4.3: norm of the Toeplitz matrix")],
    printed=r"\|W_{\rm Toeplitz}\|_F = P \, \|w\|",
    given=[ONE_LAYER],
    where=TOEPLITZ_NORM,
    states="toeplitz_norm == patches(0) ** 2 * squared(W[0])",
    control=tc.altered("cubed", "toeplitz_norm == patches(0) ** 3 * squared(W[0])"),
    on=layers(),
    why="P copies of the kernel have the norm `sqrt(P) |w|`; Eq. 25 does take the root. The check"
    " compares squares.",
)

binary_tree_toeplitz = tc.stated(
    "binary-tree-toeplitz",
    title="The Toeplitz matrix has the norm of the kernel times the root of the number of patches",
    sources=[XU2022.at("Section 4.3: norm of the Toeplitz matrix")],
    printed=r"\|W_{\rm Toeplitz}\|_F = \sqrt{P} \, \|w\|",
    given=[ONE_LAYER],
    where=TOEPLITZ_NORM,
    states="toeplitz_norm == patches(0) * squared(W[0])",
    control=tc.altered("as printed", "toeplitz_norm == patches(0) ** 2 * squared(W[0])"),
    on=layers(),
    examples=60,
    corrects="binary-tree-toeplitz-printed",
    why="The matrix is read off the outputs at the unit vectors. Overlap makes no difference.",
)

binary_tree_columns_printed = tc.stated(
    "binary-tree-columns-printed",
    title="Row i of the Toeplitz matrix holds the kernel in columns 2^i - 1 and 2^i, as printed",
    sources=[XU2022.at("Section 4.3: rows of the Toeplitz matrix")],
    printed=r"(0, \ldots, 0, -W^l, 0, \ldots, 0), \text{ where } W^l \text{ appears on the }"
    r" 2^i - 1 \text{ and } 2^i \text{ coordinates}",
    given=[ONE_LAYER, ONE_DIMENSIONAL, FILTER_WITHOUT_ZEROS, NO_OVERLAP],
    assuming={
        "a kernel of two entries": "len(W[0][0]) == 2",
        "2^i is a column": "two(i) <= len(x[0])",
    },
    forall=["i in range(1, patches(0) + 1)"],
    where=[UNITS, ENTRY, TWO],
    states="toeplitz(i - 1, two(i) - 2) == W[0][0][0]"
    " and toeplitz(i - 1, two(i) - 1) == W[0][0][1]",
    control=tc.altered("negated", "toeplitz(i - 1, two(i) - 2) == -W[0][0][0]"),
    on=layers(overlap=False, kernels=(2, 2)),
    why="For i = 1 and 2 they are the right columns. For i = 3, which takes 8 inputs, the kernel is"
    " in columns 5 and 6, not 7 and 8. (The sign before W^l is taken for a dash. The text at hand"
    " is converted from the PDF, which may have made 2^i of 2i.)",
)

binary_tree_columns = tc.stated(
    "binary-tree-columns",
    title="Row i of the Toeplitz matrix holds the kernel in columns 2i - 1 and 2i",
    sources=[XU2022.at("Section 4.3: rows of the Toeplitz matrix")],
    printed=r"\text{row } i: W^l \text{ on the } 2i - 1 \text{ and } 2i \text{ coordinates}",
    given=[ONE_LAYER, ONE_DIMENSIONAL, FILTER_WITHOUT_ZEROS, NO_OVERLAP],
    assuming={"a kernel of two entries": "len(W[0][0]) == 2"},
    forall=["i in range(1, patches(0) + 1)"],
    where=[UNITS, ENTRY],
    states="toeplitz(i - 1, 2 * i - 2) == W[0][0][0] and toeplitz(i - 1, 2 * i - 1) == W[0][0][1]",
    control=tc.altered("one column later", "toeplitz(i - 1, 2 * i - 1) == W[0][0][0]"),
    on=layers(overlap=False),
    examples=50,
    corrects="binary-tree-columns-printed",
    why="Patches that cover all inputs without overlap have a stride of 2. On a 2 x 2 image two"
    " patches of 2 x 1 are in columns 1 and 3, and 2 and 4.",
)

binary_tree_peeling_printed = tc.stated(
    "binary-tree-peeling-printed",
    title="The two lines of Eq. 21 are equal, as printed",
    sources=[XU2022.at("Eq. 21")],
    printed=r"2\,\mathbb E_\epsilon \sup_h \frac1m \sqrt{\|W^L\|^2 \Big\|\sum_i \epsilon_i"
    r" (v_1, v_2)(x_i)\Big\|^2} = \mathbb E_\epsilon \sup_h \frac1m \sqrt{\|W^L\|^2 \sum_{j=1}^2"
    r" \Big\|\sum_i \epsilon_i v_j(x_i)\Big\|^2}",
    given=[CHAIN, TREE],
    assuming={"L = 1": "depth == 1"},
    where=[
        TWO,
        *SIGNS,
        "pair(S) = sum([sign(S, n) * h(n) for n in samples])",
        "together = sum([root(squared(W[0]) * squared(pair(S))) for S in subsets])",
        "apart = sum([root(squared(W[0]) * (pair(S)[0] ** 2 + pair(S)[1] ** 2)) for S in subsets])",
    ],
    states="2 * together == apart",
    control=tc.altered("four times", "4 * together == apart"),
    on=trees(depths=(1, 1), samples=(1, 1)),
    why="The squared norms are equal; the factor 2 is lost from one line to the next. It comes back"
    " in Eq. 22, as `2^(L-1)`. Shown for one kernel, L = 1, where (v_1, v_2) is the input.",
)

binary_tree_one_sample = tc.stated(
    "binary-tree-one-sample",
    title="A binary tree is bounded by the product of the norms of its kernels",
    sources=[XU2022.at("Section 4.3: norms of the kernels suffice, Theorem 4")],
    printed=r"|h(x)| \le \prod_{l=1}^L \|W^l\| \, \|x\|",
    given=[CHAIN, TREE],
    forall=["n in samples"],
    where=[TWO],
    states="f(n, 0) ** 2 <= product([squared(W[k]) for k in weights]) * squared(x[n])",
    control=tc.altered("patches may overlap", without=[TREE], on=overlapping_networks()),
    on=trees(depths=(1, 4)),
    examples=60,
    rests_on=PROOF_OF_THEOREM_4,
    why="The content of Theorem 4 for one sample, m = 1: R_X(H) in the sense of Eq. 20 is at most"
    " `rho |x|`, without the factor `2^(L-1)`. Patches without overlap have squared norms"
    " that add up to that of the input, so that the kernels' norms are enough, not those of the"
    " Toeplitz matrices.",
)

binary_tree_theorem = tc.stated(
    "binary-tree-theorem",
    title="Theorem 4 for collinear inputs, with the exact complexity",
    sources=[XU2022.at("Theorem 4, Eq. 19")],
    printed=r"\mathcal R_X(\mathcal H) \le \frac{2^L \rho \sqrt{\sum_i \|x_i\|^2}}{m}",
    given=[ON_A_LINE],
    assuming={"L is 1 or more": "layers >= 1"},
    where=[*LINE, TWO],
    states="2 / len(samples) * sum([larger(S) for S in subsets]) / len(subsets)"
    " <= two(layers) * root(sum([x[n][0] ** 2 for n in samples])) / len(samples)",
    control=tc.altered("without the factor 2^L", {"<= two(layers) *": "<="}),
    numbers=["layers"],
    on=tc.cases(
        NO_NETWORK,
        samples=(1, 4),
        numbers={"layers": tc.positive_dyadics(largest=3, exponents=(0,))},
        cohort=1,
    ),
    examples=60,
    rests_on=PROOF_OF_THEOREM_4,
    why="For rho = 1, and Definition 1. The left side is the complexity of all trees: by"
    " `binary-tree-line` for L >= 2, by `rademacher-complexity-depth` for L = 1. The bound is"
    " reached for L = 1 by one sample, and for L > 1 it is `2^(L-1)` times too large there.",
)

binary_tree_line = tc.stated(
    "binary-tree-line",
    title="On collinear inputs, signed sums of a binary tree are bounded by those of one sign of"
    " inputs",
    printed=r"\Big|\sum_n \epsilon_n h(x_n)\Big| \le \rho \max\Big(\Big|\sum_{x_n > 0}"
    r" \epsilon_n x_n\Big|, \Big|\sum_{x_n < 0} \epsilon_n x_n\Big|\Big)",
    given=[CHAIN, TREE, RELU_NETWORK, ON_A_LINE],
    forall=["S in [S for B in range(len(samples) + 1) for S in batches(B)]"],
    where=[*LINE[1:], TWO],
    states="sum([sign(S, n) * f(n, 0) for n in samples]) ** 2"
    " <= product([squared(W[k]) for k in weights]) * larger(S) ** 2",
    control=tc.altered("half of it", {"sum": "2 * sum"}),
    on=trees(depths=(2, 3), samples=(1, 3), line=True),
    why="rho is the product of the norms of the kernels, h the tree, and the epsilon_n are signs."
    " One path of the tree reads the first input; its first weight has one sign, and opens for"
    " inputs of that sign alone. Equality for a path of unit weights that opens for the side with"
    " the larger sum.",
)

EQUATION_25 = tc.Family(
    sources=[XU2022.at("Eq. 25")],
    given=[TREE],
    where=[TWO],
    on=trees(depths=(1, 4), samples=(1, 1)),
)

binary_tree_dense_printed = EQUATION_25.stated(
    "binary-tree-dense-printed",
    title="The squared Toeplitz norms of the tree have the product of Eq. 25, as printed",
    printed=r"\prod_{l=1}^L \|W^l_{\rm Toeplitz}\|^2 = \prod_{l=1}^L (2^l) \prod_l \|W^l\|^2",
    states="product([patches(k) for k in weights])"
    " == product([two(l) for l in range(1, depth + 1)])",
    control=tc.altered(
        "twice",
        "product([2 * patches(k) for k in weights])"
        " == product([4 * two(l) for l in range(1, depth + 1)])",
    ),
    rests_on=["binary-tree-toeplitz"],
    why="The layers of the tree have `2^(L-1), ..., 2, 1` patches, and Eq. 25 takes `2^L, ..., 2`:"
    " the bound for dense networks is printed `2^(L/2)` times too large.",
)

binary_tree_dense = EQUATION_25.stated(
    "binary-tree-dense",
    title="The squared Toeplitz norms of the tree bring a factor 2^(L(L-1)/2)",
    sources=[
        XU2022.at("Eq. 25, Abstract: bounds orders of magnitude better"),
        XU2022.at("Section 7: bounds for convolutional networks"),
    ],
    printed=r"\prod_{l=1}^L 2^{l-1} = 2^{L(L-1)/2}, \quad"
    r"\frac{2^L \sqrt{\prod_l 2^{l-1}} \rho \sqrt{\sum_i \|x_i\|^2}}m"
    r" = \frac{2^{0.25 L^2 + 0.75 L} \rho \sqrt{\sum_i \|x_i\|^2}}m",
    states="product([patches(k) for k in weights]) ** 2 == two(depth * (depth - 1))"
    " and two(depth) ** 4 * product([patches(k) for k in weights]) ** 2"
    " == two(depth * depth + 3 * depth)",
    control=tc.altered(
        "as printed",
        "two(depth) ** 4 * product([patches(k) for k in weights]) ** 2"
        " == two(depth * depth + 5 * depth)",
    ),
    corrects="binary-tree-dense-printed",
    rests_on=["binary-tree-toeplitz"],
    why="The bound for dense networks is `2^((L^2 - L)/4)` times that of Theorem 4: larger by"
    " orders of magnitude for deep trees, and equal for L = 1. The check compares fourth powers.",
)

binary_tree_exponent = EQUATION_25.stated(
    "binary-tree-exponent",
    title="The exponent of 2 in Eq. 25 is that of its left side",
    printed=r"2^L \sqrt{\prod_{l=1}^L (2^l)} = 2^{0.25L^2 + 1.25L}",
    states="two(depth) ** 4 * product([two(l) for l in range(1, depth + 1)]) ** 2"
    " == two(depth * depth + 5 * depth)",
    control=tc.altered("0.75 for 1.25", {"+ 5": "+ 3"}),
    why="The check compares fourth powers. The arithmetic is right, whatever the factors `2^l` are."
    " In the text the root on the left also covers rho and the root of the sum, which the right"
    " side has outside: this is read as a slip.",
)
