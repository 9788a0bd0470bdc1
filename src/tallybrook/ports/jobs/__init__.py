"""Jobs: an engine that calls the steps of a run one after the other, whatever crashes meanwhile.

Guarantees of every backend
---------------------------
* **Durable before told.** When ``start`` returns, the run will be worked off, by this process or
  another, now or after a restart.
* **Once.** The same run and attempt started twice is one.
* **In order.** A step is called when the one before has returned. It may be called again after a
  crash, also when it had returned: steps have one effect however often they are called.
* **Retries.** A step that raises is called again ``Policy.retries`` times, with pauses that grow;
  not for an error that says that the same call will fail again. After that, ``fail`` is called,
  and no further step.
* **Absence.** A run that is nowhere to be found is given up, and nothing else is disturbed.
"""

from typing import Protocol

from msgspec import Struct


class Started(Struct, frozen=True):
    """One attempt of a run, and the steps it has."""

    run_id: str
    account_id: str
    attempt: int
    steps: tuple[str, ...]

    @property
    def name(self) -> str:
        """What tells it from every other."""
        return f"{self.run_id}-{self.attempt}"


class Jobs(Protocol):
    """Safe for threads; any number of processes."""

    def start(self, started: Started) -> None:
        """Have it worked off. Raises ``StorageError``: start it again."""
