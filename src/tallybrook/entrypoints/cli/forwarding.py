"""The work of ``tallybrook forward``."""

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Struct

from tallybrook.accounts.keys import DEFAULT_ACCOUNT
from tallybrook.entrypoints.cli.api import Api, pause_s
from tallybrook.entrypoints.cli.output import complain, print_rows
from tallybrook.errors import RetryableError, TerminalError, TooLargeError
from tallybrook.events.checks import require_utf8
from tallybrook.events.ids import content_id
from tallybrook.events.model import MAX_EVENT_BYTES, Event
from tallybrook.events.reading import build_event, decode_event
from tallybrook.files.source import Line, lines, open_source
from tallybrook.forwarding.delivering import BATCH, Outgoing, deliver
from tallybrook.forwarding.report import Mark, Report, encode, total
from tallybrook.ports.clock import system_clock
from tallybrook.settings import Settings
from tallybrook.wiring import open_state
from tallybrook.wiring.forwarding import open_outgoing

PATIENCE_S = 120.0
_NAMES = ("received", "sent", "kept", "failed", "unknown", "cut")


class Ended(Struct):
    """The report of a file, as it is printed. ``received = sent + kept + failed``."""

    received: int
    sent: int
    kept: int
    failed: int
    unknown: int
    cut: int
    unknown_types: dict[str, int]


def show(url: str, key: str | None, *, as_json: bool) -> None:
    """Print what the product says of forwarding."""
    with Api(url, key) as api:
        found = api.get("/forwarding")
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
        return
    print(f"to {found['to']}" if found["to"] else "forwarding is off (TALLYBROOK_FORWARD_TO)")
    print_rows(_NAMES, [[found[name] for name in _NAMES]], "table")
    if found["unknown_types"]:
        print_rows(("unknown type", "events"), list(found["unknown_types"].items()), "table")


def forward_file(file: str, to: str, types: str, data: Path) -> int:
    """Forward every line; 1 when one of them could not be."""
    settings = Settings.from_env(data=str(data), forward_to=to, forward_types=types)
    reports: list[Report] = []
    source = open_source(file)
    with (
        closing(open_state(settings)) as state,
        open_outgoing(settings, state, lambda record: complain(record.detail)) as out,
    ):
        # A consumer that writes the same file at other times goes on from its own mark.
        mark = (out.marks.read() if out.marks else None) or encode(Mark())
        read = lines(source.stream)
        while batch := list(islice(read, BATCH)):
            bad = Report()
            events = list(_events(batch, bad))
            reports += [bad, *_sent(events, out, mark)]
    report = total(reports)
    ended = Ended(**{name: getattr(report, name) for name in Ended.__struct_fields__})
    sys.stdout.buffer.write(msgspec.json.encode(ended) + b"\n")
    sys.stdout.buffer.flush()
    return 1 if report.failed else 0


def _sent(events: list[Event], out: Outgoing, mark: bytes) -> list[Report]:
    """Send a batch, trying again for as long as there is patience."""
    deadline_s, tries = time.monotonic() + PATIENCE_S, 0
    while True:
        try:
            sent = list(deliver(events, out, system_clock()).values())
        except RetryableError as error:
            tries += 1
            wait_s = pause_s(tries, error.retry_after_s)
            if time.monotonic() + wait_s > deadline_s:
                raise
            time.sleep(wait_s)
            continue
        if out.marks:
            out.marks.write(mark)
        return sent


def _events(batch: list[Line], bad: Report) -> Iterator[Event]:
    for line in batch:
        if not line.text.strip():
            continue
        try:
            yield _event(line)
        except TerminalError as error:
            complain(f"line {line.number}: {error.detail}")
            bad.count("failed")


def _event(line: Line) -> Event:
    """The event of a line. One that does not name itself is named by what it says, so that it has
    the same name as often as it is sent."""
    if len(line.text) > MAX_EVENT_BYTES:
        raise TooLargeError(f"an event is at most {MAX_EVENT_BYTES} bytes")
    require_utf8(line.text)
    seen = decode_event(line.text)
    if not (seen.event_id or seen.messageId or seen.id):
        seen.event_id = content_id(line.text)
    return build_event(seen, DEFAULT_ACCOUNT, system_clock())
