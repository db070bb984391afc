"""Merging: the reports of several runs, perhaps of several machines, made one.

A merged report is what one run with all the examples would have reported: the evidence of each
claim is added up (`theorycheck.claims.Evidence`) and judged anew by the function that judges a
run (`theorycheck.claims.judge`). No verdict of a run has any influence. Merging is associative
and commutative, byte for byte, and merging one report
changes nothing in it but the order of its claims.

**Why the guarantee survives.** Deterministic claims are universal, and more examples are more
examples. A tendency is decided, in each stratum by itself, from counts of successes and failures by
a test that may be looked at at any time, also after counts of runs with *independent outcomes* were
added up
(`theorycheck.claims.sequential`, "Merging"). Two conditions are left to meet:

- *No pair counts twice.* A run draws everything that it tries from its run seed and the id of the
  claim (`theorycheck.claims.Claim.seed`). The profile decides only how many pairs are drawn: those
  of a short run are repeated by a long one. Device and machine decide only where, and within
  rounding how, the same pairs are trained. So two runs with one seed share pairs whatever else
  differs, and even where they share few, their outcomes are not independent. Each entry therefore
  carries the run seeds that its evidence comes from, and evidence with a common seed is refused.
  Seeds are what a report says; what a search found has a fingerprint besides, which begins with its
  seed. So two reports with one fingerprint are of one search, whatever seeds they name, and are
  refused, as is evidence without a fingerprint.
  Runs with different seeds draw from unrelated streams, so that their outcomes are independent,
  provided that the property of a tendency draws its pairs from `theorycheck.claims.Setting.seed`;
  an example that depends on no seed is the same in every run, and counts once for each.
- *No run is kept or dropped because of its outcome.* What is merged is the user's choice, and has
  to be made before looking: merge all runs that were started. An interrupted run adds what it
  finished; a claim that it did not finish, or whose check failed, adds nothing, and no seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from theorycheck.claims.certificates import certify_pairs, issue_contradicted
from theorycheck.claims.entries import Entry, certificate_name
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.outcomes import Answer, Fate
from theorycheck.claims.verdicts import Judgement, Verdict, judge
from theorycheck.errors import InputError
from theorycheck.reports.certified import of_report, rests_on_the_report_alone
from theorycheck.reports.documents import Report, Run, dumps, load_report, unreadable


@dataclass(frozen=True)
class Part:
    """What one report, or several merged ones, hold on one claim.

    Parts of one claim are added with ``+``.

    Attributes:
        about: an entry of one of the reports, which says what is claimed.
        evidence, control, positive: what the searches found out.
        seeds: run seeds that the evidence comes from; none when there is no evidence.
        reasons: why there is no evidence; empty when there is some.
        certified: whether what the part shows has a certificate.
        neighbours: what became of false neighbours; none survived that another run refuted.

    Raises:
        InputError: when parts do not add up, naming the claim and why.
    """

    about: Entry
    evidence: Evidence
    control: Evidence
    positive: Evidence
    seeds: frozenset[int]
    reasons: frozenset[str]
    certified: bool
    neighbours: Mapping[str, Fate]

    @classmethod
    def of(cls, entry: Entry) -> Part:
        """What an entry holds.

        Raises:
            InputError: when its evidence cannot be read, naming the claim.
        """
        try:
            evidence, control = Evidence.of(entry), Evidence.of(entry.control)
            positive = Evidence() if entry.positive is None else Evidence.of(entry.positive)
        except InputError as error:
            raise unreadable(f"claim {entry.id!r}", error) from error
        for part in (entry, entry.control, entry.positive):
            if part is not None and not (part.fingerprints or part.is_empty):
                raise InputError(
                    f"claim {entry.id}: evidence without the fingerprint of a search; run it again"
                )
        reasons = frozenset() if entry.seeds else frozenset([entry.reason])
        certified = entry.certificate is not None
        return cls(
            about=entry,
            evidence=evidence,
            control=control,
            positive=positive,
            seeds=frozenset(entry.seeds),
            reasons=reasons,
            certified=certified,
            neighbours=entry.neighbours,
        )

    def __add__(self, other: Part) -> Part:
        _require_same_claim(self.about, other.about)
        common = ", ".join(str(seed) for seed in sorted(self.seeds & other.seeds))
        if common:
            raise InputError(
                f"claim {self.about.id}: two reports have evidence from seed {common}, which is the"
                " same examples twice; merge each seed once"
            )
        seeds = self.seeds | other.seeds
        merged = Part(
            # The one that knows a strength, which does not depend on the run; or whichever.
            about=max(self.about, other.about, key=lambda entry: repr(entry.strength)),
            evidence=self._added(self.evidence, other.evidence),
            control=self._added(self.control, other.control),
            positive=self._added(self.positive, other.positive),
            seeds=seeds,
            reasons=frozenset() if seeds else self.reasons | other.reasons,
            certified=False,
            neighbours=_both(self.neighbours, other.neighbours),
        )
        certified = any(part.certified and part.shown == merged.shown for part in (self, other))
        return replace(merged, certified=certified)

    @property
    def shown(self) -> object:
        """The counterexample, or else the tightest example."""
        outcome = self.evidence.outcome()
        return outcome.counterexample or outcome.tightest

    def _added(self, one: Evidence, other: Evidence) -> Evidence:
        """Both together, of searches that are not the same."""
        if one.fingerprints & other.fingerprints:
            raise InputError(
                f"claim {self.about.id}: two reports have evidence of one search, whatever seeds"
                " they name; merge each run once"
            )
        try:
            return one + other
        except InputError as error:
            raise InputError(f"claim {self.about.id}: {error}; merge runs of one code") from error

    def entry(self) -> Entry:
        """The entry of the merged report, judged from the evidence, the kernel's word included."""
        about, certified = self.about, self.certified
        judgement = judge(about.kind, about.enough, self.evidence, self.control, self.positive)
        if self.reasons:
            judgement = Judgement(Verdict.UNDECIDED, min(self.reasons))
        if about.kind == "tendency" and self.evidence.counterexample is None:
            judgement = self._confirmed(judgement)
            certified = judgement.verdict is Verdict.REFUTED
        return replace(
            about,
            verdict=judgement.verdict,
            reason=judgement.reason,
            **vars(self.evidence.outcome()),
            strength=about.strength if judgement.verdict.passes else None,
            control=replace(about.control, **vars(self.control.outcome())),
            positive=about.positive and replace(about.positive, **vars(self.positive.outcome())),
            certificate=certificate_name(about.id) if certified else None,
            seeds=tuple(sorted(self.seeds)),
            neighbours=dict(sorted(self.neighbours.items())),
        )

    def _confirmed(self, judgement: Judgement) -> Judgement:
        """A tendency is refuted by its pairs only where the kernel comes to the same."""
        if judgement.verdict is not Verdict.REFUTED:
            return judgement
        word = certify_pairs(self.about, self.evidence, self.positive).word
        if word.answer is Answer.CONFIRMED:
            return judgement
        return Judgement(Verdict.UNDECIDED, f"{judgement.reason}; the kernel: {word.reason}")


def _both(one: Mapping[str, Fate], other: Mapping[str, Fate]) -> dict[str, Fate]:
    """Of mutants that both runs tried, whatever one of them knows."""
    fates = list(Fate)
    both = one.keys() & other.keys()
    return {**one, **other, **{w: min(one[w], other[w], key=fates.index) for w in both}}


def _require_same_claim(one: Entry, other: Entry) -> None:
    different = [name for name, value in one.described().items() if value != getattr(other, name)]
    if one.control.statement != other.control.statement:
        different.append("control")
    if (one.positive and one.positive.statement) != (other.positive and other.positive.statement):
        different.append("positive control")
    if different:
        raise InputError(
            f"claim {one.id}: the reports differ in its {', '.join(different)};"
            " merge runs of one version of the claim"
        )


def merge(reports: Iterable[Report]) -> Report:
    """One report from several; claims that some lack are kept.

    Raises:
        InputError: when the reports cannot be combined, naming the claim and the difference.
    """
    runs: list[Run] = []
    parts: dict[str, Part] = {}
    for report in reports:
        runs += report.runs
        for entry in report.claims:
            part = Part.of(entry)
            known = parts.get(entry.id)
            parts[entry.id] = part if known is None else known + part
    require_same_images(runs)
    return Report(
        runs=tuple(sorted(runs, key=lambda run: msgspec.json.encode(run, order="sorted"))),
        claims=tuple(parts[name].entry() for name in sorted(parts)),
        merged=True,
    )


def require_same_images(runs: Iterable[Run]) -> None:
    """Raise InputError for runs that trained on different images."""
    images = sorted({run.images for run in runs})
    if len(images) > 1:
        raise InputError(
            f"the runs trained on different images, {' and '.join(images)};"
            " merge runs on the same images"
        )


def load(run: Path) -> tuple[Path, Report]:
    """The folder and the report of a run, given its folder or its ``claims.json``.

    Raises:
        InputError: when there is no report, or none that can be merged.
    """
    path = run / "claims.json" if run.is_dir() else run
    report = load_report(path)
    try:
        require_same_images(report.runs)
    except InputError as error:
        raise InputError(f"report {path}: {error}") from error
    return path.parent, report


def certificates(merged: Report, reports: Sequence[tuple[Path, Report]]) -> dict[str, str]:
    """The certificates that a merged report names: text by file name.

    The kernel verifies all that the runs have. Each is the one of the counterexample or tightest
    example shown, from a run that found it; of several the first in the order of their texts. That
    of a refuted tendency is issued for the pairs of all runs together. Proofs depend on no run.

    Raises:
        InputError: when a run lacks a certificate that its report names, or has another.
    """
    verified = [(of_report(folder, report), report) for folder, report in reports]
    shown = {
        entry.certificate: dumps(issued_for(entry))
        if entry.kind == "tendency"
        else min(
            dumps(found[entry.certificate])
            for found, report in verified
            for one in report.claims
            if one.certificate == entry.certificate and one.shown == entry.shown
        )
        for entry in merged.claims
        if entry.certificate is not None
    }
    proofs = {
        entry.proof: min(dumps(found[entry.proof]) for found, _ in verified if entry.proof in found)
        for entry in merged.claims
        if entry.proof is not None
    }
    return shown | proofs


def issued_for(entry: Entry) -> dict[str, Any]:
    """The certificate of a tendency that is refuted.

    Raises:
        Rejected: when the kernel does not come to that conclusion.
    """
    positive = {} if entry.positive is None else entry.positive.examples.strata
    return issue_contradicted(entry, entry.examples.strata, positive)


def unknown(merged: Report) -> list[str]:
    """What merging cannot know, in lines."""
    alone = [entry.id for entry in merged.claims if rests_on_the_report_alone(entry)]
    return [
        "Certificates were verified. Not known: whether the runs counted what they say, and whether"
        " all runs that were started are here.",
        *([f"No certificate, the engine's word alone: {', '.join(alone)}"] if alone else []),
    ]
