"""The work of ``tallybrook entities rebuild``."""

from contextlib import closing
from pathlib import Path

from tallybrook.entities.rebuilding import rebuild
from tallybrook.entrypoints.cli.output import note
from tallybrook.errors import UsageError
from tallybrook.ports.clock import system_clock
from tallybrook.settings import Settings
from tallybrook.wiring import open_entities, open_failed, open_reader, open_state


def run(entities: str, data: Path) -> int:
    """Rebuild, and say how far it is on stderr and how much it was on stdout."""
    settings = Settings.from_env(data=str(data), entities=entities)
    with open_reader(settings) as reader:
        if reader is None:
            raise UsageError(f"{data} holds no log: nothing was collected there yet")
        with closing(open_state(settings)) as state, closing(open_failed(settings)) as failed:
            catalog = open_entities(settings, state).catalog
            count = rebuild(
                reader, state, catalog, failed.keep, system_clock,
                told=lambda seq: note(f"up to number {seq}"),
            )  # fmt: skip
    print(f"{count} events taken in")
    return 0
