"""Faults of the record and of merging."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS = [
    Fault(
        "unrecorded-claim-passes",
        "reports.baseline",
        "a verdict without record is no difference",
        old="        if recorded is None:\n",
        new="        if recorded is None:\n            return None\n        if False:\n",
        asked=(
            "tests/reports/test_baseline.py::test_differences_name_the_claim_and_both_verdicts",
        ),
    ),
    Fault(
        "lost-claim-passes",
        "reports.baseline",
        "a claim on record that is missing is no difference",
        old="if claim not in known",
        new="if claim in ()",
        asked=(
            "tests/cli/test_commands.py::test_gate_names_recorded_claims_that_the_report_lacks",
        ),
    ),
    Fault(
        "changed-statement-passes",
        "reports.baseline",
        "a statement that is not the one on record is no difference",
        old="elif parts := self._changed(version, entry):",
        new="elif False:",
        asked=(
            "tests/reports/test_baseline.py::test_a_statement_that_changed_differs_even_with_the_verdict_on_record",
        ),
    ),
    Fault(
        "same-run-twice",
        "reports.merging",
        "evidence of one seed adds up with itself",
        old="        if common:",
        new="        if False:",
        asked=(
            "tests/reports/test_merging.py::test_the_same_run_twice_is_refused_also_when_it_was_made_elsewhere",
        ),
    ),
    Fault(
        "first-run-only",
        "reports.merging",
        "merged evidence is that of the first run",
        old="evidence=self._added(self.evidence, other.evidence)",
        new="evidence=self.evidence",
        asked=(
            "tests/reports/test_merging.py::test_pairs_of_several_runs_decide_what_none_of_them_decides",
        ),
    ),
    Fault(
        "undecided-on-record",
        "reports.baseline",
        "undecided claims are put on record",
        old='if e.verdict == "undecided"]',
        new='if e.verdict == "unknown"]',
        asked=("tests/cli/test_commands.py::test_gate_accepts_nothing_undecided",),
    ),
]
