"""Anytime-valid decision of a tendency from the outcomes of paired trainings.

A tendency ("smaller batches give lower rank") is decided from pairs of trained networks that
differ in one setting. A pair is a *success* when it shows the effect and a *failure* when it does
not (a tie shows no effect). The evidence is the number of successes s and of failures f, so
merging evidence is adding counts: commutative, associative and blind to order.

Two hypotheses about the probability p of a success are tested at once:

- p <= null: the effect is no more frequent than chance. Rejecting it CONFIRMS the tendency.
- p >= alternative: the effect has at least the minimal size. Rejecting it CONTRADICTS the tendency.

**The test.** Write L(p) = p^s (1-p)^f for the likelihood of the counts. The evidence against each
hypothesis is the likelihood ratio of its boundary point, averaged uniformly over the other side:

    E0(s, f) = mean of L(q) / L(null)         over q in [alternative, 1],
    E1(s, f) = mean of L(r) / L(alternative)  over r in [0, null].

Averaging over a range (the method of mixtures, Robbins 1970) keeps the power from hinging on one
guess of p. The decision is CONFIRMED when E0 >= 1/alpha, CONTRADICTED when E1 >= 1/beta, else OPEN.

**Validity.** Suppose that each pair, given everything known when it was started, is a success with
probability p <= null. One more pair multiplies the ratio for q, on average, by

    p q/null + (1-p)(1-q)/(1-null) = 1 + (p-null)(q-null) / (null (1-null)) <= 1,

because p <= null < q. So the ratio for every q is a non-negative supermartingale that starts at 1,
and their mean E0 is one too, for the *composite* hypothesis p <= null. Ville's inequality (Ville
1939) bounds the probability that E0 *ever* reaches 1/alpha by alpha. E1 is E0 with the roles of
success and failure exchanged. In the terms of Ramdas, Grünwald, Vovk and Shafer (2023), E0 and E1
are test supermartingales, and their values are e-values at every stopping time.

**Both decisions never occur together.** log L is concave. E0 > 1 needs a q >= alternative with
L(q) > L(null), whence L(alternative) > L(null); E1 > 1 needs an r <= null with
L(r) > L(alternative), whence L(null) > L(alternative).

**What is guaranteed, and what is assumed.**

- *Looking early*: one may look after every pair and stop at any time that depends on the data; the
  probability of ever seeing CONFIRMED is at most alpha if p <= null, and of ever seeing
  CONTRADICTED at most beta if p >= alternative. Between the two either decision is correct.
- *Merging*: runs with independent outcomes, each stopped by a rule of its own, may be added up:
  for each q the ratio of the sum is the product of the ratios, so its expectation is at most 1, and
  so is that of the mean over q. The merged record may then be continued and looked at again.
- *Assumed*: pairs are independent Bernoulli trials. Their p need not be equal, as long as each lies
  on the same side. Exchangeable pairs are independent given a common p (de Finetti), and the
  decision is then about that p.
- *Not covered*: (1) pairs or runs kept or dropped because of their outcome. If successes finish
  sooner than failures, a look at the finished pairs is such a choice: count pairs in the order of
  their seeds, or wait for all that were started. (2) The same pair counted twice. (3) Choosing the
  best of several records: each decision spends its own alpha and beta.

Everything is computed in rational arithmetic; no decision depends on rounding.

Sources: J. Ville, Étude critique de la notion de collectif, 1939. H. Robbins, Statistical methods
related to the law of the iterated logarithm, Annals of Mathematical Statistics 41, 1970. A. Ramdas,
P. Grünwald, V. Vovk, G. Shafer, Game-theoretic statistics and safe anytime-valid inference,
Statistical Science 38, 2023.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from math import comb

from theorycheck.claims.declaration import Formal
from theorycheck.errors import InputError


class Decision(Enum):
    """What the counts say about a tendency."""

    CONFIRMED = "confirmed"
    """The effect is more frequent than the null: p <= null is rejected."""
    CONTRADICTED = "contradicted"
    """The effect is smaller than the minimal one: p >= alternative is rejected."""
    OPEN = "open"
    """The counts do not suffice for either."""


@dataclass(frozen=True)
class Tendency:
    """The hypotheses about the probability of a success and the error rates of deciding them.

    Raises InputError unless all fields are Fractions, 0 < null < alternative < 1, and both error
    rates lie strictly between 0 and 1.
    """

    null: Fraction = Fraction(1, 2)
    """The effect is no more frequent than chance when p <= null."""
    alternative: Fraction = Fraction(9, 10)
    """The effect has at least the minimal size when p >= alternative."""
    alpha: Fraction = Fraction(1, 10_000)
    """Bound on the probability of ever confirming when p <= null."""
    beta: Fraction = Fraction(1, 10_000)
    """Bound on the probability of ever contradicting when p >= alternative."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, Fraction):
                raise InputError(f"{name} is {value!r}; give a Fraction, such as Fraction(9, 10)")
        if not 0 < self.null < self.alternative < 1:
            raise InputError(
                f"null {self.null} and alternative {self.alternative} do not satisfy "
                "0 < null < alternative < 1; choose two probabilities in this order"
            )
        for name, rate in (("alpha", self.alpha), ("beta", self.beta)):
            if not 0 < rate < 1:
                raise InputError(f"{name} is {rate}; choose an error rate between 0 and 1")


CONTRADICTED = Formal(
    conclusion="beta * evidence <= 1",
    given=(
        "0 < null and null < alternative and alternative < 1",
        "0 < beta and beta < 1",
        "successes >= 0 and failures >= 0",
    ),
    where=(
        "power(a, n) = product([a for i in range(n)])",
        "choose(n, k) = product([(n - i) / (i + 1) for i in range(k)])",
        "trials = successes + failures + 1",
        "tail = sum([choose(trials, k) * power(1 - null, k) * power(null, trials - k)"
        " for k in range(failures + 1)])",
        "evidence = tail / (trials * choose(trials - 1, failures) * null"
        " * power(1 - alternative, failures) * power(alternative, successes))",
    ),
    numbers=("alternative", "beta", "failures", "null", "successes"),
)
"""What the certificate of a contradicted tendency refutes: that E1, the evidence against the
minimal effect, stays below 1/beta. It is the closed form that `e_values` computes."""


def e_values(tendency: Tendency, successes: int, failures: int) -> tuple[Fraction, Fraction]:
    """Evidence (E0, E1) against p <= null and against p >= alternative, exactly.

    Both are 1 without any pair. Raises InputError unless the counts are non-negative integers.
    The cost grows as the square of the number of pairs; a thousand take milliseconds.
    """
    for name, count in (("successes", successes), ("failures", failures)):
        if not isinstance(count, int) or count < 0:
            raise InputError(f"{name} is {count!r}; give a count, an integer that is 0 or more")
    return (
        _mean_likelihood_ratio(tendency.null, tendency.alternative, successes, failures),
        _mean_likelihood_ratio(1 - tendency.alternative, 1 - tendency.null, failures, successes),
    )


def decide(tendency: Tendency, successes: int, failures: int) -> Decision:
    """The decision that the counts support; see the module's docstring for what it guarantees.

    It depends on the present counts only. More pairs can reopen a decision, which makes the error
    rates smaller, never larger. Raises InputError unless the counts are non-negative integers.
    """
    against_null, against_alternative = e_values(tendency, successes, failures)
    if against_null >= 1 / tendency.alpha:
        return Decision.CONFIRMED
    if against_alternative >= 1 / tendency.beta:
        return Decision.CONTRADICTED
    return Decision.OPEN


def pairs_needed(tendency: Tendency) -> int:
    """The fewest pairs that can confirm the tendency: all of them successes."""

    def against_null(pairs: int) -> Fraction:
        return _mean_likelihood_ratio(tendency.null, tendency.alternative, pairs, 0)

    # Every success multiplies each averaged ratio by q/null > 1, so the evidence increases.
    enough = 1
    while against_null(enough) < 1 / tendency.alpha:
        enough *= 2
    return bisect_left(range(enough), 1 / tendency.alpha, key=against_null)


def _mean_likelihood_ratio(
    boundary: Fraction, least: Fraction, successes: int, failures: int
) -> Fraction:
    """Mean over q in [least, 1] of (q/boundary)^successes ((1-q)/(1-boundary))^failures.

    The integral of q^s (1-q)^f from x to 1 is s! f!/(s+f+1)! P(K <= s), where K counts the
    successes among s+f+1 trials of probability x (the incomplete Beta function for integers, NIST
    Digital Library of Mathematical Functions 8.17.5). The f+1 values K > s are summed and
    subtracted, over the common denominator d^(s+f+1) of x = a/d.
    """
    trials = successes + failures + 1
    hit, whole = least.numerator, least.denominator
    miss = whole - hit
    term = hit**trials  # comb(trials, k) hit^k miss^(trials-k), from k = trials downwards
    above = term
    for k in range(trials, successes + 1, -1):
        term = term * k * miss // ((trials - k + 1) * hit)
        above += term
    probability = 1 - Fraction(above, whole**trials)
    integral = probability / (trials * comb(trials - 1, successes))
    return integral / ((1 - least) * boundary**successes * (1 - boundary) ** failures)
