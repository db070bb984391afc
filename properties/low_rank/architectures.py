"""The architectures of galanti2022, Section 4.1, small, on the data of the protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

import theorycheck as tc
from properties.low_rank.protocol import CLASSES, DATA, INPUT_WIDTH, WIDTH, Rank, excluded, networks
from theorycheck.networks import Normalisation


def populations(network: tc.Network) -> Mapping[str, tc.Population]:
    """The protocol's experiment with another network."""

    def start(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
        state = tc.State(tc.initialise(network, len(seeds), seed=seeds[0]))
        return replace(networks(setting, seeds), network=network, start=state)

    return {DATA: tc.Population(start)}


def residual(blocks: int, normalisation: Normalisation) -> tc.Network:
    """A linear layer, blocks ``z + sigma(n(W_2 sigma(n(W_1 z))))``, a linear layer."""
    layers = [tc.Layer(WIDTH, (tc.Edge(0),), tc.LINEAR)]
    for _ in range(blocks):
        start = len(layers)
        sides = (tc.Edge(start, tc.Identity()), tc.Edge(start + 2, tc.Identity()))
        layers += [
            tc.Layer(WIDTH, (tc.Edge(start),), tc.RELU, normalisation),
            tc.Layer(WIDTH, (tc.Edge(start + 1),), tc.RELU, normalisation),
            tc.Layer(WIDTH, sides, tc.LINEAR),
        ]
    layers.append(tc.Layer(CLASSES, (tc.Edge(len(layers)),), tc.LINEAR))
    return tc.Network(INPUT_WIDTH, tuple(layers))


def ranks(rank: Rank, trained: tc.Trained) -> Tensor:
    """Of all weight matrices, in the order of the layers: ``(matrices, K)``."""
    network, parameters = trained.cohort.network, trained.cohort.state.parameters
    return torch.stack([rank(parameters[k].cpu()).double() for k in network.weights])


def lower_mean(
    rank: Rank, first: tc.Recipe, second: tc.Recipe, words: str, network: tc.Network
) -> tc.Comparison:
    """Is the mean rank after the first recipe lower than after the second?"""
    after = tc.between(lambda trained: ranks(rank, trained).mean(dim=0))
    effect = "rank after the first recipe / rank after the second"
    return tc.Comparison(words, populations(network), (first, second), after, "<", effect, excluded)
