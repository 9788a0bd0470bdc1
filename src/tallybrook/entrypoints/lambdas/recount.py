"""The streams of the records tables: the hours that changes touch are counted again.

Our own tables are read and counted in this stack. Those of an Amplify API are read through its
GraphQL endpoint and the counts go there as AggregatedMetrics. What could not be recounted is
reported by sequence number, all the changes of that account and type; the stream then delivers
again from the first of them, which changes nothing where it was done already.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from tallybrook.counters.recount_block import block
from tallybrook.counters.stream_recount import StreamRecount, recount_touched
from tallybrook.counters.window import Touch
from tallybrook.entrypoints.lambdas import runtime
from tallybrook.entrypoints.lambdas.messages import Reading
from tallybrook.entrypoints.lambdas.records import records_of, unknown, window_state
from tallybrook.entrypoints.lambdas.storing import failures
from tallybrook.entrypoints.lambdas.touches import Origin, table_of, touch_of
from tallybrook.errors import InvalidError, StorageError
from tallybrook.ports.log import Commit
from tallybrook.ports.metrics import MetricSink
from tallybrook.ports.records import RecordSource
from tallybrook.wiring import open_recounting, open_remote_recounting

SOURCE = "recount"

Backends = tuple[RecordSource, MetricSink]


@runtime.metered
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Recount what a batch touched. What is no change of a record is kept as a failed record."""
    opened = runtime.opened()
    touches: dict[Origin, list[Touch]] = {"own": [], "foreign": []}
    strange: list[tuple[Any, str]] = []
    for record in records_of(event):
        try:
            table = table_of(record, runtime.settings().stack, opened.stores.records.types)
            touches[table.origin].append(touch_of(record, table))
        except (InvalidError, AttributeError, TypeError, ValueError) as error:
            strange.append((record, str(error)))
    _keep(strange)
    failed: list[Touch] = []
    for origin, changed in touches.items():
        if changed:
            failed += _recount(changed, origin)
    return {**failures(_named(failed)), **window_state(event)}


def _recount(touches: Sequence[Touch], origin: Origin) -> list[Touch]:
    """The changes that have to come again."""
    source, sink = backends(origin)
    report = recount_touched(touches, source, sink, clock=runtime.opened().clock)
    text = "\n".join(block(report))
    (runtime.log.warning if report.failed else runtime.log.info)("%s", text)
    if origin == "own":
        _tell(report)
    return report.failed


@cache
def backends(origin: Origin) -> Backends:
    """Where records of a table are read and their counts written."""
    return open_recounting(runtime.settings()) if origin == "own" else open_remote_recounting()


def _tell(report: StreamRecount) -> None:
    """Tell the open WebSockets what changed."""
    if report.changes and runtime.settings().sockets_url:
        # Here and not above: a stack without live updates need not load them.
        from tallybrook.entrypoints.lambdas import live

        opened = runtime.opened()
        commit = Commit(opened.log.head, report.now_us, report.changes, [])
        live.push([commit], opened, runtime.sockets())


def _keep(strange: Iterable[tuple[Any, str]]) -> None:
    opened = runtime.opened()
    reading = Reading(opened.now_us())
    for record, reason in strange:
        opened.stores.failed.keep(unknown(SOURCE, record, reason, reading))


def _named(failed: Sequence[Touch]) -> list[str]:
    """The sequence numbers, in the order of the stream."""
    tokens = [touch.token for touch in failed]
    if "" in tokens:
        raise StorageError("a change without a sequence number was not recounted")
    return sorted(tokens, key=lambda token: (len(token), token))


runtime.prepare(runtime.opened)
