"""The words of a report, each explained once, for every form that a report has.

Explanations are complements: they go on from "a claim that is *refuted*:".
"""

from __future__ import annotations

VERDICTS = {
    "proved": "a symbolic derivation reduces the claim to an identity",
    "holds": "no counterexample, the false neighbour was refuted, the hypotheses were met, not only"
    " in degenerate cases",
    "refuted": "a counterexample was found and confirmed, which is printed with the claim, or pairs"
    " of trainings decide against it",
    "vacuous": "nothing meets the hypotheses, or only degenerate cases do",
    "undecided": "the evidence did not suffice, or engine and kernel disagree",
}
"""What may be said of a claim."""

TERMS = {
    "met": "the hypotheses are true at an example, for some values of the variables",
    "degenerate": "the conclusion is trivially true at an example: both sides are 0, or a matrix is"
    " too small for a higher rank",
    "open": "enclosures do not decide an example; what is met and neither degenerate nor open"
    " *counts*",
    "consistency": "that two printed places agree is a claim, too",
    "tightest": "of the examples that hold, the one nearest to equality; its ratio is the smaller"
    " side over the larger",
    "slack": "of an inequality at an example, 1 less the smaller side over the larger: 0 is"
    " equality",
    "corner": "a special network or data set, such as width 1 or equal samples; kinks are looked"
    " for where networks are read one by one and have no batch normalisation",
    "kink": "a unit whose argument is 0, where its derivative is autograd's: that of ReLU is 0",
    "network": "`2 -> relu 3 -> linear 1` has two inputs and layers of three units and one; where"
    " a bracket names edges, the layer adds up what these bring, and reads nothing else: `skip v0`"
    " the inputs as they are, `dense v0` a matrix times them",
    "control": "a false neighbour of the claim, which the same check has to refute",
    "kernel": "the small checker that shares no code with the engine; it evaluates the whole"
    " statement on the simplest examples once more",
    "certificate": "a file with the statement and one example in exact numbers, which the kernel"
    " verifies",
    "strength": "how far a verdict reaches: sampled, architectures or general",
    "sampled": "examples were tried",
    "architectures": "the statement is true of all weights, data and activation patterns of each of"
    " 40 architectures or more; that this is wrong of one of them has a probability below 2^-100",
    "field": "a finite one of large prime order, from which weights and data are drawn at random:"
    " an identity of low degree that is true there is true of all real numbers, but for the"
    " probability above; hypotheses other than architecture, labels, unit norms and zero shifts are"
    " dropped, so that some true claims are not true there, and some words cannot be read",
    "false neighbours": "formulas that differ from the claim in one thing, such as a sign, a factor"
    " 2, an index or a norm, and are not known to be true; how many of them the examples of the"
    " claim refute says how strong its check is; a run tries three for each claim",
    "survived": "a false neighbour that was not refuted and is not known to be true: of the three"
    " that a run tries, by a few simple examples; the overview counts all, and more examples",
    "needed": "a hypothesis without which the kernel finds the claim false, at an example that"
    " meets all the others",
    "not decided by the kernel": "said of a hypothesis without which the engine alone finds the"
    " claim false",
    "not seen to be needed": "a hypothesis without which the claim is true at all examples that"
    " were found, and, where architectures are counted, for all their weights and data",
    "no meaning without": "said of a hypothesis without which a formula has no value",
    "not tried": "a hypothesis for which no example was found that meets all the others and not"
    " this one, and at which the claim is not trivially true",
    "survives": "said of a claim that passes although its printed proof uses one that fails: the"
    " paper lacks a proof, and the report has other evidence",
    "general": "the statement is derived with symbols in the place of all numbers",
}
"""What is said of examples, controls and strengths."""

TENDENCIES = {
    "tendency": "a statement about direction, decided from pairs of trainings, in each population"
    " by itself: it holds when what it says is true of more than half of the pairs, and is refuted"
    " when it is true of less than half, and a positive control shows that the test can say yes;"
    " each with an error of at most 1e-4, at whatever number of pairs one looks",
    "positive control": "a setting in which a tendency is known to be true",
    "tie": "a pair of equal numbers; it counts as what the comparison says of them: neither is"
    " lower",
    "median": "over the pairs, with an interval that holds it at all times at once: how large an"
    " effect is, which decides nothing; over training, numbers are rounded to 1.00, 1.05 and so on"
    " times a power of ten before their median is taken, and epochs are those of the first recipe",
}
"""What is said of tendencies."""
