"""How much memory is free: what the machine has, and what limits leave of it.

Limits are those of the process (``ulimit``) and of the control groups that it is in, as containers,
batch systems and service managers set them. An allocation beyond a limit of the process fails; one
beyond that of a control group ends the process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

ROOT = Path("/")
"""Where the kernel's files are looked for."""


def free_memory(device: torch.device) -> int:
    """Bytes that are free now, at least 0; where the system does not say, all of its memory."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return max(0, min((_of_machine(), *_of_process(), *_of_control_groups())))


def _of_machine() -> int:
    for line in _lines("proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return 1024 * int(line.split()[1])
    return _physical()


def _physical() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _of_process() -> Iterator[int]:
    """What the limits on address space and on data leave."""
    if resource is None:
        return
    for line in _lines("proc/self/statm"):
        pages = [int(count) for count in line.split()]
        size = os.sysconf("SC_PAGE_SIZE")
        for limit, taken in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
            most, _ = resource.getrlimit(limit)
            if most != resource.RLIM_INFINITY:
                yield most - size * taken


Files = tuple[tuple[str, ...], str, str]
FIRST: Files = ("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file"
SECOND: Files = ("memory.max", "memory.high"), "memory.current", "inactive_file"
"""Files of a control group of either version: its limits, what it takes, and what of that are files
that nobody uses, which make room."""


def _of_control_groups() -> Iterator[int]:
    """What the limits of the process's control groups leave; none is what the machine has not."""
    everything = _physical()
    for folder, (limits, taken, unused) in _control_groups(ROOT):
        for limit in limits:
            for most in _numbers(folder / limit):
                if most < everything:
                    files = _lines(folder / "memory.stat")
                    spare = [int(n) for name, n in map(str.split, files) if name == unused]
                    yield from (most - usage + sum(spare) for usage in _numbers(folder / taken))


@cache
def _control_groups(machine: Path) -> list[tuple[Path, Files]]:
    """The folders of the control groups that may limit memory, up to the root, and their files.

    As they are when asked for first: reading all of this takes as long as a small training.
    """
    found: list[tuple[Path, Files]] = []
    groups = [line.split(":", 2)[1:] for line in _lines(machine / "proc/self/cgroup")]
    # The second version has one hierarchy, which names no controller.
    own = {"memory" if "memory" in c.split(",") else c: group for c, group in groups}
    for line in _lines(machine / "proc/self/mountinfo"):
        mount, _, kind = line.partition(" - ")
        version, _, options = kind.split()[:3]
        if version == "cgroup2":
            group, files = own.get(""), SECOND
        elif version == "cgroup" and "memory" in options.split(","):
            group, files = own.get("memory"), FIRST
        else:
            continue
        root, place = mount.split()[3:5]
        top = inner = machine / place.lstrip("/")
        # A group outside of what is mounted here is limited by what is.
        if group is not None and os.path.commonpath([group, root]) == root:
            inner = top / os.path.relpath(group, root)
        found += [(f, files) for f in (inner, *inner.parents) if f == top or top in f.parents]
    return found


def _numbers(path: Path) -> list[int]:
    return [int(line) for line in _lines(path) if line.isdecimal()]


def _lines(path: str | Path) -> list[str]:
    """The lines of a file of the kernel; none where it is missing or cannot be read."""
    try:
        return (ROOT / path).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
