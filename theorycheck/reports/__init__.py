"""Reports: ``claims.json``, ``claims.md``, the baseline of verdicts on record, merging."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theorycheck.reports.baseline import Baseline, load_baseline
    from theorycheck.reports.documents import (
        ORDER,
        SCHEMA_VERSION,
        Circumstances,
        Report,
        Run,
        dumps,
        load_report,
        schema,
        write_atomically,
        write_together,
    )
    from theorycheck.reports.folders import write_report
    from theorycheck.reports.markdown import (
        case_lines,
        how_many,
        render_markdown,
        run_summary,
        section,
        verdict_counts,
        verdict_table,
    )
    from theorycheck.reports.merging import merge
    from theorycheck.reports.needs import load_needs
    from theorycheck.reports.replaying import replay_certificate
else:
    from theorycheck._lazy import attach

    __getattr__, __dir__, __all__ = attach(__name__)
