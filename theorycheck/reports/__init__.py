"""Reports: ``claims.json`` and its pages, the baseline of verdicts on record, merging."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theorycheck.reports.baseline import Baseline, load_baseline
    from theorycheck.reports.companions import Companions
    from theorycheck.reports.coverage import (
        Coverage,
        Items,
        Placed,
        covered,
        load_items,
        unlisted,
    )
    from theorycheck.reports.documents import (
        ORDER,
        SCHEMA_VERSION,
        Circumstances,
        Report,
        Run,
        dumps,
        load_report,
        schema,
        try_writing,
        write_atomically,
        write_together,
    )
    from theorycheck.reports.folders import pages, replacing, write_report
    from theorycheck.reports.html.page import render_html
    from theorycheck.reports.markdown.cases import case_lines
    from theorycheck.reports.markdown.pages import render_markdown
    from theorycheck.reports.markdown.sections import section
    from theorycheck.reports.markdown.words import how_many, verdict_counts
    from theorycheck.reports.merging import merge
    from theorycheck.reports.needs import load_needs
    from theorycheck.reports.replaying import replay_certificate
    from theorycheck.reports.terminal import claim_sheet, printed, run_summary
else:
    from theorycheck._lazy import attach

    __getattr__, __dir__, __all__ = attach(__name__)
