"""Anytime-valid decision of a tendency from the outcomes of paired trainings.

A tendency ("smaller batches give lower rank") is decided from pairs of trained networks that
differ in one setting. A pair is a *success* when what the tendency says is true of it, and a
*failure* when it is not. The evidence is the number of successes s and of failures f, so merging
evidence is adding counts: commutative, associative and blind to order.

What is decided is direction alone. With p the probability of a success, two hypotheses are tested:

- p <= 1/2: no more often than not. Rejecting it CONFIRMS the tendency.
- p >= 1/2: at least as often as not. Rejecting it CONTRADICTS the tendency.

How large the effect is does not enter; it is reported as the median of the pairs (`interval`).

**The test.** Sixteen gamblers start with a capital of 1 each and bet at even odds. Before every
pair, gambler j stakes j/16 of what is left on a success. Their mean capital is the evidence against
p <= 1/2:

    E(s, f) = 1/16 sum_{j=1}^{16} (1 + j/16)^s (1 - j/16)^f.

By symmetry E(f, s) is the evidence against p >= 1/2. The decision is CONFIRMED when
E(s, f) > 1/alpha, CONTRADICTED when E(f, s) > 1/beta, else OPEN. Sixteen gamblers, not one,
because the best stake depends on p (it is 2p - 1, Kelly 1956): this is the method of mixtures of
Robbins (1970) over a grid. All numbers are rationals without exponentials or logarithms, so that
the kernel can compute them.

**Validity.** Suppose that each pair, given everything known when it was started, is a success with
probability p <= 1/2. One more pair multiplies the capital of gambler j, on average, by

    p (1 + j/16) + (1 - p) (1 - j/16) = 1 + (2p - 1) j/16 <= 1.

So each capital is a non-negative supermartingale that starts at 1, and so is their mean, for the
*composite* hypothesis. Ville's inequality (Ville 1939) bounds the probability that it *ever*
reaches 1/alpha by alpha. In the terms of Ramdas, Grünwald, Vovk and Shafer (2023), E is a test
supermartingale, and its values are e-values at every stopping time.

**Both decisions never occur together.** E(s, f) > 1 needs a stake a with
s log(1 + a) + f log(1 - a) > 0. As log(1 + a) < -log(1 - a), that needs s > f; and E(f, s) > 1
needs f > s.

**What is guaranteed, and what is assumed.**

- *Looking early*: one may look after every pair and stop at any time that depends on the data; the
  probability of ever seeing CONFIRMED is at most alpha if p <= 1/2, and of ever seeing
  CONTRADICTED at most beta if p >= 1/2. So a search may go on until there is a decision.
- *Merging*: runs with independent outcomes, each stopped by a rule of its own, may be added up: the
  capital of a gambler over all runs is the product of what he makes of each, so that its
  expectation is at most 1, and so is that of the mean. The merged record may then be continued and
  looked at again.
- *Assumed*: pairs are independent Bernoulli trials. Their p need not be equal, as long as each lies
  on the same side. Exchangeable pairs are independent given a common p (de Finetti), and the
  decision is then about that p. Different populations (data sets, numbers of classes,
  architectures) need not lie on the same side: each is decided by itself, never pooled.
- *Not covered*: (1) pairs or runs kept or dropped because of their outcome. If successes finish
  sooner than failures, a look at the finished pairs is such a choice: count pairs in the order of
  their seeds, or wait for all that were started. (2) The same pair counted twice. (3) Choosing the
  best of several records: each decision spends its own alpha and beta.

**The size.** The median of the pairs' effects has the interval of all m that are not rejected as a
median: too small where more than half of all effects exceed m beyond doubt, too large where more
than half fall below it. Both are tests as above, with half the error each, so that the interval
holds the median at all times at once, also of merged runs. Its ends are order statistics.

Everything that decides is computed in rational arithmetic; no decision depends on rounding.

Sources: J. Ville, Étude critique de la notion de collectif, 1939. J. Kelly, A new interpretation of
information rate, Bell System Technical Journal 35, 1956. H. Robbins, Statistical methods related to
the law of the iterated logarithm, Annals of Mathematical Statistics 41, 1970. I. Waudby-Smith,
A. Ramdas, Estimating means of bounded random variables by betting, Journal of the Royal Statistical
Society B 86, 2024. A. Ramdas, P. Grünwald, V. Vovk, G. Shafer, Game-theoretic statistics and safe
anytime-valid inference, Statistical Science 38, 2023.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from theorycheck.claims.declaration import Formal
from theorycheck.errors import InputError

GAMBLERS = 16


class Decision(Enum):
    """What the counts say about a tendency."""

    CONFIRMED = "confirmed"
    """More often than not: p <= 1/2 is rejected."""
    CONTRADICTED = "contradicted"
    """Less often than not: p >= 1/2 is rejected."""
    OPEN = "open"
    """The counts do not suffice for either."""


@dataclass(frozen=True)
class Tendency:
    """The error rates of deciding a tendency.

    Raises InputError unless both are Fractions strictly between 0 and 1.
    """

    alpha: Fraction = Fraction(1, 10_000)
    """Bound on the probability of ever confirming when p <= 1/2."""
    beta: Fraction = Fraction(1, 10_000)
    """Bound on the probability of ever contradicting when p >= 1/2."""

    def __post_init__(self) -> None:
        for name, rate in vars(self).items():
            if not isinstance(rate, Fraction):
                raise InputError(f"{name} is {rate!r}; give a Fraction, such as Fraction(1, 100)")
            if not 0 < rate < 1:
                raise InputError(f"{name} is {rate}; choose an error rate between 0 and 1")


TENDENCY = Tendency()
"""The error rates shared by all tendencies."""

INTERVAL_ERROR = Fraction(1, 100)
"""Bound on the probability that the interval of a median ever fails to hold it."""

CONTRADICTED = Formal(
    conclusion="contradicted(failures[i], successes[i]) == 0",
    forall=("i in range(len(successes))",),
    given=(
        "successes[i] >= 0 and failures[i] >= 0 and shown[i] >= 0 and missed[i] >= 0",
        f"evidence(shown[i], missed[i]) > {1 / TENDENCY.alpha}",
    ),
    where=(
        "power(q, n) = product([q for k in range(n)])",
        f"evidence(a, b) = sum([power(1 + j / {GAMBLERS}, a) * power(1 - j / {GAMBLERS}, b)"
        f" for j in range(1, {GAMBLERS + 1})]) / {GAMBLERS}",
        # Not the evidence itself: of many pairs it has more digits than a certificate may.
        f"contradicted(a, b) = 1 if evidence(a, b) > {1 / TENDENCY.beta} else 0",
    ),
    numbers=("failures", "missed", "shown", "successes"),
)
"""What the certificate of a contradicted tendency refutes: that the evidence against it is at
most 1/beta in every stratum whose positive control is confirmed.

The test is part of the statement: an example is counts of pairs alone, so that no certificate
chooses its own error rates.

``successes`` and ``failures`` count the pairs of each stratum, ``shown`` and ``missed`` those of
its positive control. ``evidence`` is `e_value`.
"""


def e_value(successes: int, failures: int) -> Fraction:
    """Evidence E against "a success is no more frequent than a failure", exactly; 1 without pairs.

    Raises InputError unless the counts are non-negative integers.
    """
    for name, given in (("successes", successes), ("failures", failures)):
        if not isinstance(given, int) or given < 0:
            raise InputError(f"{name} is {given!r}; give a count, an integer that is 0 or more")
    stakes = range(1, GAMBLERS + 1)
    capital = sum((GAMBLERS + j) ** successes * (GAMBLERS - j) ** failures for j in stakes)
    return Fraction(capital, GAMBLERS ** (successes + failures + 1))


def decide(tendency: Tendency, successes: int, failures: int) -> Decision:
    """The decision that the counts support; see the module's docstring for what it guarantees.

    It depends on the present counts only. More pairs can reopen a decision, which makes the error
    rates smaller, never larger. Raises InputError unless the counts are non-negative integers.
    """
    if e_value(successes, failures) > 1 / tendency.alpha:
        return Decision.CONFIRMED
    if e_value(failures, successes) > 1 / tendency.beta:
        return Decision.CONTRADICTED
    return Decision.OPEN


def pairs_needed(tendency: Tendency) -> int:
    """The fewest pairs that can confirm the tendency: all of them successes.

    The boldest gambler doubles a share of 1 in `GAMBLERS` with each, so a few suffice.
    """
    enough = math.ceil(GAMBLERS / tendency.alpha).bit_length()
    return bisect_left(
        range(enough), True, key=lambda n: decide(tendency, n, 0) is Decision.CONFIRMED
    )


def pairs_in_proportion(tendency: Tendency, successes: int, failures: int) -> int:
    """The fewest pairs that confirm the tendency, with successes in this proportion or just below.

    Raises:
        InputError: unless these pairs confirm it themselves, so that there are no more than they.
    """
    pairs = successes + failures
    for fewer in range(1, pairs + 1):
        found = fewer * successes // pairs
        if decide(tendency, found, fewer - found) is Decision.CONFIRMED:
            return fewer
    raise InputError(f"{successes} successes and {failures} failures do not confirm the tendency")


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The anytime-valid interval of the median that values were drawn around, at `INTERVAL_ERROR`.

    Its ends are values, or infinite where there are too few of them.
    """
    ordered, total = sorted(values), len(values)
    # So many on one side are more than half of all, beyond doubt.
    beyond = bisect_right(
        range(total + 1), 2 / INTERVAL_ERROR, key=lambda above: e_value(above, total - above)
    )
    if beyond > total:
        return -math.inf, math.inf
    return ordered[total - beyond], ordered[beyond - 1]
