"""Entries: all that a report holds on one claim, one object from the examination to the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from msgspec import to_builtins

from theorycheck.claims.declaration import Claim, Kind, is_claim_id
from theorycheck.claims.outcomes import Count, Fate, Outcome
from theorycheck.claims.strengths import Level, Strength
from theorycheck.claims.verdicts import Verdict


def certificate_name(claim: str) -> str:
    """Where the certificate of a claim lies, within the folder of a report or a record."""
    return f"certificates/{claim}.json"


def proof_name(claim: str) -> str:
    """Where the proof of a claim lies, within the same folders (`theorycheck.claims.proofs`)."""
    return f"certificates/{claim}.proof.json"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Where a claim is printed: key, title, authors and year of the paper, and the place in it."""

    paper: str
    title: str
    authors: str
    year: int
    place: str


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is claimed; evidence on different claims does not add up.

    Attributes are those of `theorycheck.claims.Claim`, ``description`` being its docstring,
    ``formula`` its formal statement, in lines, ``module`` the module that states it,
    ``version`` the digests of the parts that a reader relies on (`theorycheck.claims.version_of`),
    and ``formal_version`` the digest of its formal statement, None where there is none.
    """

    id: str
    title: str
    kind: Kind
    sources: tuple[Reference, ...]
    statement: str
    description: str
    hypotheses: tuple[str, ...]
    formula: tuple[str, ...]
    corrects: str | None
    enough: Count
    version: dict[str, str]
    formal_version: str | None
    module: str = ""
    rests_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not is_claim_id(self.id):
            raise ValueError(f"no claim has the id {self.id!r}")

    @classmethod
    def of(cls, claim: Claim, version: dict[str, str], formal_version: str | None) -> Description:
        """The description of a claim. Its versions are given, as making them needs the engine."""
        return cls(
            id=claim.id,
            title=claim.title,
            kind=claim.kind,
            sources=tuple(
                Reference(
                    paper=source.paper.key,
                    title=source.paper.title,
                    authors=source.paper.authors,
                    year=source.paper.year,
                    place=source.place,
                )
                for source in claim.sources
            ),
            statement=claim.statement,
            description=claim.description,
            hypotheses=claim.hypotheses,
            formula=() if claim.formal is None else claim.formal.lines(),
            corrects=claim.corrects,
            enough=claim.enough,
            version=version,
            formal_version=formal_version,
            module=claim.module,
            rests_on=claim.rests_on,
        )


@dataclass(frozen=True, kw_only=True)
class _Stated:
    statement: str
    """What the control is, in words."""


@dataclass(frozen=True, kw_only=True)
class Control(Outcome, _Stated):
    """What the search found out on the false neighbour of a claim, or its positive control."""


@dataclass(frozen=True, kw_only=True)
class _Judged:
    verdict: Verdict
    reason: str


@dataclass(frozen=True, kw_only=True)
class Entry(Outcome, _Judged, Description):
    """A claim, its verdict, and what the verdict rests on.

    Attributes:
        strength: how far the verdict reaches; None unless it passes, and where nobody looked.
        positive: a setting in which a tendency is known to be true; None where there is none.
        certificate: name of the certificate of the example that is shown, within the report's
            folder; None where it has none.
        seeds: those of the runs that the evidence comes from; none where there is no evidence.
        neighbours: what became of a few false neighbours, by what is changed.
    """

    strength: Strength | None
    control: Control
    positive: Control | None
    certificate: str | None
    seeds: tuple[int, ...]
    neighbours: dict[str, Fate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Description.__post_init__(self)
        Outcome.__post_init__(self)
        if self.certificate not in (None, certificate_name(self.id)):
            raise ValueError(f"the certificate of {self.id} is named {self.certificate!r}")
        if self.certificate is not None and self.shown is None:
            raise ValueError(f"{self.id} has a certificate without an example")
        parts = [self, self.control, *filter(None, [self.positive])]
        if not (self.seeds or all(part.is_empty for part in parts)):
            raise ValueError(f"{self.id} has evidence without a seed")

    @property
    def shown(self) -> object:
        """What a certificate is about: the counterexample, or else the tightest example.

        Of a tendency, how its pairs came out, and those of its positive control.
        """
        if self.kind == "tendency":
            return self.examples.strata, self.positive and self.positive.examples.strata
        return self.counterexample or self.tightest

    @property
    def subject(self) -> str:
        """The folder of the module that states it, below that of all claims; empty for none."""
        return ".".join(self.module.split(".")[1:-1])

    @property
    def proof(self) -> str | None:
        """Name of its proof, which there is where it is true of all weights of architectures."""
        return proof_name(self.id) if self.level == "architectures" else None

    @property
    def level(self) -> Level | None:
        """The level of its strength."""
        return None if self.strength is None else self.strength.level

    def described(self) -> Mapping[str, Any]:
        """The fields of `Description`, by name."""
        return {part.name: getattr(self, part.name) for part in fields(Description)}

    def wording(self) -> tuple[str, ...]:
        """What is claimed, in lines, so that a record can show what changed."""
        printed = [f"{source.paper}, {source.place}" for source in self.sources]
        return (
            f"{self.kind}: {self.title}",
            *(f"printed in {place}" for place in printed),
            f"as {self.statement}",
            *(f"hypothesis: {hypothesis}" for hypothesis in self.hypotheses),
            *self.formula,
            f"control: {self.control.statement}",
            *([] if self.positive is None else [f"positive control: {self.positive.statement}"]),
            f"enough: {self.enough}",
            *([] if self.corrects is None else [f"corrects {self.corrects}"]),
        )

    def document(self) -> dict[str, Any]:
        """The entry as JSON holds it."""
        document: dict[str, Any] = to_builtins(self)
        return document


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What the examination of a claim leaves.

    Attributes:
        entry: for the report.
        certificate: the content of the certificate that the entry names, if it names one.
        proof: the content of the proof that it names, if it names one.
        notes: what went otherwise than planned, though not in the results.
        seconds: the time that it took.
    """

    entry: Entry
    certificate: dict[str, Any] | None = None
    proof: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def certificates(self) -> dict[str, dict[str, Any]]:
        """The contents of all that the entry names, by name."""
        named = {self.entry.certificate: self.certificate, self.entry.proof: self.proof}
        return {name: content for name, content in named.items() if name and content}
