"""Families of networks to draw from, what is reached, and where shrinking ends."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar

import hypothesis
import numpy as np
from hypothesis import Phase
from hypothesis import strategies as st

from theorycheck import drawing
from theorycheck.arithmetic.cases import Case
from theorycheck.networks.evaluation import forward
from theorycheck.networks.specification import Network

Drawn = TypeVar("Drawn")

FAMILIES: dict[str, st.SearchStrategy[Network]] = {
    "mlps": drawing.mlps(outputs=(1, 3)),
    "mlps with biases": drawing.mlps(depths=(2, 3), bias=True),
    "convolutional": drawing.convolutional_networks(outputs=(1, 3)),
    "graphs": drawing.directed_graphs(outputs=(1, 3)),
    "residual": drawing.residual_networks(outputs=(1, 3)),
    "homogeneous": drawing.homogeneous_networks(outputs=(1, 3)),
    "normalised": drawing.batch_normalised(drawing.mlps(depths=(2, 4)), "batch"),
    "detached": drawing.batch_normalised(drawing.residual_networks(), "batch-detached"),
}


def reached(strategy: st.SearchStrategy[Drawn], corner: Callable[[Drawn], bool]) -> Drawn:
    """Something that the strategy draws within some hundred attempts; fails if there is nothing."""
    settings = hypothesis.settings(max_examples=500, phases=[Phase.generate], database=None)
    return hypothesis.find(strategy, corner, settings=settings, random=Random(0))


def smallest(strategy: st.SearchStrategy[Drawn], wanted: Callable[[Drawn], bool]) -> Drawn:
    """Where shrinking ends."""
    settings = hypothesis.settings(max_examples=2000, database=None)
    return hypothesis.find(strategy, wanted, settings=settings, random=Random(0))


few = hypothesis.settings(max_examples=40, derandomize=True, database=None, deadline=None)


def slopes(network: Network) -> set[float]:
    return {layer.slope for layer in network.layers[:-1]}


def skips(network: Network) -> set[type]:
    """Kinds of the edges that pass over a layer."""
    return {
        type(edge.map)
        for before, layer in enumerate(network.layers)
        for edge in layer.edges
        if edge.source < before
    }


def outputs(case: Case) -> np.ndarray:
    return forward(case.network, *case.tensors()).numpy()
