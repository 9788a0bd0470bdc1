"""What changes by time alone: entities whose due date has come."""

from collections.abc import Callable

import msgspec

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.places import SHARDS, Entity, due_partition, ordered
from tallybrook.entities.refreshing import Touched, refresh_all
from tallybrook.entities.warm import Warm
from tallybrook.events.instants import MAX_US
from tallybrook.ports.state import State

_A_ROUND = 200
_decoder = msgspec.msgpack.Decoder(Entity)


def sweep(
    state: State, catalog: Catalog, now_us: int, has_time: Callable[[], bool] = lambda: True,
    warm: Warm | None = None,
) -> int:  # fmt: skip
    """Refresh every entity that something of has changed by time alone, while there is time; how
    many. Reads do not need it: it is for alerts, and so that lists are quick."""
    swept, warm = 0, Warm() if warm is None else warm
    for shard in range(SHARDS):
        while has_time() and (due := _due(state, shard, now_us)):
            with warm.sure():
                refresh_all(state, catalog, due, now_us, warm)
            swept += len(due)
    return swept


def _due(state: State, shard: int, now_us: int) -> list[Touched]:
    """Some whose date has come. Their facts are as they were: nothing before it has changed."""
    page = state.query(due_partition(shard), limit=_A_ROUND)
    until = ordered(now_us) + "~"
    return [Touched(_decoder.decode(one.value), MAX_US, one.key) for one in page if one.key < until]
