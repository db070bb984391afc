"""Reports: ``claims.json``, ``claims.md``, the baseline of verdicts on record, merging."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theorycheck.reports.baseline import baseline_text, difference, differences, load_baseline
    from theorycheck.reports.documents import (
        ENTRY_FIELDS,
        ORDER,
        SCHEMA_VERSION,
        Entry,
        dumps,
        load_report,
        runs,
        write_atomically,
    )
    from theorycheck.reports.markdown import (
        case_lines,
        render_markdown,
        report_text,
        run_summary,
        section,
        verdict_counts,
        verdict_part,
        verdict_table,
        write_report,
    )
    from theorycheck.reports.replaying import replay_certificate
else:
    from theorycheck._lazy import attach

    __getattr__, __dir__, __all__ = attach(__name__)
