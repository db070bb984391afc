"""Dependencies: which claims the printed proofs of others use, and how far an error reaches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from theorycheck.claims.entries import Entry


@dataclass(frozen=True)
class Dependencies:
    """What rests on what, among the claims of one report.

    Attributes:
        entries: by id, in the order of the report.
        users: ids of the claims whose printed proofs use a claim, by its id.
    """

    entries: Mapping[str, Entry]
    users: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Dependencies:
        """Of all claims of a report."""
        known = {entry.id: entry for entry in entries}
        users: dict[str, tuple[str, ...]] = {}
        for entry in known.values():
            for used in dict.fromkeys(entry.rests_on):
                users[used] = (*users.get(used, ()), entry.id)
        return cls(known, users)

    def reach(self, claim: str) -> list[list[Entry]]:
        """What rests on a claim: first what uses it itself, then what uses that, and so on.

        Each claim stands where it is reached first; circles end.
        """
        seen, layers = {claim}, []
        layer = [claim]
        while layer:
            found = dict.fromkeys(user for one in layer for user in self.users.get(one, ()))
            layer = [user for user in found if user not in seen]
            seen.update(layer)
            if layer:
                layers.append([self.entries[user] for user in layer])
        return layers

    def size(self, claim: str) -> int:
        """How many claims rest on a claim."""
        return sum(map(len, self.reach(claim)))

    def surviving(self, claim: str) -> int:
        """How many of them pass, whatever is wrong with the claim: each was checked by itself."""
        return sum(user.verdict.passes for layer in self.reach(claim) for user in layer)


def by_fate(
    layer: Iterable[Entry], corrected: Mapping[str, Sequence[Entry]]
) -> dict[str, list[Entry]]:
    """Claims that rest on an error by what became of them, in words.

    Args:
        corrected: the corrected forms that there are, by the claim that they correct.
    """
    found: dict[str, list[Entry]] = {}
    for user in layer:
        found.setdefault(fate(user, corrected.get(user.id, ())), []).append(user)
    return found


def fate(user: Entry, corrected: Sequence[Entry]) -> str:
    """What became of a claim whose printed proof rests on an error, in words.

    Args:
        corrected: its own corrected forms.
    """
    if user.verdict.passes:
        return f"survives: {'proved' if user.verdict == 'proved' else 'holds'} by itself"
    if user.verdict != "refuted":
        return user.verdict.value
    if corrected and all(form.verdict.passes for form in corrected):
        return f"refuted as well; its corrected form{'s hold' if corrected[1:] else ' holds'}"
    return "refuted as well"
