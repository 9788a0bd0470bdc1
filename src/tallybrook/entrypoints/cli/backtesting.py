"""The work of ``tallybrook alerts backtest``."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from tallybrook.entities.backtest import Facts, backtest, gather, rule_named
from tallybrook.entities.catalog import Catalog
from tallybrook.entities.library import load
from tallybrook.entrypoints.cli.output import note
from tallybrook.errors import UsageError
from tallybrook.events.instants import MIN_US, parse_instant
from tallybrook.events.model import Event
from tallybrook.ports.clock import system_clock
from tallybrook.ports.log import LogReader
from tallybrook.settings import Settings
from tallybrook.wiring import open_reader

_decoder = msgspec.json.Decoder(Event)


def run(name: str, since: str | None, entities: str, data: Path) -> int:
    """One line an alert that would have been, oldest first, and how many."""
    since_us = MIN_US if since is None else parse_instant(since)
    if since_us is None:
        raise UsageError(f"--since {since}: give an instant or a date")
    catalog = Catalog(load(entities))
    rule = rule_named(catalog, name)
    facts: Facts = {}
    with open_reader(Settings.from_env(data=str(data))) as reader:
        if reader is None:
            raise UsageError(f"{data} holds no log: nothing was collected there yet")
        for events in _events(reader):
            gather(catalog, rule.entity, events, facts)
    found = backtest(catalog, rule, facts, since_us, system_clock())
    for kept in found:
        alert = kept.alert
        print(f"{alert.timestamp}  {alert.severity:<8}  {alert.entity_id}  {alert.message}")
    note(f"{len(found)} alerts of {len({kept.alert.entity_id for kept in found})} entities")
    return 0


def _events(reader: LogReader) -> Iterator[list[Event]]:
    """The log from its beginning; lines that are no event were kept as failed by the consumer."""
    position = 0
    while chunks := reader.chunks("events", position):
        for chunk in chunks:
            yield [event for line in chunk.body.splitlines() if (event := _event(line))]
        position = chunks[-1].last_seq


def _event(line: bytes) -> Event | None:
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
