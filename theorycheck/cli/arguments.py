"""What may be said on the command line."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from theorycheck import __version__
from theorycheck.cli.console import Once, Parser
from theorycheck.errors import named

if TYPE_CHECKING:
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

RUN_OPTIONS = """\
options of theorycheck, besides all of pytest, which `pytest --help` describes:
  --profile NAME        how much is tried: quick, default, deep or explore
  --claims ID[,ID...]   only these claims, as the words that are no options
  --images DATA         what claims on real data train on: digits, mnist:FOLDER or cifar10:FOLDER
  --device NAME         where trainings run: auto, cpu or cuda
  --report-dir DIR      where the report is written
  --baseline FILE       verdicts on record, with certificates/ beside it
  --seed N              seed of the run
  -n N                  processes (by default one for each core; one where claims are named)
"""


def place(text: str) -> Path:
    """The path that an option names."""
    return Path(named(text))


def parser_of_commands() -> Parser:
    parser = Parser(
        prog="theorycheck",
        description="Check the claims of theory papers on random networks and real training.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser)
    path = Parser(add_help=False)
    path.add_argument(
        "--path",
        action=Once,
        type=lambda path: (place(path),),
        dest="paths",
        metavar="PATH",
        help="where the claims are (by default: properties)",
    )
    record = Parser(add_help=False)
    record.add_argument("--baseline", action=Once, type=place, metavar="FILE")
    _add_claims(commands, path, record)
    _add_reports(commands, record)
    _add_certificates(commands, path)
    _add_studies(commands, path, record)
    _add_stability(commands, path, record)
    return parser


def _add_claims(commands: Commands, path: Parser, record: Parser) -> None:
    """Commands about claims."""
    init = commands.add_parser(
        "init", help="make a folder with one claim, the configuration and a CI job that gates"
    )
    init.add_argument("folder", nargs="?", type=place, default=Path(), metavar="FOLDER")
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
        usage="theorycheck run [ID ...] [--path PATH] [option of pytest ...]",
        help="check these claims, or all; options of pytest may stand anywhere",
        epilog=RUN_OPTIONS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_reports(commands: Commands, record: Parser) -> None:
    """Commands about reports."""
    folder = Parser(add_help=False)
    folder.add_argument("--report-dir", action=Once, type=place, metavar="DIR")
    report = commands.add_parser(
        "report", parents=[folder], help="rewrite claims.html and claims.md from claims.json"
    )
    report.add_argument(
        "--since",
        action=Once,
        type=place,
        metavar="FILE",
        help="say what differs from that report or record",
    )
    report.add_argument(
        "--commit",
        type=named,
        metavar="COMMIT",
        help="say of which commit, and what versions, in claims.html",
    )
    gate = commands.add_parser(
        "gate", parents=[folder, record], help="compare the last report with the record"
    )
    gate.add_argument(
        "--part", action="store_true", help="a report on a part of the claims will do"
    )
    gate.add_argument("--accept", action="store_true", help="put what the report says on record")
    show = commands.add_parser("show", parents=[folder], help="print one claim of the last report")
    show.add_argument("id", metavar="ID")
    merge = commands.add_parser(
        "merge", parents=[record], help="make one report of those of several runs or machines"
    )
    merge.add_argument(
        "runs", nargs="+", type=place, metavar="RUN", help="a report folder or its claims.json"
    )
    merge.add_argument(
        "--report-dir", action=Once, type=place, default=Path("merged"), metavar="DIR"
    )


def _add_certificates(commands: Commands, path: Parser) -> None:
    """Commands about certificates."""
    verify = commands.add_parser(
        "verify", help="re-check certificates with the standard library alone"
    )
    verify.add_argument("files", nargs="+", metavar="FILE")
    verify.add_argument("--explain", action="store_true", help="print what each of them states")
    verify.add_argument(
        "--record",
        action=Once,
        type=named,
        metavar="FILE",
        help="with which to compare their statements (default: baseline.json in the folder above)",
    )
    replay = commands.add_parser(
        "replay", parents=[path], help="reproduce the example of a certificate with the engine"
    )
    replay.add_argument("file", type=place, metavar="FILE")


def _add_studies(commands: Commands, path: Parser, record: Parser) -> None:
    """Commands that look into claims that pass, and write what they find beside the report."""
    studies = {
        "power": "change each formula in all small ways, and see which changes are refuted",
        "needs": "leave out hypotheses one at a time, and look for equality in bounds",
    }
    for name, words in studies.items():
        study = commands.add_parser(name, parents=[path, record], help=words)
        study.add_argument("ids", nargs="*", metavar="ID", help="claims (default: all that pass)")
        study.add_argument("--seed", type=int, default=0, help="of the examples (0)")
        study.add_argument("--workers", type=int, default=os.cpu_count() or 1)
        study.add_argument(
            "--report-dir",
            action=Once,
            type=place,
            metavar="DIR",
            help=f"where {name}.json is written",
        )


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
    stability.add_argument("--output", type=place, metavar="FILE", help="write the figures as JSON")
