"""The command line: a thin layer over the pytest plugin, the report and the kernel.

Each command imports what it needs: ``verify`` works where nothing but Python is installed.

Exit codes are `theorycheck.errors.ExitCode`, which agree with pytest's own.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from theorycheck import __version__
from theorycheck.cli.console import Parser, command
from theorycheck.errors import ExitCode, InputError

if TYPE_CHECKING:
    from theorycheck.reports.baseline import Baseline
    from theorycheck.reports.documents import Report

    Commands = argparse._SubParsersAction[Parser]

EXIT_CODES = """\
exit codes:
  0  every verdict and every statement is the one on record
  1  a verdict or statement changed or has no record, a claim stayed undecided, was not examined
     to its end or is gone; a certificate was rejected
  2  interrupted, also by a file that cannot be imported; the report holds what was finished
  3  internal error
  4  bad input: a claim id, option, file or folder that cannot be used
"""


@command("theorycheck")
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    # Long: a line for each command.
    parser = _parser()
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
            return _report(options.report_dir, options.paths, options.since)
        case "gate":
            return _gate(options.report_dir, options.baseline, accept=options.accept)
        case "verify":
            return _verify(options.files, options.record, explain=options.explain)
        case "replay":
            return _replay(options.file, options.paths)
        case "power":
            return _power(options)
        case "stability":
            return _stability(options)
        case "merge":
            return _merge(options.runs, options.report_dir, options.baseline, options.paths)
        case _:
            return _show(options.id, options.report_dir)


def _parser() -> Parser:
    parser = Parser(
        prog="theorycheck",
        allow_abbrev=False,
        description="Check the claims of theory papers on random networks and real training.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser)
    path = Parser(add_help=False)
    path.add_argument(
        "--path",
        type=lambda path: (Path(path),),
        dest="paths",
        metavar="PATH",
        help="where the claims are (by default: properties)",
    )
    record = Parser(add_help=False)
    record.add_argument("--baseline", type=Path, metavar="FILE")
    _add_claims(commands, path, record)
    _add_reports(commands, record)
    _add_certificates(commands, path)
    _add_power(commands, path, record)
    _add_stability(commands, path, record)
    return parser


def _add_claims(commands: Commands, path: Parser, record: Parser) -> None:
    """Commands about claims."""
    init = commands.add_parser(
        "init", help="make a folder with one claim, the configuration and a CI job that gates"
    )
    init.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="FOLDER")
    commands.add_parser("list", parents=[path], help="name all claims")
    coverage = commands.add_parser(
        "coverage",
        parents=[path, record],
        help="what of a paper is claimed, and what is still open",
    )
    coverage.add_argument("paper", nargs="?", metavar="PAPER", help="key of a paper (default: all)")
    commands.add_parser(
        "run",
        parents=[path],
        allow_abbrev=False,
        usage="theorycheck run [ID ...] [--path PATH] [option of pytest ...]",
        help="check these claims, or all; options of pytest may stand anywhere",
    )


def _add_reports(commands: Commands, record: Parser) -> None:
    """Commands about reports."""
    folder = Parser(add_help=False)
    folder.add_argument("--report-dir", type=Path, metavar="DIR")
    report = commands.add_parser(
        "report", parents=[folder], help="rewrite claims.html and claims.md from claims.json"
    )
    report.add_argument(
        "--since", type=Path, metavar="FILE", help="say what differs from that report or record"
    )
    gate = commands.add_parser(
        "gate", parents=[folder, record], help="compare the last report with the record"
    )
    gate.add_argument("--accept", action="store_true", help="put what the report says on record")
    show = commands.add_parser("show", parents=[folder], help="print one claim of the last report")
    show.add_argument("id", metavar="ID")
    merge = commands.add_parser(
        "merge", parents=[record], help="make one report of those of several runs or machines"
    )
    merge.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="a report folder or its claims.json"
    )
    merge.add_argument("--report-dir", type=Path, default=Path("merged"), metavar="DIR")


def _add_certificates(commands: Commands, path: Parser) -> None:
    """Commands about certificates."""
    verify = commands.add_parser(
        "verify", help="re-check certificates with the standard library alone"
    )
    verify.add_argument("files", nargs="+", metavar="FILE")
    verify.add_argument("--explain", action="store_true", help="print what each of them states")
    verify.add_argument(
        "--record",
        metavar="FILE",
        help="with which to compare their statements (default: baseline.json in the folder above)",
    )
    replay = commands.add_parser(
        "replay", parents=[path], help="reproduce the example of a certificate with the engine"
    )
    replay.add_argument("file", type=Path, metavar="FILE")


def _add_power(commands: Commands, path: Parser, record: Parser) -> None:
    power = commands.add_parser(
        "power",
        parents=[path, record],
        help="change each formula in all small ways, and see which changes are refuted",
    )
    power.add_argument("ids", nargs="*", metavar="ID", help="claims (default: all that pass)")
    power.add_argument("--seed", type=int, default=0)
    power.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    power.add_argument("--report-dir", type=Path, metavar="DIR", help="where power.json is written")


def _add_stability(commands: Commands, path: Parser, record: Parser) -> None:
    stability = commands.add_parser(
        "stability",
        parents=[path, record],
        help="bound how probably another seed changes a verdict",
    )
    stability.add_argument("ids", nargs="*", metavar="ID", help="claims (default: all)")
    stability.add_argument(
        "--searches", type=int, default=100, help="rounds of every claim and control (100)"
    )
    stability.add_argument(
        "--trainings", type=int, default=10, help="examinations of every tendency (10)"
    )
    stability.add_argument("--profile", default="quick")
    stability.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    stability.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON")


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
    sys.stdout.flush()
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


def _report(folder: Path, paths: Sequence[Path], earlier: Path | None) -> int:
    from theorycheck import reports
    from theorycheck.reports.since import since

    report = reports.load_report(folder / "claims.json")
    if earlier is not None:
        for line in since(earlier, report) or [f"nothing differs from {earlier}"]:
            print(line)
    pages = reports.pages(report, reports.Companions.of(folder, paths))
    reports.write_together(folder, dict(pages))
    print(f"{len(report.claims)} claims: {reports.verdict_counts(report.claims)}")
    print(f"wrote {', '.join(str(folder / name) for name in pages)}")
    return ExitCode.OK


def _gate(folder: Path, baseline: Path, *, accept: bool) -> int:
    from theorycheck import reports
    from theorycheck.configuration import Project
    from theorycheck.reports import certified, gating

    report = reports.load_report(folder / "claims.json")
    record = reports.load_baseline(baseline)
    project = Project.at(Path.cwd())
    if accept:
        return _accept(folder, report, baseline, record, project.folder)
    changes = project.differences(record, report)
    faults = [
        *gating.doubts(folder, report, project.folder),
        *certified.on_record(baseline, record),
    ]
    for line in [*changes, *faults]:
        print(line)
    besides = f", {len(faults)} faults besides" if faults else ""
    print(f"{reports.how_many(report)}, {len(changes)} differ from the record{besides}")
    return ExitCode.VERDICT_CHANGED if changes or faults else ExitCode.OK


def _accept(folder: Path, report: Report, baseline: Path, record: Baseline, root: Path) -> int:
    from theorycheck.reports import gating

    changes = gating.changes(record, report)
    for line in changes:
        print(line)
    for line in gating.accept(folder, report, baseline, record, root):
        print(line)
    changed = sum(not line.startswith(" ") for line in changes)
    print(f"{changed} of {len(report.claims)} claims changed on the record in {baseline}")
    return ExitCode.OK


def _verify(files: Sequence[str], record: str | None, *, explain: bool) -> int:
    from theorycheck import kernel

    named = [] if record is None else ["--record", record]
    code = kernel.main([*["--explain"] * explain, *named, "--", *files])
    for path in files:
        _note_new_name(Path(path), record)
    return code


def _note_new_name(path: Path, record: str | None) -> None:
    """Say so when a record with which a certificate is compared has another name for its claim.

    Read by the kernel's own means, because verifying loads nothing else.
    """
    from theorycheck import kernel

    try:
        named = kernel.read_file(path, kernel.MOST_BYTES).get("claim")
        for place in kernel.beside(path) if record is None else [Path(record)]:
            renames = kernel.read_file(place, 10 * kernel.MOST_BYTES).get("renamed")
            if isinstance(renames, dict) and isinstance(named, str) and named in renames:
                kernel.say(f"{named} is now called {renames[named]}", sys.stdout)
    except kernel.Rejected:
        return


def _replay(file: Path, paths: Sequence[Path]) -> int:
    from theorycheck.pytest_plugin.collecting import collect_claims
    from theorycheck.reports.replaying import replay_certificate

    lines, reproduced = replay_certificate(file, collect_claims([*map(str, paths)]).values())
    print("\n".join(lines))
    return ExitCode.OK if reproduced else ExitCode.VERDICT_CHANGED


def _power(options: argparse.Namespace) -> int:
    from theorycheck import reports
    from theorycheck.cli import power
    from theorycheck.reports.power import FILE

    if options.workers < 1:
        raise InputError("workers are a count: give at least 1")
    paths = tuple(map(str, options.paths))
    stated, others = power.chosen(paths, reports.load_baseline(options.baseline), options.ids)
    found = []
    for one in power.measured(paths, stated, options.seed, options.workers):
        found.append(one)
        print("\n".join(one.lines()), flush=True)
    print("\n".join(power.summary(found, others)))
    if not options.ids:
        written = power.document_of(found, others, options.seed)
        place = options.report_dir / FILE
        reports.write_atomically(place, reports.dumps(written.document()))
        print(f"wrote {place}")
    return ExitCode.OK


def _stability(options: argparse.Namespace) -> int:
    from theorycheck import reports
    from theorycheck.claims.setting import PROFILES
    from theorycheck.cli import stability

    if options.profile not in PROFILES:
        raise InputError(f"profile {options.profile!r} is not one of {', '.join(PROFILES)}")
    profile = PROFILES[options.profile]
    figures = stability.measure(
        tuple(map(str, options.paths)),
        reports.load_baseline(options.baseline).verdicts,
        profile,
        searches=options.searches,
        trainings=options.trainings,
        workers=options.workers,
        only=options.ids,
    )
    if options.output is not None:
        reports.write_atomically(options.output, reports.dumps(figures.document()))
    print("\n".join(figures.lines()))
    if figures.interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.VERDICT_CHANGED if figures.flips else ExitCode.OK


def _merge(runs: Sequence[Path], folder: Path, baseline: Path, paths: Sequence[Path]) -> int:
    from theorycheck import reports
    from theorycheck.configuration import Project
    from theorycheck.reports import merging

    record = reports.load_baseline(baseline)
    loaded = [merging.load(run) for run in runs]
    merged = merging.merge(report for _, report in loaded)
    for name, text in merging.certificates(merged, loaded).items():
        reports.write_atomically(folder / name, text)
    wrote = reports.write_report(folder, merged, claims=paths)
    changes = Project.at(Path.cwd()).differences(record, merged)
    for line in [*reports.run_summary(merged, {}), *merging.counted_once(merged)]:
        print(line)
    for change in changes:
        print(f"CHANGED {change}")
    for line in [*merging.unknown(merged), wrote]:
        print(line)
    return ExitCode.VERDICT_CHANGED if changes else ExitCode.OK


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
