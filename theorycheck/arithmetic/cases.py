"""Cases: the exact numbers that a claim is checked on, for one network or a stacked cohort."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from theorycheck.arithmetic.numbers import from_strings, rationals, to_fractions, to_strings
from theorycheck.errors import InputError
from theorycheck.networks.specification import Network, Parameters

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Case:
    """A network with exact weights, data and hyperparameters, for ``K`` members at once.

    Arrays hold float64 numbers, each of which is a rational; a number that no float represents
    (such as 4/3) is kept in an object array of `fractions.Fraction`.

    Attributes:
        parameters: one array per parameter of the network, ``(K, *shape)``.
        inputs: ``(K, N, d)``.
        targets: ``(K, N, C)``, or None where the claim needs no labels.
        numbers: named hyperparameters, shared by all members (weight decay, batch size, ...).

    Raises:
        InputError: when the arrays do not fit the network or one another.
    """

    network: Network
    parameters: tuple[np.ndarray, ...]
    inputs: np.ndarray
    targets: np.ndarray | None = None
    numbers: Mapping[str, Fraction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = [array.shape for array in (*self.parameters, self.inputs)]
        if self.inputs.ndim == 3 and self.inputs.size:
            members, samples, _ = self.inputs.shape
            expected = [(members, *p.shape) for p in self.network.parameters]
            expected.append((members, samples, self.network.input_width))
            fits = self.targets is None or self.targets.shape[:-1] == (members, samples)
            if shapes == expected and fits:
                return
        raise InputError(
            f"arrays of shapes {shapes} are no parameters and inputs of {self.network},"
            " or the targets do not match: stack one entry per member, sample and unit"
        )

    @property
    def by_name(self) -> dict[str, np.ndarray]:
        """The arrays of the parameters, by their names."""
        described = zip(self.network.parameters, self.parameters, strict=True)
        return {parameter.name: array for parameter, array in described}

    @property
    def members(self) -> int:
        return len(self.inputs)

    @classmethod
    def single(
        cls,
        network: Network,
        weights: Iterable[Any],
        inputs: Any,
        targets: Any,
        numbers: Mapping[str, Fraction] | None = None,
    ) -> Case:
        """A case with one member, from nested lists of exact numbers."""

        def stacked(values: Any) -> np.ndarray:
            return np.array(values, dtype=object)[None]

        return cls(
            network, tuple(map(stacked, weights)), stacked(inputs), stacked(targets), numbers or {}
        )

    @property
    def samples(self) -> int:
        return int(self.inputs.shape[1])

    @property
    def size(self) -> int:
        """How many numbers the case consists of."""
        arrays = [*self.parameters, self.inputs]
        if self.targets is not None:
            arrays.append(self.targets)
        return sum(array.size for array in arrays) + len(self.numbers)

    def member(self, index: int) -> Case:
        """The cohort that consists of one member."""
        return self.members_at(slice(index, index + 1))

    def members_at(self, chosen: Any) -> Case:
        """The cohort of some members: a slice, or an array of their numbers."""
        return Case(
            self.network,
            tuple(p[chosen] for p in self.parameters),
            self.inputs[chosen],
            None if self.targets is None else self.targets[chosen],
            self.numbers,
        )

    def tensors(
        self, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
    ) -> tuple[Parameters, torch.Tensor]:
        """Parameters and inputs as tensors, by default of float64, exact when the arrays are."""
        # Reading a certificate takes less time than loading what trains.
        from torch import float64, tensor

        def converted(array: np.ndarray) -> torch.Tensor:
            return tensor(array.astype(np.float64), device=device, dtype=dtype or float64)

        return tuple(map(converted, self.parameters)), converted(self.inputs)

    def content(self) -> bytes:
        """All that the case consists of, the same only for the same numbers."""
        arrays = [*self.parameters, self.inputs, *([] if self.targets is None else [self.targets])]
        numbers = sorted(self.numbers.items())
        about = repr((self.network, self.targets is None, [a.shape for a in arrays], numbers))
        return about.encode() + b"".join(
            repr(a.tolist()).encode() if a.dtype == object else a.tobytes() for a in arrays
        )

    def to_dict(self) -> dict[str, Any]:
        """A JSON document with every number as a rational string; inverse of `from_dict`."""
        return {
            "network": self.network.to_dict(),
            "parameters": [to_strings(rationals(p)) for p in self.parameters],
            "inputs": to_strings(rationals(self.inputs)),
            "targets": None if self.targets is None else to_strings(rationals(self.targets)),
            "numbers": {name: str(number) for name, number in sorted(self.numbers.items())},
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Case:
        """Rebuild a case from `to_dict`.

        Raises:
            InputError: when the document is not of that form.
        """
        try:
            network = Network.from_dict(document["network"])
            targets = document["targets"]
            return cls(
                network,
                tuple(_numbers(p) for p in document["parameters"]),
                _numbers(document["inputs"]),
                None if targets is None else _numbers(targets),
                {
                    name: to_fractions(from_strings(text)).item()
                    for name, text in document["numbers"].items()
                },
            )
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            # The last one for lists that are nested deeper than arrays can be.
            raise InputError(f"not a case: {error!r}") from error


def _numbers(strings: Any) -> np.ndarray:
    """As float64 where every number is one, as Fractions otherwise."""
    fractions = to_fractions(from_strings(strings))
    try:
        floats = fractions.astype(np.float64)
    except OverflowError:
        return fractions
    representable = all(Fraction(x) == y for x, y in zip(floats.flat, fractions.flat, strict=True))
    return floats if representable else fractions
