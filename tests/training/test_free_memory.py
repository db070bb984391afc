"""Free memory under the limits of processes and control groups, from files written by hand."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
import torch

from tests.files import write_files
from theorycheck.training import free_memory

CPU = torch.device("cpu")
MACHINE = 1000 * 1024
UNLIMITED = 9223372036854771712
"""What the first version says where there is no limit."""

SECOND = {
    "proc/self/cgroup": "0::/user/job\n",
    "proc/self/mountinfo": (
        "22 1 8:1 / / rw - ext4 /dev/root rw\n"
        "31 22 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
    ),
    "sys/fs/cgroup/user/job/memory.max": "max\n",
    "sys/fs/cgroup/user/job/memory.high": "max\n",
    "sys/fs/cgroup/user/job/memory.current": "3000\n",
    "sys/fs/cgroup/user/job/memory.stat": "anon 2000\ninactive_file 700\nactive_file 300\n",
}
FIRST = {
    "proc/self/cgroup": "12:cpu,cpuacct:/\n4:name=systemd:/x\n3:memory:/batch/7\n0::/\n",
    "proc/self/mountinfo": (
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw shared:7 - cgroup cgroup rw,memory\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    ),
    "sys/fs/cgroup/memory/batch/7/memory.limit_in_bytes": f"{UNLIMITED}\n",
    "sys/fs/cgroup/memory/batch/7/memory.usage_in_bytes": "5000\n",
    "sys/fs/cgroup/memory/batch/7/memory.stat": "inactive_file 1\ntotal_inactive_file 40\n",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of its own: no limits, and `MACHINE` bytes available."""
    monkeypatch.setattr(free_memory, "ROOT", tmp_path)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    write(tmp_path, {"proc/meminfo": f"MemTotal: 9 kB\nMemAvailable:   {MACHINE // 1024} kB\n"})
    return tmp_path


def write(root: Path, files: dict[str, str]) -> None:
    free_memory._control_groups.cache_clear()
    write_files(root, files)


def free() -> int:
    return free_memory.free_memory(CPU)


def test_without_limits_it_is_what_the_machine_has(root: Path) -> None:
    assert free() == MACHINE
    for files in (SECOND, FIRST):
        write(root, files)
        assert free() == MACHINE
    (root / "proc/meminfo").unlink()
    assert free() == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize("limit", ["memory.max", "memory.high"])
@pytest.mark.parametrize("group", ["user/job", "user", ""])
def test_the_second_version(root: Path, group: str, limit: str) -> None:
    """A limit of the group itself, of one around it, or of the root; unused files do not count."""
    folder = f"sys/fs/cgroup/{group}".rstrip("/")
    usage = {
        f"{folder}/{limit}": "4096\n",
        f"{folder}/memory.current": "3000\n",
        f"{folder}/memory.stat": "inactive_file 700\n",
    }
    write(root, SECOND | usage)
    assert free() == 4096 - 3000 + 700
    write(root, {f"{folder}/memory.current": "9000\n"})
    assert free() == 0


@pytest.mark.parametrize("group", ["batch/7", "batch", ""])
def test_the_first_version(root: Path, group: str) -> None:
    folder = f"sys/fs/cgroup/memory/{group}".rstrip("/")
    usage = {
        f"{folder}/memory.limit_in_bytes": "8192\n",
        f"{folder}/memory.usage_in_bytes": "5000\n",
        f"{folder}/memory.stat": "inactive_file 1\ntotal_inactive_file 40\n",
    }
    write(root, FIRST | usage)
    assert free() == 8192 - 5000 + 40


def test_in_a_container_the_group_is_where_its_files_are_mounted(root: Path) -> None:
    """Its path is that of the host, or goes up from a root of its own."""
    mounted = "31 22 0:28 {root} /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    files = {"sys/fs/cgroup/memory.max": "500\n", "sys/fs/cgroup/memory.current": "100\n"}
    for top, group in (("/docker/ab", "/docker/ab"), ("/", "/../elsewhere"), ("/docker/ab", "/")):
        own = {
            "proc/self/cgroup": f"0::{group}\n",
            "proc/self/mountinfo": mounted.format(root=top),
        }
        write(root, files | own)
        assert free() == 400


def test_files_that_cannot_be_read_say_nothing(root: Path) -> None:
    write(root, SECOND)
    (root / "sys/fs/cgroup/user/job/memory.max").unlink()
    (root / "sys/fs/cgroup/user/job/memory.max").mkdir()
    (root / "sys/fs/cgroup/user/job/memory.stat").unlink()
    assert free() == MACHINE
    write(root, {"sys/fs/cgroup/user/job/memory.high": "3500\n"})
    assert free() == 500


@pytest.mark.parametrize(("limit", "field"), [("RLIMIT_AS", 0), ("RLIMIT_DATA", 5)])
def test_limits_of_the_process(
    root: Path, limit: str, field: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    taken = ["9"] * 7
    taken[field] = "4"
    write(root, {"proc/self/statm": " ".join(taken) + "\n"})

    def limits(asked: int) -> tuple[int, int]:
        own = asked == getattr(resource, limit)
        return (10 * page if own else resource.RLIM_INFINITY), resource.RLIM_INFINITY

    monkeypatch.setattr(resource, "getrlimit", limits)
    assert free() == 6 * page
