"""Ranks as values of formulas: known, or within bounds."""

from __future__ import annotations

from collections.abc import Sequence


class Rank(int):
    """The rank of a matrix; ``largest`` is the highest that its shape allows."""

    largest: int

    @classmethod
    def of(cls, rank: int, shape: Sequence[int]) -> Rank:
        """A rank of a matrix of some shape."""
        found = cls(rank)
        found.largest = min(shape)
        return found


class RankBounds:
    """A rank that balls determine only between two bounds, the upper one that of the shape."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    @property
    def largest(self) -> int:
        """The highest rank that the shape of the matrix allows."""
        return self.most
