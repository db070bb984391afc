"""Replaying: the example of a certificate, once more with the full engine."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from theorycheck import reports
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.declaration import Claim
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Observation
from theorycheck.claims.search import replay, search
from theorycheck.claims.setting import Setting
from theorycheck.claims.verdicts import contradicted
from theorycheck.errors import InputError

SNIPPET = """\
import json
from pathlib import Path

import {module} as subject
from hypothesis import Phase, example, given, settings
from theorycheck.arithmetic import Case
from theorycheck.claims import Setting, first_violation

CASE = Case.from_dict(json.loads(Path({path!r}).read_text())["case"])


@settings(phases=[Phase.explicit], deadline=None)  # without it, Hypothesis searches as well
@given(**subject.{name}.on)
@example(case=CASE)
def test_{name}(case):
    assert first_violation(subject.{name}, Setting(replayed=True), {{"case": case}}) is None
"""
"""Does not name the claim itself, which the plugin would collect, and examine anew."""


def replay_certificate(path: Path, claims: Iterable[Claim]) -> tuple[list[str], bool]:
    """Run the claim's property on the example of a certificate; of a tendency, train anew.

    Args:
        claims: among which that of the certificate is found.

    Returns:
        What to print: the example as matrices, what the engine finds, and a test that repeats it;
        and whether the engine finds what the certificate says.

    Raises:
        InputError: when the certificate is rejected, its claim is not among those given, or its
            statement is not the one that the claim has now.
    """
    document = certificates.load(path)
    claim = next((claim for claim in claims if claim.id == document["claim"]), None)
    if claim is None:
        raise InputError(
            f"certificate {path}: no claim {document['claim']} is found here; name the folder of"
            " the claims with --path"
        )
    if document["version"] != certificates.statement_version(claim):
        raise InputError(
            f"certificate {path}: the statement of {claim.id} has changed since; run the claims"
            " again, and `theorycheck gate --accept` replaces the certificate"
        )
    if claim.kind == "tendency":
        return _tendency(claim, document)
    try:
        case = Case.from_dict(document["case"])
    except InputError as error:
        raise InputError(
            f"certificate {path}: the engine reads no such example: {error}"
        ) from error
    found = _found(claim, case)
    reproduced = isinstance(found, Evidence) and _reproduces(document["shows"], found)
    return list(_lines(path, claim, document, found, reproduced)), reproduced


def _found(claim: Claim, case: Case) -> Evidence | Exception:
    """What the property yields at a case; it may never have been meant for one like this."""
    try:
        return replay(claim, Setting(), case)
    except Exception as error:
        return error


def _tendency(claim: Claim, document: Mapping[str, Any]) -> tuple[list[str], bool]:
    """What the pairs of the certificate decide, and those that are trained anew."""
    counted = certificates.counted_pairs(document["case"]["numbers"])
    setting = Setting(seed=claim.seed(0, altered=False))
    could = replace(setting, positive=True, seed=claim.seed(0, altered=False, positive=True))
    trained = search(claim, setting).strata, search(claim, could).strata
    lines, decided = [f"{claim.id}: {claim.title}", ""], []
    for source, pairs in (("the certificate", counted), ("trained anew", trained)):
        strata, positive = pairs
        for name, stratum in strata.items():
            shown = positive.get(name)
            beside = "none" if shown is None else f"{shown.successes} of {shown.pairs}"
            lines.append(
                f"{source}, {name}: {stratum.successes} of {stratum.pairs} pairs show it, of the"
                f" positive control {beside}"
            )
        decided.append(bool(contradicted(strata, positive)))
        lines.append(f"{source}: {'' if decided[-1] else 'not '}contradicted")
    lines += ["", f"pytest {_where(claim)} --claims {claim.id}"]
    return lines, all(one is (document["shows"] == "refuted") for one in decided)


def _reproduces(shows: str, evidence: Evidence) -> bool:
    if shows == "refuted":
        return evidence.counterexample is not None
    return evidence.counterexample is None and evidence.met > 0


def _lines(
    path: Path,
    claim: Claim,
    document: Mapping[str, Any],
    evidence: Evidence | Exception,
    reproduced: bool,
) -> Iterator[str]:
    yield f"{claim.id}: {claim.title}"
    yield ""
    yield from reports.case_lines(document["case"])
    yield ""
    if isinstance(evidence, Exception):
        yield f"the engine fails: {type(evidence).__name__}: {str(evidence).partition(chr(10))[0]}"
    else:
        yield f"the engine finds: {_shown(evidence.counterexample or evidence.tightest)}"
    if not reproduced:
        yield f"which is NOT what the certificate says ({document['shows']})"
    yield ""
    yield f"pytest {_where(claim)} --claims {claim.id}"
    yield ""
    module = claim.place.module
    yield from SNIPPET.format(module=module, name=_name(claim), path=str(path)).splitlines()


def _shown(found: Observation | None) -> str:
    if found is None:
        return "nothing"
    truth = {True: "holds", False: "is false", None: "is left open"}[found.holds]
    note = "" if found.note is None else f"; {found.note}"
    return f"{found.left} {found.relation} {found.right} {truth} ({found.arithmetic}{note})"


def _where(claim: Claim) -> str:
    path = Path(claim.place.path)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _name(claim: Claim) -> str:
    """The name under which the claim's module holds it."""
    members = vars(sys.modules[claim.place.module])
    return next(name for name, value in members.items() if value is claim)
