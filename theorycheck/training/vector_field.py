"""The velocity of a cohort's states, packed as rows of one tensor, without allocations."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from theorycheck.networks.specification import Network, Parameters
from theorycheck.training.cohorts import Cohort, Objective, State, check, sample_slopes
from theorycheck.training.stacked.tape import Tape


@torch.no_grad()
def velocity(cohort: Cohort, objective: Objective) -> State:
    """Minus the gradient at the cohort's state, one tensor for every tensor of the state.

    In the ``lagrange`` parametrisation ``V_k' = -(dL/dV_k + 2 nu V_k)``, which is xu2022, Eq. 2
    with Eq. 4, hence Eq. 5 (mean), and poggio2020, Eq. 5-6 (sum). xu2022, Eq. 46 is a step along it
    from a batch; its right-hand sides are printed with the sign of the data term reversed (and
    the second without the learning rate), the gradients on its left are meant.

    Raises:
        InputError: when these are no cohort and no objective, the loss does not fit the targets, or
            the penalty does not fit the state.
    """
    check(cohort, objective)
    field = Field(cohort, objective)
    return field.unpack(field.velocity(field.pack(cohort.state), cohort.inputs, cohort.targets))


class Field:
    """The vector field that all trainers follow, on states packed as rows of a ``(K, P)`` tensor.

    A row holds the weight matrices, then the other parameters, then ``rho``: updates, norms and
    penalties of a whole cohort are then single operations on a block of columns.
    """

    def __init__(self, cohort: Cohort, objective: Objective) -> None:
        self.network, self.objective = cohort.network, objective
        self.parametrisation = cohort.state.parametrisation
        parameters, weights = cohort.network.parameters, cohort.network.weights
        self.order = (*weights, *(i for i in range(len(parameters)) if i not in weights))
        self.sizes = [math.prod(parameters[i].shape) for i in self.order]
        self.weights = slice(0, sum(self.sizes[: len(weights)]))
        """The columns of the weight matrices."""
        if cohort.state.rho is not None:
            self.sizes.append(1)
        self.decay = -2 * cohort.weight_decay[:, None]
        """Minus the gradient of ``lambda |W|^2`` is ``-2 lambda W``."""
        self._evaluation: Evaluation | None = None

    def pack(self, state: State) -> Tensor:
        """The numbers of a state, copied to rows ``(K, P)``."""
        tensors = [state.parameters[i] for i in self.order]
        if state.rho is not None:
            tensors.append(state.rho)
        return torch.cat([t.reshape(t.shape[0], -1) for t in tensors], dim=1)

    def unpack(self, rows: Tensor) -> State:
        """The state whose tensors are views of rows ``(K, P)``."""
        blocks = list(torch.split(rows, self.sizes, dim=1))
        rho = None if self.parametrisation == "plain" else blocks.pop().squeeze(1)
        block_of = dict(zip(self.order, blocks, strict=True))
        shaped = (block_of[i].reshape(-1, *p.shape) for i, p in enumerate(self.network.parameters))
        return State(tuple(shaped), rho, self.parametrisation)

    def velocity(self, rows: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """Minus the gradient (and the Lagrange term) of every member, ``(K, P)``.

        The result is overwritten by the next call.
        """
        samples = inputs.shape[1]
        if self._evaluation is None or self._evaluation.samples != samples:
            self._evaluation = Evaluation(self, len(rows), samples, rows.dtype, rows.device)
        return self._evaluation.velocity(self, rows, inputs, targets)

    def restrain(self, rows: Tensor, velocity: Tensor) -> None:
        """Add the Lagrange term and the penalty's part to minus the gradient of the data term.

        With ``outputs = rho f_V``, the multiplier ``nu``, the same for every layer, is for the
        square loss the reduction over the samples of

            ``rho fbar_n - rho^2 f_n^2``                  (xu2022, Eq. 4, first form; one output),
            ``-rho <f_V(x_n), rho f_V(x_n) - y_n>``       (xu2022, Eq. 37; several outputs).

        For the other losses the same derivation, which asks for ``<V_k, V_k'> = 0`` and uses
        ``<V_k, df_V/dV_k> = f_V`` on the unit sphere, gives half of ``-<rho f, dl/d(rho f)>``.
        That is half of ``rho`` times its velocity but for the penalty, for all losses.

        This is not the projection of the gradient onto the tangent space: the two agree on the unit
        spheres only. Off them the printed equation gives ``(|V_k|^2)' = 4 nu (1 - |V_k|^2)``, so it
        restores the norm when ``nu > 0``, that is, for the square loss, when
        ``rho sum_n ell_n fbar_n > 0``, and drives it away otherwise.
        """
        weights = self.weights
        if self.parametrisation == "lagrange":
            twice_multiplier = rows[:, -1:] * velocity[:, -1:]
            velocity[:, weights].addcmul_(rows[:, weights], twice_multiplier, value=-1)
        if self.objective.penalty == "weights":
            velocity[:, weights].addcmul_(rows[:, weights], self.decay)
        elif self.objective.penalty == "rho":
            velocity[:, -1:].addcmul_(rows[:, -1:], self.decay)


class Evaluation:
    """The velocity of a field at a number of samples, in buffers that are allocated once.

    The field keeps it, so that it keeps no field: both would live on, with all buffers, until
    somebody looks for cycles.

    Args:
        device: on ``meta`` nothing is allocated, and only `size` is of use.
    """

    def __init__(
        self,
        field: Field,
        members: int,
        samples: int,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        self.samples = samples
        self.tape = Tape(field.network, members, samples, dtype, device)
        self.result = torch.zeros(members, sum(field.sizes), dtype=dtype, device=device)
        self.gradients = field.unpack(self.result)
        self.scaled: Tensor | None = None
        self.directions: _Directions | None = None
        self.rows: Tensor | None = None
        if field.parametrisation != "plain":
            self.scaled = torch.zeros_like(self.tape.outputs)
        if field.parametrisation == "weight-norm":
            self.directions = _Directions(field.network, self.result, self.gradients.parameters)

    @property
    def size(self) -> int:
        """Bytes of all buffers."""
        own = [self.result, self.scaled]
        if self.directions is not None:
            own += [self.directions.units, self.directions.products]
        return self.tape.size + sum(t.nbytes for t in own if t is not None)

    def velocity(self, field: Field, rows: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """`Field.velocity` at the number of samples of this evaluation."""
        if self.rows is not rows:
            self.rows, self.state = rows, field.unpack(rows)
        tape, parameters = self.tape, self.state.parameters
        if self.directions is not None:
            parameters = self.directions.of(parameters)
        tape.forward(parameters, inputs)
        self._fill_slopes(field.objective, targets)
        tape.backward(self.gradients.parameters)
        if self.directions is not None:
            self.directions.pull_back(self.gradients.parameters)
        field.restrain(rows, self.result)
        return self.result

    def _fill_slopes(self, objective: Objective, targets: Tensor) -> None:
        """Minus the slopes of the losses, for the tape, and the velocity of ``rho``."""
        outputs, slopes = self.tape.outputs, self.tape.slopes
        rho, drift = self.state.rho, self.gradients.rho
        values = outputs
        if rho is not None:
            assert self.scaled is not None
            values = torch.mul(outputs, rho[:, None, None], out=self.scaled)
        sample_slopes(objective.loss, values, targets, -objective.share(self.samples), slopes)
        if rho is not None:
            torch.sum(torch.mul(outputs, slopes, out=self.scaled), dim=(1, 2), out=drift)
            slopes.mul_(rho[:, None, None])


class _Directions:
    """The matrices ``V = v / |v|`` of weight normalisation (see `initialisation.normalise`)."""

    def __init__(self, network: Network, like: Tensor, parameters: Parameters) -> None:
        self.weights = network.weights
        sizes = [parameters[i][0].numel() for i in self.weights]
        self.units = like.new_zeros(len(like), sum(sizes))
        self.products = like.new_zeros(len(like) * max(sizes))
        blocks = torch.split(self.units, sizes, dim=1)
        shapes = [parameters[i].shape for i in self.weights]
        self.unit = [b.view(s) for b, s in zip(blocks, shapes, strict=True)]
        self.product = [self.products[: s.numel()].view(s) for s in shapes]
        # One number for each matrix, so that all are handled at once.
        self.powers = like.new_ones(len(like), len(shapes), 1, 1)
        self.norms = torch.ones_like(self.powers)
        self.norm, self.power = (list(n.unbind(1)) for n in (self.norms, self.powers))

    def of(self, parameters: Parameters) -> Parameters:
        """The parameters with normalised weight matrices; a zero matrix stays as it is.

        Matrices are divided by powers of two first, as in `networks.norms.scaled`.
        """
        normalised = list(parameters)
        places = list(zip(self.weights, self.unit, self.norm, self.power, strict=True))
        for i, unit, _, power in places:
            torch.amax(torch.abs(parameters[i], out=unit), dim=(1, 2), keepdim=True, out=power)
        mantissa, _ = torch.frexp(self.powers)
        self.powers.div_(mantissa.mul_(2)).nan_to_num_(nan=1.0)
        for i, unit, norm, power in places:
            torch.div(parameters[i], power, out=unit)
            torch.linalg.vector_norm(unit, dim=(1, 2), keepdim=True, out=norm)
        self.norms.masked_fill_(self.norms == 0, 1.0)
        for i, unit, norm, _ in places:
            normalised[i] = unit.div_(norm)
        self.norms.mul_(self.powers)
        return tuple(normalised)

    def pull_back(self, gradients: Parameters) -> None:
        """From gradients by ``V`` to gradients by ``v``: ``(G - <G, V> V) / |v|``, in place."""
        whole = zip(self.weights, self.unit, self.norm, self.product, strict=True)
        for i, unit, norm, product in whole:
            torch.mul(gradients[i], unit, out=product)
            inner = product.sum(dim=(1, 2), keepdim=True)
            gradients[i].addcmul_(unit, inner, value=-1).div_(norm)
