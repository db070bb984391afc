"""Merging: the reports of several runs, perhaps of several machines, made one.

A merged report is what one run with all the examples would have reported: the evidence of each
claim is added up (`theorycheck.claims.Evidence`) and judged anew by the function that judges a
run (`theorycheck.claims.judge`). No verdict of a run has any influence. Merging is associative
and commutative, byte for byte in the part of the report that holds verdicts, and merging one report
changes nothing in it but the order of its claims.

**Why the guarantee survives.** Deterministic claims are universal, and more examples are more
examples. A tendency is decided from counts of successes and failures by a test that may be looked
at at any time, also after counts of runs with *independent outcomes* were added up
(`theorycheck.claims.sequential`, "Merging"). Two conditions are left to meet:

- *No pair counts twice.* A run draws everything that it tries from its run seed and the id of the
  claim (`theorycheck.claims.Claim.seed`). The profile decides only how many pairs are drawn: those
  of a short run are repeated by a long one. Device and machine decide only where, and within
  rounding how, the same pairs are trained. So two runs with one seed share pairs whatever else
  differs, and even where they share few, their outcomes are not independent. Each entry therefore
  carries the run seeds that its evidence comes from, and evidence with a common seed is refused.
  Runs with different seeds draw from unrelated streams, so that their outcomes are independent,
  provided that the property of a tendency draws its pairs from `theorycheck.claims.Setting.seed`;
  an example that depends on no seed is the same in every run, and counts once for each.
- *No run is kept or dropped because of its outcome.* What is merged is the user's choice, and has
  to be made before looking: merge all runs that were started. An interrupted run adds what it
  finished; a claim that it did not finish, or whose check failed, adds nothing, and no seed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten
from typing import Any

from theorycheck import reports
from theorycheck.claims.declaration import KINDS, is_claim_id
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.examination import outcome
from theorycheck.claims.verdicts import Judgement, Verdict, judge
from theorycheck.errors import InputError
from theorycheck.reports.documents import Entry

DESCRIPTION = (
    "title", "kind", "sources", "statement", "description", "hypotheses", "corrects", "enough",
    "version",
)  # fmt: skip
"""Fields of an entry that say what is claimed; evidence on different claims does not add up."""


@dataclass(frozen=True)
class Part:
    """What one report, or several merged ones, hold on one claim.

    Parts of one claim are added with ``+``.

    Attributes:
        claim: id and `DESCRIPTION` of the claim.
        control_statement: what the control of the claim is.
        seeds: run seeds that the evidence comes from; none when there is no evidence.
        reasons: why there is no evidence; empty when there is some.
        certificate: name of the certificate of `example`, if the report has one.
        seconds: time that the evidence took.

    Raises:
        InputError: when parts do not add up, naming the claim and why.
    """

    claim: Mapping[str, Any]
    control_statement: str
    seeds: frozenset[int]
    evidence: Evidence
    control: Evidence
    reasons: frozenset[str]
    certificate: str | None
    seconds: float

    @classmethod
    def from_entry(cls, entry: Entry) -> Part:
        """Read an entry of ``claims.json``.

        Raises:
            InputError: when the entry lacks what merging needs, naming the claim.
        """
        try:
            _check(entry)
            seeds = frozenset(entry["seeds"])
            part = cls(
                claim={field: entry[field] for field in ("id", *DESCRIPTION)},
                control_statement=entry["control"]["statement"],
                seeds=seeds,
                evidence=Evidence.from_dict(entry),
                control=Evidence.from_dict(entry["control"]),
                reasons=frozenset() if seeds else frozenset([entry["reason"]]),
                certificate=entry["certificate"],
                seconds=float(entry["seconds"]),
            )
            if part.certificate is not None and part.example is None:
                raise InputError("a certificate without an example")
            if not seeds and (part.evidence, part.control) != (Evidence(), Evidence()):
                raise InputError("evidence without a seed")
        except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
            reason = str(error) if isinstance(error, InputError) else repr(error)
            text = shorten(f"claim {entry['id']!r} cannot be read: {reason}", 200)
            raise InputError(text) from error
        return part

    @property
    def example(self) -> Any:
        """What a certificate is about; see `_example`."""
        return _example({"kind": self.claim["kind"], **self.evidence.to_dict()})

    def __add__(self, other: Part) -> Part:
        name = self.claim["id"]
        different = [field for field in DESCRIPTION if self.claim[field] != other.claim[field]]
        if self.control_statement != other.control_statement:
            different.append("control")
        if different:
            raise InputError(
                f"claim {name}: the reports differ in its {', '.join(different)};"
                " merge runs of one version of the claim"
            )
        common = ", ".join(str(seed) for seed in sorted(self.seeds & other.seeds))
        if common:
            raise InputError(
                f"claim {name}: two reports have evidence from seed {common}, which is the same"
                " examples twice; merge each seed once"
            )
        evidence = self.evidence + other.evidence
        seeds = self.seeds | other.seeds
        merged = Part(
            claim=self.claim,
            control_statement=self.control_statement,
            seeds=seeds,
            evidence=evidence,
            control=self.control + other.control,
            reasons=frozenset() if seeds else self.reasons | other.reasons,
            certificate=None,
            seconds=round(self.seconds + other.seconds, 2),
        )
        names = [
            part.certificate
            for part in (self, other)
            if part.certificate is not None and part.example == merged.example
        ]
        return replace(merged, certificate=names[0] if names else None)

    def entry(self) -> Entry:
        """The entry of ``claims.json``, judged from the evidence."""
        judgement = judge(self.claim["kind"], self.claim["enough"], self.evidence, self.control)
        if self.reasons:
            judgement = Judgement(Verdict.UNDECIDED, min(self.reasons))
        return {
            **self.claim,
            **outcome(judgement, self.evidence, self.control, self.control_statement),
            "certificate": self.certificate,
            "seeds": sorted(self.seeds),
            "seconds": self.seconds,
        }


def _example(entry: Mapping[str, Any]) -> Any:
    """The counterexample, or else the tightest example; of a tendency, how its pairs came out."""
    if entry["kind"] == "tendency":
        return entry["examples"]["successes"], entry["examples"]["failures"]
    return entry["counterexample"] or entry["tightest"]


def merge(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One report from several, each as read by `load`; claims that some lack are kept.

    Raises:
        InputError: when the reports cannot be combined, naming the claim and the difference.
    """
    described: list[Mapping[str, Any]] = []
    parts: dict[str, Part] = {}
    for document in documents:
        described += reports.runs(document)
        for entry in document["claims"]:
            part = Part.from_entry(entry)
            known = parts.get(entry["id"])
            parts[entry["id"]] = part if known is None else known + part
    images = sorted({str(run["images"]) for run in described})
    if len(images) > 1:
        raise InputError(
            f"the runs trained on different images, {' and '.join(images)};"
            " merge runs on the same images"
        )
    return {
        "schema_version": reports.SCHEMA_VERSION,
        "run": {"merged": sorted(described, key=lambda run: json.dumps(run, sort_keys=True))},
        "claims": [parts[name].entry() for name in sorted(parts)],
    }


def load(run: Path) -> tuple[Path, dict[str, Any]]:
    """The folder and the report of a run, given its folder or its ``claims.json``.

    Raises:
        InputError: when there is no report, or none that can be merged.
    """
    path = run / "claims.json" if run.is_dir() else run
    document = reports.load_report(path)
    try:
        return path.parent, merge([document])
    except InputError as error:
        raise InputError(f"report {path}: {error}") from error


def certificates(
    merged: Mapping[str, Any], reports: Sequence[tuple[Path, Mapping[str, Any]]]
) -> dict[str, str]:
    """The certificates that a merged report names: text by file name.

    Each is the file that belongs to the counterexample or tightest example shown, from the folder
    of a run that found it; of several the first in the order of their texts.

    Raises:
        InputError: when a run lacks a certificate that its report names.
    """
    texts: dict[str, str] = {}
    for entry in merged["claims"]:
        name = entry["certificate"]
        if name is None:
            continue
        texts[name] = min(
            _read_certificate(folder / name)
            for folder, document in reports
            for one in document["claims"]
            if one["certificate"] == name and _example(one) == _example(entry)
        )
    return texts


def _read_certificate(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"certificate {path} cannot be read: {reason}; copy the whole folder of the run"
        ) from error


def _check(entry: Entry) -> None:
    """Raise where the fields that are neither evidence nor time are not what they should be."""
    texts = [entry[field] for field in ("id", "title", "statement", "description", "reason")]
    texts += [entry["control"]["statement"], *entry["hypotheses"]]
    for source in entry["sources"]:
        texts += [source["paper"], source["title"], source["authors"], source["place"]]
        texts.append(str(source["year"]))
    if not all(isinstance(text, str) for text in texts):
        raise InputError("its description is no text")
    if not is_claim_id(entry["id"]) or entry["kind"] not in KINDS:
        raise InputError("no claim has such an id or kind")
    if not all(type(number) is int for number in (entry["enough"], *entry["seeds"])):
        raise InputError("a seed or the number of examples needed is no integer")
    if entry["certificate"] not in (None, f"certificates/{entry['id']}.json"):
        raise InputError(f"its certificate is named {entry['certificate']!r}")
