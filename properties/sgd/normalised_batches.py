"""Batches on which networks with batch normalisation are rational."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc


@st.composite
def normalised_batches(draw: st.DrawFn) -> tc.Case:
    """One batch of all samples; the first layer is normalised, the variance detached."""
    case = draw(tc.rational_batches(tc.mlps(depths=(2, 3), widths=(1, 3)), "batch-detached"))
    labels = st.lists(st.integers(-2, 2), min_size=case.samples, max_size=case.samples)
    numbers = {"weight_decay": draw(tc.positive_dyadics()), "batch_size": Fraction(case.samples)}
    return tc.away_from_kinks(
        replace(case, targets=np.array(draw(labels), float).reshape(1, -1, 1), numbers=numbers)
    )
