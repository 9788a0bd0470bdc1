"""The product as something to kill and to start again."""

import fcntl
import random
import signal
from contextlib import ExitStack, suppress
from os import kill
from pathlib import Path
from typing import Literal

import httpx

from tests.support import Running, running_product, wait_for
from tests.support.waiting import is_gone

Kind = Literal["server", "worker", "query", "supervisor", "all"]
SHARES: dict[Kind, int] = {"server": 6, "worker": 5, "query": 3, "supervisor": 2, "all": 2}


def plan(kills: int, chance: random.Random) -> list[Kind]:
    """``kills`` kinds in their shares, in random order."""
    kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
    order = [kinds[number % len(kinds)] for number in range(kills)]
    chance.shuffle(order)
    return order


class Target:
    """``tallybrook serve`` on one data directory, under whatever process id it has now."""

    def __init__(self, tmp_path: Path, key: str, stack: ExitStack) -> None:
        self._tmp_path, self.key, self._stack = tmp_path, key, stack
        self.data = tmp_path / "data"
        self.kills = 0
        self.running = self.start()

    @property
    def url(self) -> str:
        return self.running.url

    def start(self) -> Running:
        """A fresh supervisor; the directory must be free by now."""
        settings = {"TALLYBROOK_QUERY_RATE": "0", "TALLYBROOK_QUERY_WORKERS": "1"}
        product = running_product(self._tmp_path, key=self.key, **settings)
        self.running = self._stack.enter_context(product)
        return self.running

    def kill(self, kind: Kind) -> None:
        """SIGKILL to what is named; where nobody is left to start it again, start the product."""
        pids = wait_for(lambda: self._pids(kind), 30, f"a {kind} to kill")
        family = self._pids("all")
        for pid in pids:
            with suppress(ProcessLookupError):
                kill(pid, signal.SIGKILL)
                self.kills += 1
        if kind in ("supervisor", "all"):
            self._wait_for_end(family)
            self.start()

    def kill_without_start(self) -> None:
        """SIGKILL to everything."""
        family = wait_for(lambda: self._pids("all"), 30, "a product to kill")
        for pid in family:
            with suppress(ProcessLookupError):
                kill(pid, signal.SIGKILL)
        self._wait_for_end(family)

    def _wait_for_end(self, family: list[int]) -> None:
        """Children end with their parent, and then the directory is free."""
        self.running.process.wait(10)
        orphans = [pid for pid in family if pid != self.running.process.pid]
        wait_for(lambda: all(map(is_gone, orphans)), 10, "children to end with their parent")
        wait_for(self._is_free, 10, "the directory to be free")

    def _is_free(self) -> bool:
        """Whether nobody has the lock: a child that was just being started may have, a moment."""
        with (self.data / "lock").open() as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def _pids(self, kind: Kind) -> list[int]:
        """Living processes of this product of one kind; none while they are being started."""
        told = self.running.pids
        named = {name: told.get(name, 0) for name in ("supervisor", "server", "worker")}
        found: dict[Kind, list[int]] = {
            "supervisor": [named["supervisor"]] if self._is_ours(named["supervisor"]) else [],
            "server": [named["server"]] if self._is_ours(named["server"]) else [],
            "worker": [named["worker"]] if self._is_ours(named["worker"]) else [],
        }
        # A query process names no directory in its arguments: its parent says whose it is.
        found["query"] = [pid for server in found["server"] for pid in children_of(server)]
        found["all"] = [pid for pids in found.values() for pid in pids]
        return [pid for pid in found[kind] if not is_gone(pid)]

    def _is_ours(self, pid: int) -> bool:
        with suppress(OSError):
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
            return str(self.data).encode() in line and not is_gone(pid)
        return False

    def caught_up(self) -> bool:
        """Whether every consumer has taken in all of the log."""
        with suppress(httpx.HTTPError):
            reply = self.running.client.get("/consumers")
            consumers = reply.json()["consumers"] if reply.status_code == 200 else []
            return bool(consumers) and all(consumer["lag"] == 0 for consumer in consumers)
        return False


def children_of(parent: int) -> list[int]:
    """Process ids whose parent is ``parent``."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found
