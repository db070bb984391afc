"""Faults of the compiled engine."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS = [
    Fault(
        "compiled-decay-halved",
        "training.compiled.workers",
        "compiled training decays by lambda instead of 2 lambda",
        old='self.table["decay"].copy_(2 * cohort.weight_decay[:, None])\n        if momentum',
        new='self.table["decay"].copy_(cohort.weight_decay[:, None])\n        if momentum',
        asked=(
            "properties/sgd/test_batch_gradient.py::batch-gradient-update-trained",
            "tests/training/compiled/test_descent.py::test_an_update_is_exact_where_nothing_rounds",
        ),
    ),
    Fault(
        "compiled-orders-from-the-first-epoch",
        "training.compiled.workers",
        "after a record, compiled training starts over with the batches of the first epoch",
        old="return self._order[:, epoch - self._known.start :], self._known.stop",
        new="return self._order, self._known.stop",
        asked=(
            "tests/training/compiled/test_workers.py::test_bits_do_not_depend_on_threads_or_memory",
        ),
    ),
    Fault(
        "compiled-kink",
        "training.compiled.operations.layers",
        "in compiled training the derivative of ReLU at 0 is 1",
        old='result[i] = values[i].compare(">", 0.0).where(result[i], zero)',
        new='result[i] = values[i].compare(">=", 0.0).where(result[i], zero)',
        asked=(
            "tests/training/compiled/test_descent.py::test_an_update_is_exact_where_nothing_rounds",
        ),
    ),
    Fault(
        "compiled-multiplier-forgotten",
        "training.compiled.operations.losses",
        "in compiled training the Lagrange multiplier is zero",
        old="k.numbers(decay)[0] - k.numbers(rho)[0] * k.numbers(along)[0]",
        new="k.numbers(decay)[0]",
        asked=(
            "properties/sgd/test_normalised_sgd.py::normalised-sgd-update-trained",
            "tests/training/test_trainers.py::test_two_layer_updates_are_exact",
        ),
    ),
    Fault(
        "compiled-direction-not-differentiated",
        "training.compiled.operations.losses",
        "compiled weight normalisation passes the gradient by the direction on as it is",
        old="slopes[p] = [(g - along * u) / size for g, u in pairs]",
        new="slopes[p] = [g / size for g, u in pairs]",
        asked=("tests/training/compiled/test_descent.py::test_weight_normalisation_by_hand",),
    ),
    Fault(
        "compiled-momentum-dampened",
        "training.compiled.operations.steps",
        "the compiled momentum buffer takes the gradient times 1 - momentum",
        old="velocity = factor(self.momentum) * buffer[place] + velocity",
        new="velocity = factor(self.momentum) * buffer[place] "
        "+ (1.0 - factor(self.momentum)) * velocity",
        asked=(
            "properties/sgd/test_batch_gradient.py::batch-gradient-update-trained",
            "tests/training/test_trainers.py::test_sgd_follows_the_exact_updates",
        ),
    ),
    Fault(
        "compiled-divergence-unnoticed",
        "training.compiled.operations.steps",
        "in compiled training a member at infinity goes on",
        old='flag[0] = (norm - norm).compare("==", 0.0).where(flag[0], one)',
        new='flag[0] = norm.compare("==", norm).where(flag[0], one)',
        asked=(
            "tests/training/test_trainers.py::test_a_squared_norm_beyond_all_numbers_has_diverged",
        ),
    ),
    Fault(
        "compiled-stripes-by-lane",
        "training.compiled.operations.base",
        "sums of squares depend on whether lanes are members or samples",
        old="values = [combine(a, b) for a, b in zip(values[::2], values[1::2], strict=True)]",
        new="values = [sum(values[1:], values[0])] if self.members else values[:-2] + ["
        "values[-2] + values[-1]]",
        asked=("tests/training/compiled/test_workers.py::test_bits_do_not_depend_on_company",),
    ),
    Fault(
        "compiled-error-estimate",
        "training.compiled.operations.stages",
        "the compiled integrator's error estimate is a tenth",
        old="ratio = length * error / scale",
        new="ratio = length * error / scale * 0.1",
        asked=("tests/training/test_engines.py::test_flows_of_both_engines_agree",),
    ),
    Fault(
        "compiled-arena-left-as-it-was",
        "training.compiled.exchange",
        "what is not finite stays in the arena when a member leaves",
        old='self.enter.emit("clear", out=places.gradient, count=count)',
        new="",
        asked=("tests/training/compiled/test_workers.py::test_members_leave_nothing_behind",),
    ),
    Fault(
        "compiled-momentum-forgotten",
        "training.compiled.exchange",
        "the momentum buffer starts anew after every record",
        old="self._exchange(column, place + offset, size, padded(size), changes=True)",
        new='self._exchange(column, place + offset, size, padded(size), name != "buffer")',
        asked=("tests/training/test_engines.py::test_hundreds_of_updates_at_kinks",),
    ),
    Fault(
        "compiled-weights-move-too-early",
        "training.compiled.tape",
        "a matrix has moved already when the slopes pass back through it",
        old="if edge.source != 0:\n                add",
        new="if index is not None:\n                self.learn(self, edge, index, here.slopes, "
        "source.value)\n                index = index if edge.source else None\n"
        "            if edge.source != 0:\n                add",
        asked=(
            "tests/training/compiled/test_descent.py::test_an_update_is_exact_where_nothing_rounds",
        ),
    ),
    Fault(
        "compiled-skip-replaces",
        "training.compiled.tape",
        "in compiled training the last edge into a vertex replaces the others",
        old="source, add = self.vertices[edge.source], int(position > 0)",
        new="source, add = self.vertices[edge.source], 0",
        asked=(
            "tests/training/compiled/test_descent.py::test_an_update_is_exact_where_nothing_rounds",
        ),
    ),
]
