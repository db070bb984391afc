"""Faults of the measures."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS = [
    Fault(
        "deviation-from-global-mean",
        "measures.features",
        "NC1 measures deviations from the global mean",
        old="return without_mean(self.values, 2)",
        new="return without_mean(self.values.flatten(1, 2), 1).reshape_as(self.values)",
        asked=("tests/measures/test_collapse.py::test_collapsed_features_exactly",),
    ),
    Fault(
        "coinciding-means-by-rounding",
        "measures.features",
        "class means coincide only where their rounded differences are zero",
        old="if not bool(unclear.any()):",
        new="if True:",
        asked=(
            "tests/measures/test_features.py::test_classes_of_the_same_features_in_different_orders",
        ),
    ),
    Fault(
        "simplex-angle",
        "measures.collapse",
        "NC2 expects cosines of -1/C, not -1/(C-1)",
        old="(cosines + 1 / (classes - 1))",
        new="(cosines + 1 / classes)",
        asked=("tests/measures/test_collapse.py::test_simplex_within_rounding",),
    ),
    Fault(
        "uncentred-duality",
        "measures.collapse",
        "NC3 compares with class means that are not centred",
        old="    centred = Features(grouped).centred\n",
        new="    centred = Features(grouped).means\n",
        asked=("tests/measures/test_collapse.py::test_collapsed_features_exactly",),
    ),
    Fault(
        "ties-are-correct",
        "measures.outputs",
        "a margin of zero counts as correct",
        old="correct = margins(outputs, labels.unsqueeze(-1)) > 0",
        new="correct = margins(outputs, labels.unsqueeze(-1)) >= 0",
        asked=("tests/measures/test_outputs.py::test_accuracy_counts_ties_as_errors",),
    ),
    Fault(
        "equilibrium-of-halved-decay",
        "measures.outputs",
        "the equilibrium rho is that of half the weight decay",
        old='decay = held("weight_decay", weight_decay, second_moment)',
        new='decay = held("weight_decay", weight_decay / 2, second_moment)',
        asked=(
            "properties/equilibrium/test_rho_equilibrium.py::rho-equilibrium-descent",
            "tests/measures/test_outputs.py::test_equilibrium_is_the_vertex_of_the_loss",
        ),
    ),
    Fault(
        "entropy-for-rank",
        "measures.ranks",
        "the effective rank is an entropy",
        old="entropy.exp(), total)",
        new="entropy, total)",
        asked=("tests/measures/test_ranks.py::test_ranks_by_construction",),
    ),
    Fault(
        "absolute-threshold",
        "measures.ranks",
        "the threshold rank counts singular values without normalisation",
        old="(values > threshold * size)",
        new="(values > threshold)",
        asked=("tests/measures/test_ranks.py::test_threshold_rank_depends_on_the_norm",),
    ),
]
