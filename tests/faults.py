"""Deliberate faults of the engine, and the claims and tests that are asked about each.

Wherever a claim can notice, one is asked; tests of the engine are asked about what no claim sees.
Mutation tools such as mutmut and Cosmic Ray change operators and constants wherever they stand and
run the tests for each change, for hours. These faults are the mistakes that one would make: fewer,
with a meaning, each asked of whom it concerns.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A change at one place of the engine.

    Attributes:
        name: unique.
        module: the module of theorycheck that is changed.
        effect: what the engine then does, in words.
        old: the source that is replaced, which occurs in the module exactly once, so that a fault
            cannot outlive the code that it is about.
        new: what replaces it.
        asked: node ids of pytest: who should notice.
    """

    name: str
    module: str
    effect: str
    old: str
    new: str
    asked: tuple[str, ...]


FAULTS = [
    Fault(
        "slope-at-kink",
        "networks",
        "autograd's derivative of ReLU at 0 is 1, not 0",
        old="return torch.relu(preactivation)",
        new="return preactivation.clamp(min=0.0)",
        asked=("tests/test_networks.py::test_the_derivative_at_a_kink_is_the_slope",),
    ),
    Fault(
        "derivative-of-relu",
        "networks",
        "the derivative of ReLU is 1 everywhere",
        old="return torch.relu(preactivation)",
        new="return preactivation + (torch.relu(preactivation) - preactivation).detach()",
        asked=(
            "properties/test_homogeneity.py::structural-lemma",
            "properties/test_training_updates.py::trained-sgd-update",
        ),
    ),
    Fault(
        "leaky-slope",
        "networks",
        "leaky ReLU has the square of its slope",
        old="torch.where(preactivation > 0, preactivation, slope * preactivation)",
        new="torch.where(preactivation > 0, preactivation, slope**2 * preactivation)",
        asked=(
            "properties/test_equilibrium.py::rho-equilibrium-flow-mean",
            "tests/test_networks.py::test_vertices_equal_a_loop_over_units",
        ),
    ),
    Fault(
        "unused-bias",
        "networks",
        "biases are read but not added",
        old="total = total + next(stream).unsqueeze(-2)",
        new="next(stream)",
        asked=(
            "properties/test_homogeneity.py::structural-lemma-biases",
            "properties/test_homogeneity.py::structural-lemma-later-biases",
        ),
    ),
    Fault(
        "batch-variance",
        "networks",
        "batch normalisation divides by the unbiased variance",
        old="variance = centred.square().mean(dim=-2, keepdim=True)",
        new="variance = centred.square().sum(dim=-2, keepdim=True) / max(total.shape[-2] - 1, 1)",
        asked=("tests/test_networks.py::test_vertices_equal_a_loop_over_units",),
    ),
    Fault(
        "attached-variance",
        "networks",
        "a detached variance is differentiated",
        old="variance = variance.detach()",
        new="variance = variance.clone()",
        asked=(
            "tests/test_exact.py::test_normalised_jacobians_equal_autograd",
            "tests/test_exact.py::test_two_samples_have_no_full_derivative_but_a_pseudo_gradient",
        ),
    ),
    Fault(
        "patches-transposed",
        "networks",
        "the kernels of a convolution are transposed",
        old="strided.transpose(1, 2, 0, 3, 4)",
        new="strided.transpose(1, 2, 0, 4, 3)",
        asked=("tests/test_networks.py::test_patches_by_hand",),
    ),
    Fault(
        "detached-skip",
        "networks",
        "no gradient flows through constant skip connections",
        old=("        return source\n    weight = next(stream)"),
        new=("        return source.detach()\n    weight = next(stream)"),
        asked=(
            "properties/test_homogeneity.py::structural-lemma-cut",
            "tests/test_networks.py::test_gradients_equal_central_differences",
        ),
    ),
    Fault(
        "single-edge",
        "networks",
        "of the edges into a layer only the last one counts",
        old="total = term if total is None else total + term",
        new="total = term",
        asked=(
            "properties/test_homogeneity.py::structural-lemma-residual",
            "properties/test_rank_bound.py::rank-bound-frobenius",
        ),
    ),
    Fault(
        "mixed-members",
        "networks",
        "per-sample gradients take the samples of other members",
        old="member = torch.arange(members).repeat_interleave(copies)",
        new="member = torch.arange(members).repeat(copies)",
        asked=(
            "properties/test_homogeneity.py::structural-lemma",
            "tests/test_networks.py::test_gradients_of_stacked_members_are_their_own",
        ),
    ),
    Fault(
        "halved-decay",
        "training",
        "the gradient of lambda |W|^2 is lambda W",
        old="self.decay = 2 * cohort.weight_decay[:, None]",
        new="self.decay = cohort.weight_decay[:, None]",
        asked=(
            "properties/test_training_updates.py::trained-sgd-update",
            "properties/test_sgd_noise.py::sgd-keeps-moving-with-decay",
        ),
    ),
    Fault(
        "decay-of-all-parameters",
        "training",
        "biases, gains and shifts decay too",
        old="gradient[:, self.weights].addcmul_(rows[:, self.weights], self.decay)",
        new="gradient.addcmul_(rows, self.decay)",
        asked=("tests/test_training.py::test_gains_and_shifts_do_not_decay",),
    ),
    Fault(
        "forgotten-projection",
        "training",
        "the Lagrange multiplier is zero",
        old="rows[:, self.weights], 2 * multiplier[:, None]",
        new="rows[:, self.weights], 0 * multiplier[:, None]",
        asked=(
            "properties/test_training_updates.py::trained-normalised-update",
            "tests/test_training.py::test_lagrange_velocity_is_the_printed_one",
        ),
    ),
    Fault(
        "gradient-of-wrong-loss",
        "training",
        "every trainer follows the square loss",
        old="losses = objective.reduce(sample_losses(objective.loss, values, targets))",
        new='losses = objective.reduce(sample_losses("square", values, targets))',
        asked=("tests/test_training.py::test_cross_entropy_velocity",),
    ),
    Fault(
        "mean-for-sum",
        "training",
        "sums over samples are means",
        old='return values.mean(dim=-1) if self.reduction == "mean" else values.sum(dim=-1)',
        new="return values.mean(dim=-1)",
        asked=(
            "properties/test_equilibrium.py::rho-equilibrium-flow-sum",
            "tests/test_training.py::test_plain_velocity_is_minus_the_gradient",
        ),
    ),
    Fault(
        "dampened-momentum",
        "training",
        "the momentum buffer takes the gradient times 1 - momentum",
        old=(".add_(slope)\n"),
        new=(".add_(slope * (1 - schedule.momentum))\n"),
        asked=(
            "properties/test_training_updates.py::trained-sgd-update",
            "tests/test_training.py::test_sgd_agrees_with_torch",
        ),
    ),
    Fault(
        "same-batches-every-epoch",
        "training",
        "the batches of all epochs are those of the first",
        old="+ np.uint64(epoch))",
        new="+ np.uint64(0))",
        asked=("tests/test_training.py::test_batches_depend_on_seed_and_epoch_alone",),
    ),
    Fault(
        "targets-out-of-step",
        "training",
        "batches pair the inputs with other samples' targets",
        old="torch.split(targets[member, order], batch_size, dim=1)",
        new="torch.split(targets, batch_size, dim=1)",
        asked=(
            "properties/test_training_updates.py::trained-sgd-update",
            "properties/test_sgd_noise.py::sgd-settles-without-decay",
        ),
    ),
    Fault(
        "stage-of-integrator",
        "training",
        "two digits of a Dormand-Prince coefficient are swapped",
        old="-25360 / 2187",
        new="-25360 / 2178",
        asked=("tests/test_training.py::test_the_integrator_has_the_coefficients_of_scipy",),
    ),
    Fault(
        "error-estimate",
        "training",
        "the integrator's error estimate is a tenth",
        old="error = step[:, None] * torch",
        new="error = 0.1 * step[:, None] * torch",
        asked=(
            "tests/test_training.py::test_a_step_is_accepted_when_its_error_estimate_is_within_tolerance",
            "properties/test_equilibrium.py::rho-equilibrium-flow-mean",
        ),
    ),
    Fault(
        "rejected-steps-count",
        "training",
        "a rejected step of a flow moves the weights",
        old="self.point = torch.where(accepted[:, None], point, self.point)",
        new="self.point = torch.where(going[:, None], point, self.point)",
        asked=("tests/test_training.py::test_a_rejected_step_leaves_the_state",),
    ),
    Fault(
        "divergence-unnoticed",
        "training",
        "a member at infinity has not diverged",
        old="diverged |= ~rows.square().sum(dim=1).isfinite()",
        new="diverged |= rows.sum(dim=1).isnan()",
        asked=("tests/test_training.py::test_a_squared_norm_beyond_all_numbers_has_diverged",),
    ),
    Fault(
        "weight-norm-without-norm",
        "training",
        "weight normalisation does not normalise",
        old="return normalise(network, self.parameters)[1]",
        new="return self.parameters",
        asked=("tests/test_training.py::test_parametrise_keeps_the_function",),
    ),
    Fault(
        "deviation-from-global-mean",
        "measures",
        "NC1 measures deviations from the global mean",
        old="return grouped - class_means(grouped).unsqueeze(2)",
        new="return grouped - global_mean(grouped)[:, None, None]",
        asked=("tests/test_measures.py::test_collapsed_features_exactly",),
    ),
    Fault(
        "simplex-angle",
        "measures",
        "NC2 expects cosines of -1/C, not -1/(C-1)",
        old="(cosines + 1 / (classes - 1))",
        new="(cosines + 1 / classes)",
        asked=("tests/test_measures.py::test_simplex_within_rounding",),
    ),
    Fault(
        "uncentred-duality",
        "measures",
        "NC3 compares with class means that are not centred",
        old=(
            "centred = centred_class_means(grouped)\n    _require_classifier(classifier, centred)"
        ),
        new=("centred = class_means(grouped)\n    _require_classifier(classifier, centred)"),
        asked=("tests/test_measures.py::test_collapsed_features_exactly",),
    ),
    Fault(
        "ties-are-correct",
        "measures",
        "a margin of zero counts as correct",
        old="correct = margins(outputs, labels.unsqueeze(-1)) > 0",
        new="correct = margins(outputs, labels.unsqueeze(-1)) >= 0",
        asked=("tests/test_measures.py::test_accuracy_counts_ties_as_errors",),
    ),
    Fault(
        "equilibrium-of-halved-decay",
        "measures",
        "the equilibrium rho is that of half the weight decay",
        old="return mean / (second_moment + weight_decay)",
        new="return mean / (second_moment + weight_decay / 2)",
        asked=(
            "properties/test_equilibrium.py::rho-equilibrium-descent",
            "tests/test_measures.py::test_equilibrium_is_the_vertex_of_the_loss",
        ),
    ),
    Fault(
        "entropy-for-rank",
        "measures",
        "the effective rank is an entropy",
        old="entropy.exp(), total)",
        new="entropy, total)",
        asked=("tests/test_measures.py::test_ranks_by_construction",),
    ),
    Fault(
        "absolute-threshold",
        "measures",
        "the threshold rank counts singular values without normalisation",
        old="(values > threshold * size)",
        new="(values > threshold)",
        asked=("tests/test_measures.py::test_threshold_rank_depends_on_the_norm",),
    ),
    Fault(
        "points-outside-the-ball",
        "datasets",
        "points of the unit ball may leave it by rounding",
        old="directions * radii * (1.0 - _rounding(width))",
        new="directions * radii",
        asked=(
            "tests/test_datasets.py::test_uniform_ball_stays_in_the_ball_at_the_largest_radius",
        ),
    ),
    Fault(
        "margin-not-kept",
        "datasets",
        "separable points may lie on the wrong side",
        old="p[p @ w < 0.0] *= -1.0",
        new="p[p @ w < 0.0] *= 1.0",
        asked=("tests/test_datasets.py::test_separable_keeps_margin_and_ball_exactly",),
    ),
    Fault(
        "first-member",
        "cases",
        "the case of a member is the first one's",
        old="one = slice(index, index + 1)",
        new="one = slice(0, 1)",
        asked=(
            "tests/test_cases.py::test_member_takes_one_of_each",
            "properties/test_homogeneity.py::structural-lemma-biases",
        ),
    ),
    Fault(
        "rounded-thirds",
        "cases",
        "a certificate's numbers are read as floats",
        old="return floats if representable else fractions",
        new="return floats",
        asked=("tests/test_cases.py::test_every_number_survives_exactly",),
    ),
    Fault(
        "rank-counts-rows",
        "exact",
        "the rank is the number of rows that are not zero",
        old="return int(fmpq_mat(rows, columns, matrix.ravel().tolist()).rank())",
        new="return int((matrix != 0).any(axis=1).sum())",
        asked=(
            "properties/test_gradient_rank.py::gradient-rank",
            "tests/test_exact.py::test_rank_equals_sympy",
        ),
    ),
    Fault(
        "tangent-without-activation",
        "exact",
        "forward mode ignores the derivative of the activation",
        old="tangents[vertex] = _activate(tangent, trace.preactivations[vertex - 1], layer.slope)",
        new="tangents[vertex] = tangent",
        asked=(
            "properties/test_training_updates.py::trained-sgd-update",
            "properties/test_normalised_sgd.py::normalised-sgd-update",
        ),
    ),
    Fault(
        "left-is-right",
        "exact",
        "left difference quotients are right ones",
        old="left = (here - there[len(move) :]) / step",
        new="left = right",
        asked=("tests/test_exact.py::test_a_kink_has_two_derivatives",),
    ),
    Fault(
        "kinks-between",
        "exact",
        "a step across a kink counts as affine",
        old="((here > 0) & (there < 0)) | ((here < 0) & (there > 0))",
        new="(here > 0) & (there < 0)",
        asked=("tests/test_exact.py::test_a_kink_within_the_first_step_is_stepped_over_by_none",),
    ),
    Fault(
        "no-kinks",
        "exact",
        "no pre-activation is ever at a kink",
        old="not ((array > 0) | (array < 0)).all()",
        new="not (array == array).all()",
        asked=(
            "properties/test_homogeneity.py::structural-lemma",
            "tests/test_exact.py::test_a_kink_has_two_derivatives",
        ),
    ),
    Fault(
        "exact-decay",
        "exact",
        "the exact batch gradient has half the weight decay",
        old="+ 2 * weight_decay * parameters[index]",
        new="+ weight_decay * parameters[index]",
        asked=(
            "properties/test_training_updates.py::trained-sgd-update",
            "properties/test_rank_bound.py::rank-bound-frobenius",
        ),
    ),
    Fault(
        "one-sided-balls",
        "exact",
        "a ball around a kink keeps the positive side only",
        old="np.frompyfunc(lambda x, y: x.union(y), 2, 1)",
        new="np.frompyfunc(lambda x, y: x, 2, 1)",
        asked=("tests/test_exact.py::test_a_ball_around_a_kink_keeps_both_sides",),
    ),
    Fault(
        "wide-pivots",
        "exact",
        "a ball that contains zero serves as pivot",
        old="if not magnitudes[best] > 0:",
        new="if not magnitudes[best] >= 0:",
        asked=("tests/test_exact.py::test_wide_balls_prove_nothing",),
    ),
    Fault(
        "slopes-need-no-bits",
        "dyadic",
        "slopes of leaky ReLUs are not counted in bits",
        old=" + sum(_exponent(slope) for slope in slopes)",
        new="",
        asked=("tests/test_dyadic.py::test_bits_by_hand",),
    ),
    Fault(
        "sums-need-no-bits",
        "dyadic",
        "the growth of sums is not counted in bits",
        old="np.ceil(np.log2(bound) + total) + 1",
        new="np.ceil(0 * np.log2(bound) + total) + 1",
        asked=(
            "tests/test_dyadic.py::test_a_sum_grows_with_its_terms",
            "tests/test_dyadic.py::test_a_network_beyond_53_bits_that_rounds",
        ),
    ),
    Fault(
        "no-rounding-above",
        "rounding",
        "upper bounds do not cover rounding",
        old=(
            "factor = math.nextafter(1.0 + gamma(roundings), math.inf)\n"
            "    return np.asarray(np.nextafter(computed * factor, math.inf))"
        ),
        new="return np.asarray(computed)",
        asked=("tests/test_rounding.py::test_frobenius_norms_of_thousands_of_matrices",),
    ),
    Fault(
        "no-residual",
        "rounding",
        "the residual of a decomposition is taken as zero",
        old="error = _euclidean(_residual(matrix, left, values, right)).high if",
        new="error = 0.0 if",
        asked=("tests/test_rounding.py::test_without_the_residual_an_enclosure_misses_the_truth",),
    ),
    Fault(
        "no-radius",
        "rounding",
        "the radius of a ball of matrices is ignored",
        old=("    if spread == 0:\n        return low, high"),
        new=("    if spread >= 0:\n        return low, high"),
        asked=("tests/test_rounding.py::test_the_radius_is_reached_and_not_exceeded",),
    ),
    Fault(
        "tail-off-by-one",
        "rounding",
        "the distance to rank r leaves out singular value r + 1",
        old="tail = decomposition.values[rank:]",
        new="tail = decomposition.values[min(rank + 1, decomposition.values.size - 1) :]",
        asked=(
            "properties/test_rank_bound.py::rank-bound-spectral",
            "tests/test_rounding.py::test_hilbert_matrices",
        ),
    ),
    Fault(
        "no-kinks-generated",
        "strategies",
        "weights and inputs are never zero",
        old="SMALL_INTEGERS = (1, 0, -1, 2, -2, 3, -3)",
        new="SMALL_INTEGERS = (1, -1, 2, -2, 3, -3)",
        asked=("tests/test_strategies.py::test_corners_of_the_numbers[zero input of one network]",),
    ),
    Fault(
        "biases-generated",
        "strategies",
        "multilayer perceptrons are drawn with biases",
        old=("        bias=bias,\n"),
        new=("        bias=True,\n"),
        asked=(
            "properties/test_homogeneity.py::structural-lemma",
            "properties/test_homogeneity.py::positive-homogeneity",
        ),
    ),
    Fault(
        "cohorts-of-thirds",
        "strategies",
        "cohorts have weights that are not dyadic",
        old=("        return drawn.astype(np.float64)\n"),
        new=("        return drawn / 3\n"),
        asked=(
            "properties/test_homogeneity.py::structural-lemma",
            "tests/test_strategies.py::test_small_networks_hardly_ever_round",
        ),
    ),
    Fault(
        "shallow-networks",
        "strategies",
        "all perceptrons have the least depth",
        old=("    depth = draw(st.integers(*depths))\n    hidden"),
        new=("    depth = depths[0]\n    hidden"),
        asked=(
            "properties/test_homogeneity.py::structural-lemma",
            "tests/test_strategies.py::test_every_activation",
        ),
    ),
    Fault(
        "tolerant-equality",
        "evidence",
        "equality has a tolerance",
        old="np.asarray(left == right, dtype=bool)",
        new="np.asarray(abs(left - right) <= 1e-6, dtype=bool)",
        asked=("tests/test_evidence.py::test_equality_is_exact",),
    ),
    Fault(
        "equality-of-one-entry",
        "evidence",
        "members are equal when one of their entries is",
        old="np.flatnonzero(~same.all(axis=1))",
        new="np.flatnonzero(~same.any(axis=1))",
        asked=(
            "tests/test_evidence.py::test_equality_shows_the_first_entry_of_the_first_member_that_fails",
            "properties/test_homogeneity.py::structural-lemma-residual",
        ),
    ),
    Fault(
        "overlap-is-violation",
        "evidence",
        "an inequality that rounding leaves open is violated",
        old="if left.low > right.high:",
        new="if left.high > right.low:",
        asked=(
            "properties/test_rank_bound.py::rank-bound-spectral",
            "tests/test_evidence.py::test_intervals",
        ),
    ),
    Fault(
        "rejections-are-met",
        "evidence",
        "rejected examples count as met",
        old="self.rejected[finding.reason] =",
        new=("self.met += finding.count\n                self.rejected[finding.reason] ="),
        asked=("tests/test_evidence.py::test_rejections_are_counted_by_reason",),
    ),
    Fault(
        "shared-seed",
        "claims",
        "claim and control share their seed",
        old="{'control' if altered else 'claim'}",
        new="claim",
        asked=("tests/test_search.py::test_seeds_depend_on_run_claim_and_side",),
    ),
    Fault(
        "counting-after-violation",
        "search",
        "examples tried while shrinking count as evidence",
        old=("if evidence.counterexample is None:\n            _run_once"),
        new=("if True:\n            _run_once"),
        asked=(
            "tests/test_search.py::test_counting_stops_at_the_first_violation_and_shrinking_goes_on",
        ),
    ),
    Fault(
        "shrinking-cohorts",
        "search",
        "a violation in a cohort ends the search for a small one",
        old="shrinkable = setting.altered or not _is_cohort(drawn)",
        new="shrinkable = True",
        asked=(
            "tests/test_strategies.py::test_violations_shrink_to_a_single_small_network[mlps-2]",
        ),
    ),
    Fault(
        "seed-ignored",
        "search",
        "every search has the same seed",
        old="hypothesis.seed(setting.seed)",
        new="hypothesis.seed(0)",
        asked=("tests/test_search.py::test_the_seed_decides_what_is_tried",),
    ),
    Fault(
        "control-not-altered",
        "search",
        "the control's setting is not passed on",
        old="for finding in claim.check(setting, **drawn):",
        new="for finding in claim.check(Setting(seed=setting.seed), **drawn):",
        asked=(
            "properties/test_homogeneity.py::structural-lemma",
            "properties/test_gradient_rank.py::gradient-rank",
            "properties/test_sgd_noise.py::sgd-settles-without-decay",
        ),
    ),
    Fault(
        "five-per-cent",
        "sequential",
        "a tendency is confirmed at the error rate of 1/20",
        old="if against_null >= 1 / tendency.alpha:",
        new="if against_null >= 20:",
        asked=("tests/test_sequential.py::test_a_threshold_that_is_met_exactly_decides",),
    ),
    Fault(
        "unnormalised-mixture",
        "sequential",
        "likelihood ratios are integrated, not averaged",
        old="return integral / ((1 - least) * boundary**successes",
        new="return integral / (boundary**successes",
        asked=("tests/test_sequential.py::test_values_worked_by_hand",),
    ),
    Fault(
        "control-ignored",
        "verdicts",
        "a claim holds although its control survives",
        old="if control.counterexample is None:",
        new="if False:",
        asked=("tests/test_verdicts.py::test_table",),
    ),
    Fault(
        "enough-ignored",
        "verdicts",
        "a claim holds however rarely its hypotheses were met",
        old="if evidence.met < claim.enough:",
        new="if False:",
        asked=("tests/test_verdicts.py::test_table",),
    ),
    Fault(
        "open-ignored",
        "verdicts",
        "examples that rounding left open count as decided",
        old="if evidence.met - evidence.open < claim.enough:",
        new="if False:",
        asked=("tests/test_verdicts.py::test_table",),
    ),
    Fault(
        "counterexample-ignored",
        "verdicts",
        "a counterexample refutes only what was met often enough",
        old="if evidence.counterexample is not None:",
        new="if evidence.counterexample is not None and evidence.met >= claim.enough:",
        asked=(
            "properties/test_homogeneity.py::structural-lemma-biases",
            "tests/test_verdicts.py::test_table",
        ),
    ),
    Fault(
        "tendency-control-ignored",
        "verdicts",
        "a tendency holds although its control is not contradicted",
        old="if opposite is Decision.CONTRADICTED:",
        new="if True:",
        asked=("tests/test_verdicts.py::test_table",),
    ),
    Fault(
        "certificate-not-replayed",
        "examination",
        "the certificate on record does not count",
        old=("        evidence.counterexample = recorded\n"),
        new=("        pass\n"),
        asked=("tests/test_plugin.py::test_certificate_on_record_is_replayed_first",),
    ),
    Fault(
        "broken-certificate-accepted",
        "examination",
        "a certificate that violates nothing is passed over",
        old="None if certificate is None else _replay_certificate(claim, setting, certificate)",
        new="None",
        asked=("tests/test_plugin.py::test_certificate_that_violates_nothing_turns_the_run_red",),
    ),
    Fault(
        "unrecorded-claim-passes",
        "report",
        "a verdict without record is no difference",
        old='if recorded == entry["verdict"]:',
        new='if recorded in (None, entry["verdict"]):',
        asked=("tests/test_report.py::test_differences_name_the_claim_and_both_verdicts",),
    ),
    Fault(
        "lost-claim-passes",
        "report",
        "a claim on record that is missing is no difference",
        old="if claim not in reported",
        new="if claim in ()",
        asked=("tests/test_cli.py::test_gate_names_recorded_claims_that_the_report_lacks",),
    ),
    Fault(
        "gate-open",
        "plugin",
        "a changed verdict passes",
        old=("            raise VerdictChanged(changed)\n"),
        new=("            pass\n"),
        asked=("tests/test_plugin.py::test_changed_verdict_names_the_claim",),
    ),
    Fault(
        "undecided-on-record",
        "cli",
        "undecided claims are put on record",
        old='if entry["verdict"] == "undecided"]',
        new='if entry["verdict"] == "unknown"]',
        asked=("tests/test_cli.py::test_gate_accepts_nothing_undecided",),
    ),
]
