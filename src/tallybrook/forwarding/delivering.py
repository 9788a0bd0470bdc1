"""Events through the table to a sink, and what became of each."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from tallybrook.errors import TerminalError
from tallybrook.events.model import Event
from tallybrook.forwarding.failing import failed_event
from tallybrook.forwarding.pinpoint import Made, Rules, is_known, transform
from tallybrook.forwarding.report import Report
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.sinks import Marks, Refusal, Sink

BATCH = 100
"""How many events are handed to a sink at once, however many there are."""

BUS_SOURCE = "forward"
"""On a stack's bus, events of this source are forwarded at once, and not collected."""

KeepFailed = Callable[[FailedRecord], None]


class Outgoing(Struct):
    """Where events go. ``marks`` are the sink's own, None where it keeps none."""

    sink: Sink
    rules: Rules
    keep_failed: KeepFailed
    marks: Marks | None = None


def deliver(
    events: Sequence[Event], out: Outgoing, now_us: int, was: Mapping[int, str] | None = None
) -> dict[str, Report]:
    """Send up to a batch; what became of every event, by account.

    When it returns, each is delivered, kept or a failed record. ``was`` names, by place, the failed
    records that events are sent again from. Raises what the sink raises: then all of it again.
    """
    reports: dict[str, Report] = {}
    made: list[tuple[int, Made]] = []
    for index, event in enumerate(events):
        report = reports.setdefault(event.account_id, Report())
        if _stays(event, out.rules):
            report.count("kept", None if is_known(event, out.rules) else event.event_type)
            continue
        try:
            made.append((index, transform(event, out.rules)))
        except TerminalError as error:
            refused = Refusal(index, error.slug, error.detail)
            _fail(event, refused, out, now_us, report, (was or {}).get(index))
    refusals = {one.index: one for one in out.sink.send([one.item for _, one in made])}
    for place, (index, one) in enumerate(made):
        event, report = events[index], reports[events[index].account_id]
        if place in refusals:
            _fail(event, refusals[place], out, now_us, report, (was or {}).get(index))
        else:
            unknown_type = None if one.known else event.event_type
            report.count("sent", unknown_type, cut=one.cut)
    return reports


def _stays(event: Event, rules: Rules) -> bool:
    """Whether the table leaves an event in the log."""
    table = rules.table
    unlisted = table.unknown == "keep" and not is_known(event, rules)
    return unlisted or event.event_type in table.keep


def _fail(
    event: Event, refused: Refusal, out: Outgoing, now_us: int, report: Report, was: str | None
) -> None:
    out.keep_failed(failed_event(event, refused.reason, refused.detail, now_us, was))
    report.count("failed", None if is_known(event, out.rules) else event.event_type)
