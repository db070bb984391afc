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
        case "report":
            return _report(options.report_dir)
        case "gate":
            return _gate(options.report_dir, options.baseline, accept=options.accept)
        case "verify":
            return _verify(options.files, options.record, explain=options.explain)
        case "replay":
            return _replay(options.file, options.paths)
        case "stability":
            return _stability(options)
        case "needs":
            return _needs(options)
        case "merge":
            return _merge(options.runs, options.report_dir, options.baseline)
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
    _add_claims(commands, path)
    _add_reports(commands, record)
    _add_certificates(commands, path)
    _add_stability(commands, path, record)
    _add_needs(commands, path, record)
    return parser


def _add_claims(commands: Commands, path: Parser) -> None:
    """Commands about claims."""
    init = commands.add_parser(
        "init", help="make a folder with one claim, the configuration and a CI job that gates"
    )
    init.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="FOLDER")
    commands.add_parser("list", parents=[path], help="name all claims")
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
    commands.add_parser("report", parents=[folder], help="rewrite claims.md from claims.json")
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


def _add_needs(commands: Commands, path: Parser, record: Parser) -> None:
    needs = commands.add_parser(
        "needs",
        parents=[path, record],
        help="leave out hypotheses one at a time, and look for equality in bounds",
    )
    needs.add_argument("ids", nargs="*", metavar="ID", help="claims (default: all that pass)")
    needs.add_argument("--report-dir", type=Path, metavar="DIR")
    needs.add_argument("--seed", type=int, default=0, help="of the searches (0)")
    needs.add_argument("--workers", type=int, default=os.cpu_count() or 1)


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


def _report(folder: Path) -> int:
    from theorycheck import reports

    report = reports.load_report(folder / "claims.json")
    page = reports.render_markdown(report, reports.load_needs(folder))
    reports.write_atomically(folder / "claims.md", page)
    print(f"{len(report.claims)} claims: {reports.verdict_counts(report.claims)}")
    print(f"wrote {folder / 'claims.md'}")
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


def _merge(runs: Sequence[Path], folder: Path, baseline: Path) -> int:
    from theorycheck import reports
    from theorycheck.reports import merging

    record = reports.load_baseline(baseline)
    loaded = [merging.load(run) for run in runs]
    merged = merging.merge(report for _, report in loaded)
    for name, text in merging.certificates(merged, loaded).items():
        reports.write_atomically(folder / name, text)
    wrote = reports.write_report(folder, merged)
    changes = record.differences(merged.claims)
    for line in [*reports.run_summary(merged, {}), *merging.counted_once(merged)]:
        print(line)
    for change in changes:
        print(f"CHANGED {change}")
    for line in [*merging.unknown(merged), wrote]:
        print(line)
    return ExitCode.VERDICT_CHANGED if changes else ExitCode.OK


def _show(claim: str, folder: Path) -> int:
    from theorycheck import reports

    needs = reports.load_needs(folder)
    for entry in reports.load_report(folder / "claims.json").claims:
        if entry.id == claim:
            # Without the anchor that other parts of claims.md link to.
            print("\n".join(reports.section(entry, needs.of(entry))[2:]))
            return ExitCode.OK
    raise InputError(reports.load_baseline(folder / "baseline.json").unknown([claim]))
