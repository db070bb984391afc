"""Legality: what a program does to memory, verified by the table of operations before it runs.

The verifier reads records as the driver runs them, section by section, and asks of each whether

- its operands fit one another, and every region that it touches lies in one place of the arena, or
  of the memory outside that it is meant for, aligned where vectors are loaded;
- nothing that it writes overlaps what else it touches, unless the table allows that;
- regions of the whole program hold one another or are apart;
- every place is written anew by one operation only, besides what members bring with them;
- what members bring with them and changes goes back to where it came from;
- what it reads was written before, by itself or whatever ran earlier, since members came in;
- in one run of a section, it changes nothing that has been read already, unless it writes it anew
  or is the last to change it, reads nothing that has had its last change, and writes nothing anew
  that another operation has written and nobody has read.

That is a matter of places alone: which numbers are in them does not count.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import reduce
from itertools import accumulate, chain, pairwise, product
from operator import or_
from typing import NamedTuple

from theorycheck.training.compiled.operations.effects import ARENA, Region, Unfit
from theorycheck.training.compiled.operations.table import OPERATIONS, Access
from theorycheck.training.compiled.records import Listing


class IllegalProgram(AssertionError):
    """A program that would touch memory as it must not: a fault of theorycheck, not of its user."""


def verify(listing: Listing) -> None:
    """Verify a program.

    Raises:
        IllegalProgram: naming the operation, its operand and the place.
    """
    verifier = _Verifier(listing)
    verifier.check_nesting()
    verifier.check_writers()
    verifier.check_return()
    for course in listing.courses:
        verifier.check_course(course)


class _Use(NamedTuple):
    """An access with the region from ``start`` to ``stop``, counted through all memories."""

    access: Access
    start: int
    stop: int


class _Marks(NamedTuple):
    """What a record touches, one bit for each stretch of memory that is nowhere cut."""

    needs: int
    """What it reads, and what it changes: updates and moves."""
    reads: int
    updates: tuple[int, ...]
    """One by one."""
    moves: int
    writes: int
    spoils: int


class _Verifier:
    def __init__(self, listing: Listing) -> None:
        self.listing, surroundings = listing, listing.surroundings
        self._check_places()
        lengths = (memory.length for memory in surroundings.memories)
        self.origins = list(accumulate(lengths, initial=listing.size))
        """Where memories outside begin when they are counted on after the arena."""
        self.starts = [start for start, _ in listing.places]
        numbered = enumerate(listing.sections)
        self.section_of = {index: n for n, section in numbered for index in section.records}
        self.uses = [self._uses(index) for index in range(len(listing.records))]
        for index, uses in enumerate(self.uses):
            self._check_overlaps(index, uses)
        regions = [(use.start, use.stop) for uses in self.uses for use in uses]
        ends = {*chain.from_iterable((*regions, *listing.places, *self._outside))}
        self.bit = {end: bit for bit, end in enumerate(sorted(ends))}
        self.marks = [self._marks(uses) for uses in self.uses]

    @property
    def _outside(self) -> list[tuple[int, int]]:
        return list(pairwise(self.origins))

    def _fail(self, index: int, text: str) -> IllegalProgram:
        operation = self.listing.records[index].operation
        section = self.listing.sections[self.section_of[index]].name
        return IllegalProgram(f"{operation} in section {section}: {text}")

    def _check_places(self) -> None:
        """Places are apart, in the order of their beginnings, and end inside the arena."""
        ends = 0
        for start, stop in self.listing.places:
            if start < ends:
                raise IllegalProgram(f"the place [{start}, {stop}) begins before {ends}")
            ends = stop
        if ends > self.listing.size:
            raise IllegalProgram(f"places end at {ends}, the arena at {self.listing.size}")

    # --- One record

    def _uses(self, index: int) -> list[_Use]:
        record, surroundings = self.listing.records[index], self.listing.surroundings
        section = self.listing.sections[self.section_of[index]]
        if record.operation not in OPERATIONS:
            raise self._fail(index, "no such operation")
        try:
            accesses = OPERATIONS[record.operation].accesses(
                record.operands, surroundings._replace(updates=section.updates)
            )
        except Unfit as error:
            raise self._fail(index, str(error)) from error
        uses = []
        for access in accesses:
            region = access.region
            origin = 0 if region.memory == ARENA else self.origins[region.memory]
            use = _Use(access, origin + region.start, origin + region.start + region.size)
            if not self._inside(region):
                raise self._fail(index, f"{_named(use)} is in no place")
            if region.aligned and region.start % surroundings.lanes:
                raise self._fail(index, f"{_named(use)} is not aligned")
            uses.append(use)
        return uses

    def _inside(self, region: Region) -> bool:
        stop = region.start + region.size
        if region.memory != ARENA:
            return stop <= self.listing.surroundings.memories[region.memory].length
        place = bisect_right(self.starts, region.start) - 1
        return place >= 0 and stop <= self.listing.places[place][1]

    def _check_overlaps(self, index: int, uses: list[_Use]) -> None:
        same = OPERATIONS[self.listing.records[index].operation].same
        for use in uses:
            if use.access.action == "reads":
                continue
            for other in uses:
                operands = use.access.operand, other.access.operand
                if operands[0] == operands[1] or not _overlap(use, other):
                    continue
                alike = use[1:] == other[1:] and {*operands} == {*same}
                if not alike:
                    raise self._fail(index, f"{_named(use)} overlaps {_named(other)}")

    def _marks(self, uses: list[_Use]) -> _Marks:
        marks = dict.fromkeys(("needs", "reads", "moves", "writes", "spoils"), 0)
        updates = []
        for use in uses:
            bits, action = self._bits(use), use.access.action
            if action == "updates":
                updates.append(bits)
            else:
                marks[action] |= bits
            if action in ("reads", "updates", "moves"):
                marks["needs"] |= bits
        return _Marks(updates=tuple(updates), **marks)

    def _bits(self, use: _Use) -> int:
        return (1 << self.bit[use.stop]) - (1 << self.bit[use.start])

    # --- All records

    def check_nesting(self) -> None:
        """Regions that overlap hold one another."""
        found = {(use.start, use.stop): i for i, uses in enumerate(self.uses) for use in uses}
        around: list[tuple[int, int]] = []
        for start, stop in sorted(found, key=lambda pair: (pair[0], -pair[1])):
            while around and around[-1][1] <= start:
                around.pop()
            if around and around[-1][1] < stop:
                other = self.listing.records[found[around[-1]]].operation
                text = f"[{start}, {stop}) overlaps {list(around[-1])} of {other} in part"
                raise self._fail(found[start, stop], text)
            around.append((start, stop))

    def check_writers(self) -> None:
        """Places are written anew by one operation only, besides what enters the arena."""
        taken, own = 0, dict[tuple[str, int], int]()
        for index, uses in enumerate(self.uses):
            if self.section_of[index] == 0:
                continue
            for use in uses:
                bits = self._bits(use)
                if use.access.action != "writes" or bits & self.marks[index].reads:
                    continue
                key = self.listing.records[index].operation, use.start
                if bits & taken & ~own.get(key, 0):
                    raise self._fail(index, f"{_named(use)} has another writer")
                taken, own[key] = taken | bits, own.get(key, 0) | bits

    def check_return(self) -> None:
        """What the first section fetches from outside is taken back there if it changes."""
        changed, returned = self._changed_and_returned()
        for index in self.listing.sections[0].records:
            fetched = [u for u in self.uses[index] if u.access.region.memory != ARENA]
            placed = [u for u in self.uses[index] if u.access.action == "writes"]
            for row, use in product(fetched, placed):
                if self._bits(use) & changed and (use.start, row.start, row.stop) not in returned:
                    raise self._fail(index, f"{_named(use)} changes, but does not go back")

    def _changed_and_returned(self) -> tuple[int, set[tuple[int, int, int]]]:
        """What sections after the first one change; which place is taken to which region."""
        changed = 0
        returned: set[tuple[int, int, int]] = set()
        for index, uses in enumerate(self.uses):
            if self.section_of[index]:
                marks = self.marks[index]
                changed |= reduce(or_, marks.updates, marks.writes | marks.moves)
                read = [use.start for use in uses if use.access.action == "reads"]
                written = [(u.start, u.stop) for u in uses if u.access.action == "writes"]
                returned.update((place, *row) for place, row in product(read, written))
        return changed, returned

    def check_course(self, course: tuple[int, ...]) -> None:
        """What is read has been written, and is what it should be, one section after the other."""
        given = [p for p in self.listing.places if p[0] in self.listing.given]
        written = 0
        for start, stop in (*given, *self._outside):
            written |= (1 << self.bit[stop]) - (1 << self.bit[start])
        for number in course:
            read = moved = 0
            unread: dict[int, int] = {}
            for index in self.listing.sections[number].records:
                marks = self.marks[index]
                self._refuse(index, marks.needs & ~written, "is read before it is written")
                self._refuse(index, marks.needs & moved, "has had its last change before")
                for bits in marks.updates:
                    # Padding may have been read: it stays what it is.
                    late = 0 if bits & ~read else bits
                    self._refuse(index, late, "changes after it has been read")
                self._check_overwriting(index, unread)
                written = (written | marks.writes) & ~marks.spoils
                read = (read | marks.reads) & ~marks.writes
                moved = (moved | marks.moves) & ~marks.writes

    def _check_overwriting(self, index: int, unread: dict[int, int]) -> None:
        """What another record has written is overwritten only after it has been read.

        Args:
            unread: by record, what it has written in this run and nobody has read; to be changed.
        """
        marks = self.marks[index]
        for other, bits in list(unread.items()):
            rest = bits & ~marks.needs
            if rest & marks.writes and other != index:
                name = self.listing.records[other].operation
                raise self._fail(index, f"overwrites what {name} has written and nobody has read")
            if rest:
                unread[other] = rest
            else:
                del unread[other]
        if marks.writes:
            unread[index] = marks.writes

    def _refuse(self, index: int, bits: int, reason: str) -> None:
        """Refuse a record for the bits that it must not use as it does."""
        if not bits:
            return
        for use in self.uses[index]:
            if self._bits(use) & bits and use.access.action not in ("writes", "spoils"):
                raise self._fail(index, f"{_named(use)} {reason}")


def _named(use: _Use) -> str:
    return f"{use.access.operand} [{use.start}, {use.stop})"


def _overlap(one: _Use, other: _Use) -> bool:
    return one.start < other.stop and other.start < one.stop
