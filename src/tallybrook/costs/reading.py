"""The consumer that knows what collecting costs: usage of every event, derived from the log."""

import msgspec
from msgspec import Struct

from tallybrook.costs.invoked import Amounts, merge
from tallybrook.costs.journey import KEPT_S
from tallybrook.costs.measured import Second, of_cold_start, of_second, row_units, shard_of
from tallybrook.costs.recorder import day_of
from tallybrook.costs.tiers import Tier
from tallybrook.ports.log import Chunk, Topic
from tallybrook.ports.usage import LogUsage, Usage

NAME = "usage"
SECOND_US = 1_000_000


class Part(Struct):
    """The part of an event's line that decides what it costs."""

    ingested_at: int
    account_id: str
    event_id: str
    event_type: str
    user_id: str | None = None
    anonymous_id: str | None = None


_part = msgspec.json.Decoder(Part)


class UsageConsumer:
    """``ports.log.consumer.Consumer``: every event once, as rows and position are one commit."""

    name = NAME
    topic: Topic = "events"
    max_entries = 100_000
    linger_s = 10.0

    def __init__(self, store: LogUsage, tier: Tier) -> None:
        self._store, self._tier = store, tier
        self._last_s = 0

    def position(self) -> int:
        return self._store.position(NAME)

    def handle(self, chunks: list[Chunk]) -> None:
        at = self.position()
        fresh = [chunk for chunk in chunks if chunk.last_seq > at]
        if not fresh:
            return
        seconds: dict[tuple[int, str], Second] = {}
        for chunk in fresh:
            for line in chunk.body.split(b"\n"):
                _take(seconds, line)
        self._store.advance(NAME, fresh[-1].last_seq, self._rows(seconds))

    def idle(self) -> None:
        """Nothing to tidy."""

    def _rows(self, seconds: dict[tuple[int, str], Second]) -> list[Usage]:
        sums: dict[tuple[str, str], Amounts] = {}
        for (second_s, account_id), seen in sorted(seconds.items()):
            place = sums.setdefault((day_of(second_s * SECOND_US), account_id), {})
            merge(place, of_second(seen, self._tier))
            if second_s - self._last_s > KEPT_S:
                merge(place, of_cold_start("sequence", self._tier.memory_of("sequence")))
            self._last_s = second_s
        return [
            Usage(day, account_id, function, meter, quantity)
            for (day, account_id), place in sums.items()
            for (function, meter), quantity in place.items()
        ]


def _take(seconds: dict[tuple[int, str], Second], line: bytes) -> None:
    part = _part.decode(line)
    key = part.ingested_at // SECOND_US, part.account_id
    seen = seconds.setdefault(key, Second(series=set(), shards=set()))
    seen.events += 1
    seen.line_bytes += len(line)
    seen.row_units += row_units(len(line))
    seen.ids += (part.user_id is not None) + (part.anonymous_id is not None)
    seen.series.add(part.event_type)
    seen.shards.add(shard_of(part.account_id, part.event_id))
