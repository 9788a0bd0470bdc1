"""Is it alive, can it write, how far behind are its readers."""

import time
from collections.abc import Iterator, Mapping

from msgspec import Struct
from starlette.responses import Response

from tallybrook.entrypoints.server.context import Call, Context
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.entrypoints.worker.standing import Standings, read_standings
from tallybrook.errors import TallybrookError
from tallybrook.events.instants import parse_instant

_STALE_S = 15.0


class Health(Struct):
    status: str


class ConsumerState(Struct):
    """One consumer: ``lag`` in entries it has not taken in, ``lag_s`` the age of the oldest."""

    name: str
    position: int
    lag: int
    lag_s: float
    status: str
    last_error: str | None


class Consumers(Struct):
    head_seq: int
    consumers: list[ConsumerState]


class Writer(Struct):
    """``pending`` items wait for the next commit; ``lag_ms`` is how long the oldest has."""

    ok: bool
    pending: int
    lag_ms: float


class Ready(Struct):
    status: str
    writer: Writer
    head_seq: int
    consumers: list[ConsumerState]


class Demo(Struct):
    """Which parts of the data are simulated; none where it is no demo."""

    simulated: list[str]


async def demo(call: Call) -> Response:
    named = call.context.settings.simulated.split(",")
    return json_response(Demo([name.strip() for name in named if name.strip()]))


async def health(_call: Call) -> Response:
    return json_response(Health("ok"))


async def consumers(call: Call) -> Response:
    return json_response(await call.context.read(consumers_of, call.context))


async def ready(call: Call) -> Response:
    context = call.context
    found = await context.read(consumers_of, context)
    ok = await context.read(_writable, context)
    writer = Writer(ok, context.log.pending, context.log.lag_ms())
    status = "ready" if ok else "not ready"
    return json_response(Ready(status, writer, found.head_seq, found.consumers), 200 if ok else 503)


def _writable(context: Context) -> bool:
    """Whether the disk takes a write now: the log's own answer to the last one, tried anew."""
    if not context.log.failing:
        return True
    try:
        context.log.probe()
    except TallybrookError:
        return False
    return True


def consumers_of(context: Context) -> Consumers:
    """Where every consumer stands against the log's head."""
    head = context.log.head
    if context.positions is not None:
        return Consumers(head, list(_known(context, head, context.positions())))
    found = read_standings(context.settings.data_path)
    if found is None:
        return Consumers(head, [])
    age_s = time.time() - (parse_instant(found.updated_at) or 0) / 1e6
    return Consumers(head, list(_states(context, found, head, stale=age_s > _STALE_S)))


def _states(
    context: Context, found: Standings, head: int, *, stale: bool
) -> Iterator[ConsumerState]:
    for standing in found.consumers:
        seen = max(standing.seen, standing.position)
        lag = max(0, head - seen)
        status = "stopped" if stale else standing.status
        lag_s = _age_s(context, seen + 1) if lag else 0.0
        yield ConsumerState(
            standing.name, standing.position, lag, lag_s, status, standing.last_error
        )


def _known(context: Context, head: int, positions: Mapping[str, int]) -> Iterator[ConsumerState]:
    """What is known of consumers that nobody watches but their own positions."""
    for name, position in positions.items():
        lag = max(0, head - position)
        lag_s = _age_s(context, position + 1) if lag else 0.0
        yield ConsumerState(name, position, lag, lag_s, "ok", None)


def _age_s(context: Context, seq: int) -> float:
    chunk = context.stores.reader.chunk_of(seq)
    return max(0.0, (context.clock() - chunk.ingested_at) / 1e6) if chunk else 0.0


async def metrics(call: Call) -> Response:
    # Here and not above: a function that never shows metrics need not load their library.
    from tallybrook.entrypoints.server.exposition import exposition

    text = await call.context.read(exposition, call.context)
    return Response(text, media_type="text/plain; version=0.0.4")
