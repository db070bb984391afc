"""What a run tells the property that it checks, and how much it tries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DRAWN = 20
"""How many examples of a search the kernel is asked about."""


@dataclass(frozen=True)
class Profile:
    """How much is tried; never how long it may take, so that no verdict depends on speed."""

    name: str
    effort: float
    """Factor on the number of examples of every claim."""
    cross_examined: int = DRAWN
    """How many of a claim's examples the kernel is asked about, at most."""
    strengths: bool = True
    """Whether claims are also read at the wider family of cases, and those that pass are settled,
    and some of their mutants tried."""


PROFILES: dict[str, Profile] = {
    "quick": Profile("quick", 0.25, cross_examined=2, strengths=False),
    "default": Profile("default", 1.0),
    "deep": Profile("deep", 10.0),
    "explore": Profile("explore", 1.0),
}


@dataclass(frozen=True)
class Setting:
    """What a property may ask about the run that it is part of.

    Attributes:
        altered: check the control, the deliberately false neighbour, instead of the claim.
        replayed: the example is that of a certificate, which is checked as it is: not trained.
        positive: check the positive control of a tendency, which is true, instead of the claim.
        device: name of the torch device that trainings run on.
        images: the image data that claims on real data train on (`theorycheck.data.images`).
        seed: derived from the run's seed and the claim's id; all bulk randomness comes from it.
        effort: the profile's factor.
        pairs: of the control of a tendency, how many it needs in each population at least.
        trained: what the run has trained (`theorycheck.claims.trainings`).
    """

    altered: bool = False
    replayed: bool = False
    positive: bool = False
    device: str = "cpu"
    images: str = "digits"
    seed: int = 0
    effort: float = 1.0
    pairs: Mapping[str, int] = field(default_factory=dict, hash=False)
    trained: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def scaled(self, count: int) -> int:
        """A number of examples, scaled by the profile."""
        return max(1, round(count * self.effort))
