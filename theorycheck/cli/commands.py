"""The command line: a thin layer over the pytest plugin, the report and the kernel.

Each command imports what it needs: ``verify`` works where nothing but Python is installed.

Exit codes are `theorycheck.errors.ExitCode`, which agree with pytest's own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from theorycheck.cli.arguments import parser_of_commands
from theorycheck.cli.console import command
from theorycheck.errors import ExitCode, InputError

if TYPE_CHECKING:
    from theorycheck.configuration import Project
    from theorycheck.reports.baseline import Baseline
    from theorycheck.reports.documents import Report


@command("theorycheck")
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    # Long: a line for each command.
    parser = parser_of_commands()
    options, extra = parser.parse_known_args(arguments)
    if extra and options.command != "run":
        parser.error(f"unrecognised arguments: {' '.join(extra)}")
    if options.command not in ("verify", "init"):
        _configure(options)
    match options.command:
        case "init":
            return _init(options.folder)
        case "list":
            return _list(options.paths)
        case "run":
            return _run(options.paths, extra)
        case "coverage":
            return _coverage(options.paths, options.baseline, options.paper)
        case "report":
            return _report(options)
        case "gate":
            return _gate(options)
        case "verify":
            return _verify(options.files, options.record, explain=options.explain)
        case "replay":
            return _replay(options.file, options.paths)
        case "power":
            return _power(options)
        case "stability":
            return _stability(options)
        case "needs":
            return _needs(options)
        case "merge":
            return _merge(options.runs, options.report_dir, options.baseline, options.paths)
        case _:
            return _show(options.id, options.report_dir)


def _configure(options: argparse.Namespace) -> None:
    """What was not said on the command line is as it is configured."""
    from theorycheck.configuration import Project, near

    project = Project.at(Path.cwd())
    configured = {
        "paths": tuple(map(near, project.paths)),
        "baseline": near(project.baseline),
        "report_dir": near(project.report_dir),
    }
    for name, value in configured.items():
        if getattr(options, name, None) is None:
            setattr(options, name, value)


def _init(folder: Path) -> int:
    from theorycheck.cli.starting import start

    print("\n".join(start(folder)))
    return ExitCode.OK


def _list(paths: Sequence[Path]) -> int:
    from theorycheck.pytest_plugin.collecting import collect_claims

    claims = sorted(collect_claims([*map(str, paths)]).values(), key=lambda c: c.id)
    width = max((len(claim.id) for claim in claims), default=0)
    for claim in claims:
        print(f"{claim.id:<{width}}  {claim.kind:<10}  {claim.title}")
    return ExitCode.OK


def _run(paths: Sequence[Path], words: Sequence[str]) -> int:
    from theorycheck.cli.running import run_claims

    return run_claims(paths, words)


def _coverage(paths: Sequence[Path], baseline: Path, paper: str | None) -> int:
    from theorycheck import reports
    from theorycheck.pytest_plugin.collecting import collect_claims

    lists = reports.load_items(paths)
    if paper is not None and paper not in [one.paper for one in lists]:
        known = ", ".join(one.paper for one in lists) or "none"
        raise InputError(f"no list of the items of {paper}; listed are: {known}")
    verdicts = reports.load_baseline(baseline).verdicts
    claims = [
        reports.Placed.on_record(claim, verdicts)
        for claim in collect_claims([*map(str, paths)]).values()
    ]
    found = [one for one in reports.covered(lists, claims) if paper in (None, one.paper)]
    for one in found:
        print("\n".join(one.lines()))
    for other in reports.unlisted(lists, claims) if paper is None else []:
        print(f"{other}: no list of its items")
    return ExitCode.OK if all(one.is_complete for one in found) else ExitCode.VERDICT_CHANGED


def _report(options: argparse.Namespace) -> int:
    from theorycheck import reports
    from theorycheck.reports.origins import Making
    from theorycheck.reports.since import since

    folder, earlier = options.report_dir, options.since
    report = reports.load_report(folder / "claims.json")
    if earlier is not None:
        for line in since(earlier, report) or [f"nothing differs from {earlier}"]:
            print(line)
    changed = reports.load_baseline(options.baseline).differing(report.claims)
    beside = reports.Companions.of(folder, options.paths, changed)
    if beside.unread:
        raise InputError(beside.unread[0])
    if options.commit is not None:
        beside = replace(beside, making=Making.of(folder, options.commit))
    pages = reports.pages(report, beside)
    reports.write_together(folder, reports.replacing(folder, pages))
    print(f"{len(report.claims)} claims: {reports.verdict_counts(report.claims)}")
    print(f"wrote {', '.join(str(folder / name) for name in sorted(pages))}")
    return ExitCode.OK


def _gate(options: argparse.Namespace) -> int:
    from theorycheck import reports
    from theorycheck.configuration import Project
    from theorycheck.reports import certified, gating

    folder, baseline = options.report_dir, options.baseline
    report = reports.load_report(folder / "claims.json")
    record = reports.load_baseline(baseline)
    project = Project.at(Path.cwd())
    if options.accept:
        return _accept(folder, report, baseline, record, project)
    changes = project.differences(record, report)
    faults = [
        *([] if options.part else gating.missing(report)),
        *gating.doubts(folder, report, project.folder, project.paths),
        *certified.on_record(baseline, record),
    ]
    for line in [*changes, *faults, *filter(None, [record.unexamined(report.claims)])]:
        print(line)
    besides = f", {len(faults)} faults besides" if faults else ""
    print(f"{reports.how_many(report)}, {len(changes)} differ from the record{besides}")
    return ExitCode.VERDICT_CHANGED if changes or faults else ExitCode.OK


def _accept(
    folder: Path, report: Report, baseline: Path, record: Baseline, project: Project
) -> int:
    from theorycheck import reports
    from theorycheck.reports import gating
    from theorycheck.reports.html.page import render_html

    changes = gating.changes(record, report)
    for line in changes:
        print(line)
    done = gating.accept(folder, report, baseline, record, project.folder, project.paths)
    for line in done:
        print(line)
    accepted, page = reports.load_baseline(baseline), folder / "claims.html"
    if accepted != record and page.exists():  # It says what differs from the record.
        changed = accepted.differing(report.claims)
        beside = reports.Companions.of(folder, project.paths, changed)
        reports.write_atomically(page, render_html(report, beside))
    changed_ids = {line.partition(":")[0] for line in changes if not line.startswith(" ")}
    print(f"{len(changed_ids)} of {len(report.claims)} claims changed on the record in {baseline}")
    return ExitCode.OK


def _verify(files: Sequence[str], record: str | None, *, explain: bool) -> int:
    from theorycheck import kernel
    from theorycheck.cli.noting import note

    named = [] if record is None else ["--record", record]
    code = kernel.main([*["--explain"] * explain, *named, "--", *files])
    noted = [note(Path(path), record) for path in files]
    return code if all(noted) else code or ExitCode.VERDICT_CHANGED


def _replay(file: Path, paths: Sequence[Path]) -> int:
    from theorycheck.pytest_plugin.collecting import collect_claims
    from theorycheck.reports.replaying import replay_certificate

    lines, reproduced = replay_certificate(file, collect_claims([*map(str, paths)]).values())
    print("\n".join(lines))
    return ExitCode.OK if reproduced else ExitCode.VERDICT_CHANGED


def _power(options: argparse.Namespace) -> int:
    from theorycheck import reports
    from theorycheck.cli import power
    from theorycheck.reports.power import FILE, NONE

    if options.workers < 1:
        raise InputError("workers are a count: give at least 1")
    place = options.report_dir / FILE
    reports.try_writing(place, "--report-dir")
    paths = tuple(map(str, options.paths))
    record = reports.load_baseline(options.baseline)
    known = power.known_before(options.report_dir, options.ids, options.seed, record)
    stated, others = power.chosen(paths, record, options.ids)
    found = []
    for one in power.measured(paths, stated, options.seed, options.workers):
        found.append(one)
        print("\n".join(one.lines()), flush=True)
        # What was measured stays when the rest is interrupted.
        power.write(place, found, others, options.seed, known)
    print("\n".join(power.summary(found, others)))
    power.write(place, found, others, options.seed, known if options.ids else NONE)
    print(f"wrote {place}")
    return ExitCode.OK


def _stability(options: argparse.Namespace) -> int:
    from theorycheck import reports
    from theorycheck.claims.setting import PROFILES
    from theorycheck.cli import stability

    if options.profile not in PROFILES:
        raise InputError(f"profile {options.profile!r} is not one of {', '.join(PROFILES)}")
    profile = PROFILES[options.profile]
    if options.output is not None:
        reports.try_writing(options.output, "--output")
    figures = stability.measure(
        tuple(map(str, options.paths)),
        reports.load_baseline(options.baseline).verdicts,
        profile,
        searches=options.searches,
        trainings=options.trainings,
        workers=options.workers,
        only=options.ids,
        tell=partial(print, file=sys.stderr, flush=True),
    )
    print("\n".join(figures.lines()))
    if options.output is not None:
        reports.write_atomically(options.output, reports.dumps(figures.document()))
    if figures.interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.VERDICT_CHANGED if figures.flips else ExitCode.OK


def _needs(options: argparse.Namespace) -> int:
    from theorycheck import reports
    from theorycheck.cli.needing import find_needs

    for line in find_needs(
        tuple(map(str, options.paths)),
        options.report_dir,
        reports.load_baseline(options.baseline),
        options.ids,
        seed=options.seed,
        workers=options.workers,
    ):
        print(line, flush=True)
    return ExitCode.OK


def _merge(runs: Sequence[Path], folder: Path, baseline: Path, paths: Sequence[Path]) -> int:
    from theorycheck import reports
    from theorycheck.configuration import Project
    from theorycheck.reports import gating, merging

    record = reports.load_baseline(baseline)
    loaded = [merging.load(run) for run in runs]
    merged = merging.merge(report for _, report in loaded)
    for name, text in merging.certificates(merged, loaded).items():
        reports.write_atomically(folder / name, text)
    wrote = reports.write_report(folder, merged, claims=paths, record=record)
    changes = Project.at(Path.cwd()).differences(record, merged)
    for line in reports.run_summary(merged, {}):
        print(line)
    for change in changes:
        print(f"CHANGED {change}")
    faults = [*gating.unfinished(merged)]
    for line in [*faults, *merging.unknown(merged), wrote]:
        print(line)
    return ExitCode.VERDICT_CHANGED if changes or faults else ExitCode.OK


def _show(claim: str, folder: Path) -> int:
    from rich.console import Console

    from theorycheck import reports

    for entry in reports.load_report(folder / "claims.json").claims:
        if entry.id == claim:
            screen = Console()
            colour = screen.is_terminal and not screen.no_color
            lines = reports.printed(reports.claim_sheet(entry), width=screen.width, colour=colour)
            print("\n".join(lines))
            return ExitCode.OK
    raise InputError(reports.load_baseline(folder / "baseline.json").unknown([claim]))
