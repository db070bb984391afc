"""How many samples parameters of a few bits need: galanti2022, Appendix D, Eq. 25.

The paper cites it from Anthony and Bartlett. It follows from Hoeffding's inequality: a class of H
functions deviates by more than e/2 on M samples with probability at most 2 H exp(-M e^2 / 2), and
minimising the empirical error loses at most twice that deviation.
"""

import math
from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.papers import GALANTI2022

PROBABILITIES = [
    tc.Assumption("0 < delta < 1", "0 < failure and failure < 1"),
    tc.Assumption("0 < epsilon_G <= 1", "0 < accuracy and accuracy <= 1"),
    tc.Assumption("at least one parameter of one bit", "bits >= 1 and parameters >= 1"),
]
ENOUGH = tc.Assumption("at least as many samples as galanti2022, Eq. 25, says", "size >= needed")
TOO_FEW = tc.Assumption("fewer samples than galanti2022, Eq. 25, says", "size < needed")


@st.composite
def sizes(draw: st.DrawFn, *, above: bool) -> tc.Case:
    """Sample sizes next to the bound; the network is of no account."""
    bits, parameters = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    failure = Fraction(1, draw(st.sampled_from([2, 4, 10, 100])))
    accuracy = Fraction(1, draw(st.integers(1, 5)))
    needed = 2 / accuracy**2 * (bits * parameters * math.log(2) + math.log(2 / failure))
    beyond = draw(st.integers(0, 2))
    numbers = {
        "bits": Fraction(bits),
        "parameters": Fraction(parameters),
        "failure": failure,
        "accuracy": accuracy,
        "size": Fraction(math.ceil(needed) + beyond if above else math.floor(needed) - beyond),
    }
    return tc.Case.single(tc.mlp([1, 1]), [[[1]]], [[1]], [[1]], numbers)


@st.composite
def least_sizes(draw: st.DrawFn) -> tc.Case:
    """All but one of the numbers are such that hardly any samples are needed."""
    drawn = draw(sizes(above=True))
    least = {"bits": Fraction(1), "accuracy": Fraction(255, 256), "failure": Fraction(255, 256)}
    del least[draw(st.sampled_from(sorted(least)))]
    return replace(drawn, numbers={**drawn.numbers, **least})


SHARED = tc.Family(
    where=[
        "needed = 2 / accuracy ** 2 * (bits * parameters * log(2) + log(2 / failure))",
        "functions = product([2 for b in range(bits * parameters)])",
        "chance = 2 * functions * exp(-size * accuracy ** 2 / 2)",
    ],
    numbers=["accuracy", "bits", "failure", "parameters", "size"],
    examples=60,
)

sample_size_suffices = SHARED.stated(
    "sample-size-suffices",
    title="With as many samples as printed, the error is within epsilon_G of the best possible with"
    " probability 1 - delta",
    sources=[GALANTI2022.at("Eq. 25")],
    printed=r"M(\epsilon_G, \delta) \le \frac{2}{\epsilon_G^2} \Big( k W \log 2 +"
    r" \log\Big(\frac2\delta\Big) \Big)",
    given=[*PROBABILITIES, ENOUGH],
    states="chance <= failure",
    control=tc.altered("an eighth of delta", "8 * chance <= failure"),
    on=sizes(above=True),
    why="W parameters of k bits are 2^{kW} functions. Eq. 25 is the solution for M of the union"
    " bound over them. Checked is Hoeffding's bound, summed over all functions, for errors on the"
    " sample and in truth that differ by more than epsilon_G / 2. Here k are bits and W is a"
    " number; in the rest of the paper k are outputs and W are weights.",
)

sample_size_sharp = SHARED.stated(
    "sample-size-sharp",
    title="With fewer samples than printed the union bound does not reach delta",
    printed=r"M < \frac{2}{\epsilon_G^2} \Big( k W \log 2 + \log\Big(\frac2\delta\Big) \Big)"
    r" \ \Longrightarrow\ 2 \cdot 2^{kW} e^{-M \epsilon_G^2 / 2} > \delta",
    given=[*PROBABILITIES, TOO_FEW],
    states="chance > failure",
    control=tc.altered("eight times delta", "chance > 8 * failure"),
    on=sizes(above=False),
    why="By Hoeffding's inequality, each of the 2^{kW} errors on the sample is off by more than"
    " epsilon_G / 2 with probability at most `2 exp(-M epsilon_G^2 / 2)`. Adding these up cannot"
    " improve the constant of galanti2022, Eq. 25.",
)

sample_size_exceeds_parameters = SHARED.stated(
    "sample-size-exceeds-parameters",
    title="The bound asks for 1.38 times as many samples as there are parameters, and more",
    sources=[GALANTI2022.at("Appendix D: bounds do not apply")],
    printed=r"\text{these bounds do not apply to the networks used today, since they assume a}"
    r" \text{ number of parameters smaller than the size of the training set}",
    given=PROBABILITIES,
    states="needed > 2 * log(2) * (parameters + 1)",
    control=tc.altered("twice as many", "needed > 2 * (parameters + 1)"),
    on=st.one_of(sizes(above=True), least_sizes()),
    rests_on=["sample-size-suffices"],
    why="With one bit, epsilon_G = 1 and delta near 1 it is hardly more than `2 log 2` for each"
    " parameter, and that is 1.386. With 32 bits and an error of 0.1, 4400 samples for each"
    " parameter.",
)
