"""Claims of papers, the evidence for and against them, and their verdicts.

What a property needs to state a claim and to yield what it finds is here.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theorycheck.claims.comparisons import (
        equality,
        inequality,
        number_text,
        rank_at_most,
    )
    from theorycheck.claims.declaration import (
        KINDS,
        Assumption,
        Claim,
        Convention,
        Formal,
        Hypothesis,
        Kind,
        Paper,
        Place,
        Source,
        claim,
    )
    from theorycheck.claims.entries import Control, Description, Entry, Examination, Reference
    from theorycheck.claims.evidence import Evidence
    from theorycheck.claims.examination import examine
    from theorycheck.claims.experiments import (
        Comparison,
        Exclusions,
        Followed,
        between,
        either_half,
        experiment_claim,
        halves,
    )
    from theorycheck.claims.families import Altered, Family, Parts, altered, stated
    from theorycheck.claims.findings import (
        Finding,
        Findings,
        Observation,
        Pair,
        Rejection,
        Traced,
        Unmet,
    )
    from theorycheck.claims.outcomes import Example, Examples, Miss, Outcome, Stratum
    from theorycheck.claims.search import first_violation
    from theorycheck.claims.sequential import TENDENCY, Tendency, pairs_needed
    from theorycheck.claims.setting import PROFILES, Profile, Setting
    from theorycheck.claims.strengths import Level, Strength
    from theorycheck.claims.trainings import Population
    from theorycheck.claims.trajectories import Observing, trained_by
    from theorycheck.claims.verdicts import Judgement, Verdict, judge
    from theorycheck.claims.versions import version_of
else:
    from theorycheck._lazy import attach

    __getattr__, __dir__, __all__ = attach(__name__)
