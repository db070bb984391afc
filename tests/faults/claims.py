"""Faults of evidence, search, verdicts and examination."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS = [
    Fault(
        "tolerant-equality",
        "claims.comparisons",
        "equality has a tolerance",
        old="np.asarray(left == right, dtype=bool)",
        new="np.asarray(abs(left - right) <= 1e-6, dtype=bool)",
        asked=("tests/claims/test_comparisons.py::test_equality_is_exact",),
    ),
    Fault(
        "equality-of-one-entry",
        "claims.comparisons",
        "members are equal when one of their entries is",
        old="np.flatnonzero(~same.all(axis=1))",
        new="np.flatnonzero(~same.any(axis=1))",
        asked=(
            "tests/claims/test_comparisons.py::test_equality_shows_the_first_entry_of_the_first_member_that_fails",
            "properties/homogeneity/test_structural_lemma.py::structural-lemma-residual",
        ),
    ),
    Fault(
        "overlap-is-violation",
        "claims.comparisons",
        "an inequality that rounding leaves open is violated",
        old="if left.low > right.high:",
        new="if left.high > right.low:",
        asked=(
            "properties/ranks/test_rank_bound.py::rank-bound-spectral",
            "tests/claims/test_comparisons.py::test_intervals",
        ),
    ),
    Fault(
        "rejections-are-met",
        "claims.evidence",
        "rejected examples count as met",
        old="self.rejected[finding.reason] =",
        new=("self.met += finding.count\n                self.rejected[finding.reason] ="),
        asked=("tests/claims/test_evidence.py::test_rejections_are_counted_by_reason",),
    ),
    Fault(
        "shared-seed",
        "claims.declaration",
        "claim and control share their seed",
        old="{'control' if altered else 'claim'}",
        new="claim",
        asked=("tests/claims/test_declaration.py::test_seeds_depend_on_run_claim_and_side",),
    ),
    Fault(
        "counting-after-violation",
        "claims.search",
        "examples tried while shrinking count as evidence",
        old=("if evidence.counterexample is None:\n            _run_once"),
        new=("if True:\n            _run_once"),
        asked=(
            "tests/claims/test_search.py::test_counting_stops_at_the_first_violation_and_shrinking_goes_on",
        ),
    ),
    Fault(
        "shrinking-cohorts",
        "claims.search",
        "a violation in a cohort ends the search for a small one",
        old="shrinkable = setting.altered or not _is_cohort(drawn)",
        new="shrinkable = True",
        asked=(
            "tests/drawing/test_data.py::test_violations_shrink_to_a_single_small_network[mlps-2]",
        ),
    ),
    Fault(
        "seed-ignored",
        "claims.search",
        "every search has the same seed",
        old="hypothesis.seed(setting.seed)",
        new="hypothesis.seed(0)",
        asked=("tests/claims/test_search.py::test_the_seed_decides_what_is_tried",),
    ),
    Fault(
        "control-not-altered",
        "claims.search",
        "the control's setting is not passed on",
        old="for finding in claim.check(setting, **drawn):",
        new="for finding in claim.check(Setting(seed=setting.seed), **drawn):",
        asked=(
            "properties/homogeneity/test_structural_lemma.py::structural-lemma",
            "tests/claims/test_search.py::test_the_control_is_altered_and_not_shrunk",
        ),
    ),
    Fault(
        "five-per-cent",
        "claims.sequential",
        "a tendency is confirmed at the error rate of 1/20",
        old="if against_null >= 1 / tendency.alpha:",
        new="if against_null >= 20:",
        asked=("tests/claims/test_sequential.py::test_a_threshold_that_is_met_exactly_decides",),
    ),
    Fault(
        "sides-exchanged",
        "claims.sequential",
        "successes count against the effect",
        old="1 - tendency.null, failures, successes)",
        new="1 - tendency.null, successes, failures)",
        asked=(
            "tests/claims/test_sequential.py::test_values_worked_by_hand",
            "properties/sgd/test_sgd_noise.py::sgd-noise-settles-without-decay",
        ),
    ),
    Fault(
        "unnormalised-mixture",
        "claims.sequential",
        "likelihood ratios are integrated, not averaged",
        old="return integral / ((1 - least) * boundary**successes",
        new="return integral / (boundary**successes",
        asked=("tests/claims/test_sequential.py::test_values_worked_by_hand",),
    ),
    Fault(
        "control-ignored",
        "claims.verdicts",
        "a claim holds although its control survives",
        old="if control.counterexample is None:",
        new="if False:",
        asked=("tests/claims/test_verdicts.py::test_table",),
    ),
    Fault(
        "enough-ignored",
        "claims.verdicts",
        "a claim holds however rarely its hypotheses were met",
        old="if evidence.met < enough:",
        new="if False:",
        asked=("tests/claims/test_verdicts.py::test_table",),
    ),
    Fault(
        "open-ignored",
        "claims.verdicts",
        "examples that rounding left open count as decided",
        old="if evidence.met - evidence.open < enough:",
        new="if False:",
        asked=("tests/claims/test_verdicts.py::test_table",),
    ),
    Fault(
        "counterexample-ignored",
        "claims.verdicts",
        "a counterexample refutes only what was met often enough",
        old="if evidence.counterexample is not None:",
        new="if evidence.counterexample is not None and evidence.met >= enough:",
        asked=(
            "properties/homogeneity/test_structural_lemma.py::structural-lemma-biases",
            "tests/claims/test_verdicts.py::test_table",
        ),
    ),
    Fault(
        "tendency-control-ignored",
        "claims.verdicts",
        "a tendency holds although its control is not contradicted",
        old="if opposite is Decision.CONTRADICTED:",
        new="if True:",
        asked=("tests/claims/test_verdicts.py::test_table",),
    ),
    Fault(
        "certificate-not-replayed",
        "claims.examination",
        "the certificate on record does not count",
        old=("        evidence.counterexample = recorded\n"),
        new=("        pass\n"),
        asked=(
            "tests/pytest_plugin/test_session_certificates.py::test_certificate_on_record_is_replayed_first",
        ),
    ),
    Fault(
        "broken-certificate-accepted",
        "claims.examination",
        "a certificate that violates nothing is passed over",
        old="recorded = _replay_certificate(claim, setting, certificate)",
        new="recorded = None",
        asked=(
            "tests/pytest_plugin/test_session_certificates.py::test_certificate_that_violates_nothing_turns_the_run_red",
        ),
    ),
]
