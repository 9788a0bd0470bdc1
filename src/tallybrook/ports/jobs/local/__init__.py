"""Jobs of a data directory: what has to be worked off lies in its state, until it has been.

A process of its own does the work (``ports.jobs.local.engine``), and is only there while there is
some: the library that makes steps durable takes a second to load and sixty megabytes.
"""

import msgspec

from tallybrook.ports.jobs import Started
from tallybrook.ports.state import State

PARTITION = "jobs"


class LocalJobs:
    """``ports.jobs.Jobs``; whoever works them off asks for ``waiting``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def start(self, started: Started) -> None:
        self._state.put(PARTITION, started.name, msgspec.json.encode(started))

    def waiting(self, limit: int = 100) -> list[Started]:
        """What was started and is not done, in no particular order."""
        found = self._state.query(PARTITION, limit=limit)
        return [msgspec.json.decode(item.value, type=Started) for item in found]

    def done(self, started: Started) -> None:
        """It has been worked off, well or not."""
        self._state.delete(PARTITION, started.name)
