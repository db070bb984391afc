"""What every command line of the project does with bad input and an early end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, ParamSpec

from theorycheck.cli.streams import lasting
from theorycheck.errors import ExitCode, InputError

P = ParamSpec("P")


class Parser(argparse.ArgumentParser):
    """An argument parser whose usage errors are bad input like any other.

    No option may be abbreviated: one that is added later would change what a script says.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see `{self.prog} --help`")


class Once(argparse.Action):
    """An option that says one thing, and of two would silently mean the last."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest, self.default) is not self.default:
            raise argparse.ArgumentError(self, "it is given twice; give one")
        setattr(namespace, self.dest, values)


def command(name: str) -> Callable[[Callable[P, int]], Callable[P, int]]:
    """Decorator: a function's exit code is returned, bad input told in one line after ``name``."""

    def decorate(work: Callable[P, int]) -> Callable[P, int]:
        @wraps(work)
        def run(*args: P.args, **kwargs: P.kwargs) -> int:
            with lasting():
                try:
                    try:
                        return work(*args, **kwargs)
                    finally:
                        sys.stdout.flush()
                except InputError as error:
                    print(f"{name}: {error}", file=sys.stderr)
                    return ExitCode.BAD_INPUT
                except OSError as error:
                    place = "" if error.filename is None else f"{error.filename}: "
                    print(f"{name}: {place}{error.strerror or error}", file=sys.stderr)
                    return ExitCode.BAD_INPUT
                except KeyboardInterrupt:
                    return ExitCode.INTERRUPTED

        return run

    return decorate
