"""The programs by name: this engine's cohort training and its competitors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import torch

from theorycheck.bench import jax_programs, torch_programs
from theorycheck.bench.workloads import Task, Training
from theorycheck.errors import InputError


@dataclass(frozen=True)
class Program:
    """A way to train a task, and what it needs to run."""

    name: str
    description: str
    prepare: Callable[[Task], Training]
    lacks: Callable[[torch.device], str | None] = lambda device: None
    """Why the program cannot run on a device; None if it can."""
    one_by_one: bool = False
    """Whether members train one after another, so that a few of them show what each costs."""


ENGINE = Program("theorycheck", "theorycheck.training.sgd", torch_programs.engine)

COMPETITORS = {
    program.name: program
    for program in (
        Program(
            "plain",
            "nn.Module and torch.optim.SGD, one network after another",
            torch_programs.plain,
            one_by_one=True,
        ),
        Program(
            "stacked",
            "theorycheck.training.sgd(engine='stacked'), its path without a compiler",
            partial(torch_programs.engine, name="stacked"),
        ),
        Program("vmap", "torch.func.vmap(grad), step by step", torch_programs.vmapped),
        Program(
            "compile",
            "the vmap step under torch.compile",
            torch_programs.compiled,
            torch_programs.lacks_compiler,
        ),
        Program(
            "jax-vmap",
            "jax.jit(vmap(lax.scan))",
            jax_programs.vmapped,
            jax_programs.lacks_jax,
        ),
        Program(
            "jax-map",
            "jax.jit(lax.map) over members of a lax.scan",
            jax_programs.mapped,
            jax_programs.lacks_jax,
        ),
    )
}
GROUPS = {"jax": ("jax-vmap", "jax-map"), "all": tuple(COMPETITORS)}


def competitors(names: Iterable[str]) -> list[Program]:
    """Programs by name, each once; ``jax`` means both JAX programs and ``all`` every program.

    Raises:
        InputError: for an unknown name.
    """
    chosen: dict[str, Program] = {}
    for name in names:
        if name not in COMPETITORS and name not in GROUPS:
            known = ", ".join((*COMPETITORS, *GROUPS))
            raise InputError(f"unknown competitor {name!r}: choose from {known}")
        chosen |= {member: COMPETITORS[member] for member in GROUPS.get(name, (name,))}
    return list(chosen.values())
