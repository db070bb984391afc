"""The modules that are changed, and whose tests are asked."""

from __future__ import annotations

from pathlib import Path

from tests.mutants import ROOT

TARGETS: dict[str, tuple[str, ...]] = {
    "kernel": (
        "kernel/test_numbers_by_hand.py",
        "kernel/test_arrays_by_hand.py",
        "kernel/test_formulas_by_hand.py",
        "kernel/test_settling_by_hand.py",
        "kernel/test_command_by_hand.py",
        "kernel/test_work.py",
        "kernel/test_limits.py",
        "kernel/test_exponentials.py",
        "kernel/test_language.py",
        "kernel/test_matrices.py",
        "kernel/test_networks.py",
        "kernel/test_numbers.py",
        "kernel/test_verdicts.py",
        "kernel/test_documents.py",
        "kernel/test_command.py",
        "kernel/test_tampering.py",
        "kernel/test_residues.py",
        "kernel/test_cost.py",
        "kernel/test_proofs_by_hand.py",
        "kernel/test_proofs.py",
    ),
    "claims.verdicts": ("claims/test_verdicts.py",),
    "claims.sequential": ("claims/test_sequential.py",),
    "claims.evidence": ("claims/test_evidence.py", "claims/test_evidence_examples.py"),
    "reports.merging": (
        "reports/test_merging.py",
        "reports/test_merging_bad_input.py",
        "reports/test_merging_parts.py",
    ),
    "arithmetic.error_bounds": (
        "arithmetic/test_error_bounds_terms.py",
        "arithmetic/test_error_bounds.py",
        "statements/test_bounded.py",
    ),
    "arithmetic.enclosures": (
        "arithmetic/test_enclosures.py",
        "arithmetic/test_singular_values_terms.py",
        "arithmetic/test_singular_values.py",
        "arithmetic/test_singular_values_balls.py",
    ),
    "arithmetic.dyadic": ("arithmetic/test_dyadic.py",),
    "arithmetic.residues": ("arithmetic/test_residues.py", "statements/test_field.py"),
    "arithmetic.singular_values": (
        "arithmetic/test_singular_values_terms.py",
        "arithmetic/test_singular_values.py",
        "arithmetic/test_singular_values_balls.py",
    ),
    "cli.rounds": ("cli/test_rounds.py", "cli/test_stability.py"),
    "cli.stability": ("cli/test_stability.py",),
    "measures.features": ("measures/test_features.py", "measures/test_collapse.py"),
    "networks.norms": ("networks/test_norms.py", "networks/test_norms_differences.py"),
    "statements.bounded": ("statements/test_bounded.py", "arithmetic/test_error_bounds.py"),
    "statements.dyadics": ("statements/test_dyadics.py",),
    "statements.field": ("statements/test_field.py",),
}
"""The tests in ``tests/`` that are asked about a module."""


def source_of(module: str) -> str:
    """The source of a module of theorycheck."""
    return path_of(module).read_text(encoding="utf-8")


def path_of(module: str) -> Path:
    """Where a module of theorycheck is."""
    return ROOT / "theorycheck" / f"{module.replace('.', '/')}.py"
