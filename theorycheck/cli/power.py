"""Measuring the power of the checks: all mutants of all claims that pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from theorycheck.claims.declaration import Claim
from theorycheck.claims.outcomes import Fate
from theorycheck.errors import InputError
from theorycheck.pytest_plugin.collecting import claims_by_id, claims_of_worker
from theorycheck.reports.baseline import Baseline
from theorycheck.reports.documents import dumps, write_atomically
from theorycheck.reports.power import FILE, NONE, Mutated, Power, Powers, beside, formula_digest


@dataclass(frozen=True)
class Measured:
    """The power of one check, and how many seconds each of its mutants took."""

    power: Power
    seconds: tuple[float, ...]

    def lines(self) -> Iterator[str]:
        """What the command prints of one claim."""
        power = self.power
        without = f", {power.without_value} without a value" if power.without_value else ""
        yield (
            f"{power.claim}: refuted {power.refuted} of {power.false} false neighbours;"
            f" {len(power.true)} are true{without}"
        )
        for survivor in power.survived:
            yield f"  survived: {survivor.change}: {survivor.words} ({survivor.reason})"


def chosen(
    paths: tuple[str, ...], record: Baseline, only: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Claims that pass, by whether a formula states them or not.

    Args:
        only: their ids; all that pass by default.

    Raises:
        InputError: for a claim that is unknown, or is not on record as passing.
    """
    claims = claims_by_id(paths)
    passing = [name for name in sorted(claims) if record.passes(name)]
    for name in only:
        if name not in claims:
            raise InputError(record.unknown([name]))
        if name not in passing:
            raise InputError(f"claim {name!r} is not on record as passing: it has no power")
    wanted = [name for name in passing if name in only or not only]
    stated = [name for name in wanted if is_stated(claims[name])]
    return stated, [name for name in wanted if name not in stated]


def is_stated(claim: Claim) -> bool:
    """Whether a claim is checked by reading its formula, so that mutants can be read likewise."""
    return claim.formal is not None and claim.written is not None


def measured(
    paths: tuple[str, ...], names: Sequence[str], seed: int, workers: int
) -> Iterator[Measured]:
    """The power of the checks of claims, in their order."""
    with ProcessPoolExecutor(workers) as executor:
        found = [executor.submit(_measured, paths, name, seed) for name in names]
        for each in found:
            yield each.result()


def _measured(paths: tuple[str, ...], name: str, seed: int) -> Measured:
    import torch

    from theorycheck.claims.power import neighbours
    from theorycheck.statements.mutants import mutants

    torch.set_num_threads(1)
    claim = claims_of_worker(paths)[name]
    assert claim.formal is not None
    made = mutants(claim.formal.statement)
    found = neighbours(claim, made, seed)

    def of(fate: Fate) -> tuple[Mutated, ...]:
        return tuple(
            Mutated(change=one.mutant.change, words=one.mutant.words, reason=one.reason)
            for one in found
            if one.fate is fate
        )

    power = Power(
        claim=name,
        formula=formula_digest(name, claim.formal.lines()),
        refuted=len(of(Fate.REFUTED)),
        true=of(Fate.TRUE),
        survived=of(Fate.SURVIVED),
        without_value=len(made) - len(found),
    )
    return Measured(power, tuple(one.seconds for one in found))


def summary(found: Sequence[Measured], without_formula: Sequence[str]) -> Iterator[str]:
    """The last lines that the command prints."""
    if without_formula:
        yield f"no formula, and so no mutants: {', '.join(without_formula)}"
    powers = [one.power for one in found]
    seconds = [time for one in found for time in one.seconds]
    made, survived = sum(p.made for p in powers), sum(len(p.survived) for p in powers)
    counts: Mapping[str, int] = {
        "refuted": sum(p.refuted for p in powers),
        "true": sum(len(p.true) for p in powers),
        "survived": survived,
    }
    share = f" ({1 - survived / made:.1%} refuted or true)" if made else ""
    yield (
        f"{made} mutants of {len(powers)} claims: "
        + ", ".join(f"{count} {name}" for name, count in counts.items())
        + share
    )
    if seconds:
        yield f"{median(seconds):.3f} s each (median), {max(seconds):.1f} s at most"


def known_before(folder: Path, only: Sequence[str], seed: int, record: Baseline) -> Powers:
    """What ``power.json`` of a folder holds of this seed, until it is measured anew.

    Of claims that are gone, or pass no longer, nothing is kept.

    Raises:
        InputError: where only some claims are measured: when that is from another seed, and as
            `theorycheck.reports.power.beside`.
    """
    try:
        known = beside(folder)
    except InputError:
        if only:
            raise
        return NONE
    if known.claims and known.seed != seed:
        if not only:
            return NONE
        raise InputError(
            f"{folder / FILE} is from seed {known.seed}: give --seed {known.seed}, or no ids"
        )
    return replace(
        known,
        claims=tuple(power for power in known.claims if record.passes(power.claim)),
        without_formula=tuple(filter(record.passes, known.without_formula)),
    )


def write(
    place: Path, found: Sequence[Measured], without: Sequence[str], seed: int, others: Powers
) -> None:
    """Write ``power.json``, with what is known of other claims.

    Args:
        without: claims that pass and have no formula.
    """
    powers = {power.claim: power for power in others.claims}
    powers |= {one.power.claim: one.power for one in found}
    document = Powers(
        seed=seed,
        claims=tuple(power for _, power in sorted(powers.items())),
        without_formula=tuple(sorted({*others.without_formula, *without} - powers.keys())),
    ).document()
    write_atomically(place, dumps(document))
