"""Average separability, and its chance at random outputs: xu2022, Sections 3.2 and 3.5."""

from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import CHAIN, SIGN_LABELS
from properties.notation import MARGIN, MEAN_MARGIN
from properties.papers import XU2022

CHANCES = (
    "labels = [y[n][0] for n in samples]",
    "sums = [inner(labels, [a, b, c]) for a in outcome for b in outcome for c in outcome]",
    "separated = len([s for s in sums if s > 0])",
    "ties = len([s for s in sums if s == 0])",
)
"""The sum of the margins of three samples whose outputs are independent, each of the outcomes as
probable as the others.
"""
THREE = tc.Assumption(
    "three samples with independent outputs, each of the outcomes equally probable",
    "len(samples) == 3",
)
ZERO_MEAN = tc.Assumption("outcomes of mean 0", "sum(outcome) == 0")
SYMMETRIC = tc.Assumption(
    "with each outcome its negative occurs as often",
    "all([len([b for b in outcome if b == a]) == len([b for b in outcome if b == -a])"
    " for a in outcome])",
)
PLACE = "Section 3.5: chance of average separability"


@st.composite
def outcomes(draw: st.DrawFn, *, symmetric: bool = False) -> tc.Case:
    """Two to four equally probable values of an output, of mean 0; and three labels."""
    labels = draw(st.sampled_from([(1, 1, -1), (1, 1, 1), (-1, 1, -1), (-1, -1, -1)]))
    drawn = draw(st.lists(st.integers(-3, 3), min_size=1, max_size=3 - symmetric))
    rest = [-value for value in drawn] if symmetric else [-sum(drawn)]
    numbers = {f"outcome_{i}": Fraction(v) for i, v in enumerate([*drawn, *rest], start=1)}
    rows = [[label] for label in labels]
    return tc.Case.single(tc.mlp([1, 1]), [[[1]]], rows, rows, numbers)


average_separability_chance_printed = tc.stated(
    "average-separability-chance-printed",
    title="Outputs of mean zero separate on average with a chance of one half, as printed",
    sources=[XU2022.at(PLACE)],
    printed=r"\text{if the } f_n \text{ were zero-mean, random variables, there would be a 50\%}"
    r"\text{ chance for average separability to hold}",
    given=[SIGN_LABELS, THREE, ZERO_MEAN],
    assuming={"no sum of the margins is 0": "ties == 0"},
    where=CHANCES,
    states="2 * separated == len(sums)",
    control=tc.altered("certainly", "separated == len(sums)"),
    numbers=["outcome"],
    on=outcomes(),
    why="A mean of zero is not enough: with skewed outputs the sum of the margins is positive with"
    " a chance above or below one half, here 16/27. True of independent outputs with one"
    " distribution and as many labels of each sign, but for ties.",
)

average_separability_chance = tc.stated(
    "average-separability-chance",
    title="Symmetric outputs separate on average as often as not, but for ties",
    sources=[XU2022.at(PLACE)],
    printed=r"\Pr[\mu > 0] = \frac12 (1 - \Pr[\mu = 0])",
    given=[SIGN_LABELS, THREE, SYMMETRIC],
    where=CHANCES,
    states="2 * separated + ties == len(sums)",
    control=tc.altered("outcomes of mean 0", without=[SYMMETRIC], on=outcomes()),
    numbers=["outcome"],
    on=outcomes(symmetric=True),
    examples=60,
    corrects="average-separability-chance-printed",
    why="True of any number of independent outputs, and of any outputs with fair random labels.",
)

average_separability_implied = tc.stated(
    "average-separability-implied",
    title="Separability implies average separability",
    sources=[XU2022.at("Section 3.2: separability and average separability")],
    printed=r"\forall n : \bar f_n > 0 \implies \sum_n \bar f_n > 0",
    given=[CHAIN, SIGN_LABELS],
    assuming={"separability": "min([margin(n) for n in samples]) > 0"},
    where=[MARGIN, MEAN_MARGIN],
    states="mu > 0",
    control=tc.altered("1", "mu > 1"),
    on=tc.cases(tc.mlps(depths=(1, 3), widths=(1, 3)), samples=(1, 3), targets="signs", cohort=8),
    examples=60,
    why="As the names suggest. The converse is false.",
)
