"""Processes as the kernel sees them: processor time, memory, cores."""

import os
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]


def tree(pid: int) -> list[int]:
    """A process and all its descendants that live."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found


def cpu_s(pids: list[int]) -> float:
    """Processor seconds, user and system, that the processes have used so far."""
    return sum(map(_ticks, pids)) / _TICKS


def _ticks(pid: int) -> int:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    return 0


def memory_mb(pids: list[int]) -> float:
    """Proportional set size in MB (10^6 bytes): shared pages are counted once."""
    return sum(map(_pss_kb, pids)) * 1024 / 1e6


def _pss_kb(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def pin(pids: list[int], cores: list[int]) -> None:
    """Let processes, with all their threads, run on these cores alone."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*"):
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), cores)


def describe() -> dict[str, str]:
    """What a reader of the figures has to know of the machine; nothing that names it."""
    model = "unknown"
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if "model name" in line), model)
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "processor": model,
        "cores": str(len(CORES)),
        "memory": f"{memory_gb:.0f} GB",
        "kernel": os.uname().release.split("-")[0],
        "load before": load,
    }
