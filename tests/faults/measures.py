"""Faults of the measures."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS = [
    Fault(
        "deviation-from-global-mean",
        "measures.collapse",
        "NC1 measures deviations from the global mean",
        old="return grouped - class_means(grouped).unsqueeze(2)",
        new="return grouped - global_mean(grouped)[:, None, None]",
        asked=("tests/measures/test_collapse.py::test_collapsed_features_exactly",),
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
        old=(
            "centred = centred_class_means(grouped)\n    _require_classifier(classifier, centred)"
        ),
        new=("centred = class_means(grouped)\n    _require_classifier(classifier, centred)"),
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
        old="return mean / (second_moment + weight_decay)",
        new="return mean / (second_moment + weight_decay / 2)",
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
