"""What a client is made of, from what its maker says and the environment."""

import hashlib
import os
from pathlib import Path

from msgspec import Struct

from tallybrook.client.delivering import Delivery, OnRejected, Pace
from tallybrook.client.disk import DiskQueue
from tallybrook.client.lines import Address, Line
from tallybrook.client.queues import Bounds, MemoryQueue, Queue, WhenFull
from tallybrook.errors import UsageError
from tallybrook.events.batches import MAX_BATCH_EVENTS

DEFAULT_URL = "http://127.0.0.1:8090"
MEMORY = ":memory:"


class Options(Struct, frozen=True, kw_only=True):
    """See ``Client``."""

    timeout_s: float = 30.0
    retry_for_s: float = 30.0
    flush_size: int = 100
    flush_interval_s: float = 1.0
    queue: str | os.PathLike[str] | None = None
    max_queued_events: int = 1_000_000
    max_queued_bytes: int = 1 << 30
    when_full: WhenFull = "raise"
    on_rejected: OnRejected | None = None
    close_timeout_s: float = 10.0


def address_of(url: str | None, key: str | None, options: Options) -> Address:
    """Where to call, from ``TALLYBROOK_URL`` and ``TALLYBROOK_KEY`` what is not given. Raises
    ``UsageError`` for an option out of its range."""
    if not 1 <= options.flush_size <= MAX_BATCH_EVENTS:
        raise UsageError(f"flush_size {options.flush_size}: 1 to {MAX_BATCH_EVENTS}")
    for name in ("timeout_s", "flush_interval_s", "max_queued_events", "max_queued_bytes"):
        if getattr(options, name) <= 0:
            raise UsageError(f"{name} must be above 0")
    url = url or os.environ.get("TALLYBROOK_URL") or DEFAULT_URL
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"url {url!r}: http:// or https://")
    key = key or os.environ.get("TALLYBROOK_KEY")
    return Address(url.rstrip("/"), key, options.timeout_s, options.retry_for_s)


def delivery_of(address: Address, options: Options) -> Delivery:
    """The delivery of events to ``address``. Raises ``StorageError`` where no queue can be kept."""
    bounds = Bounds(options.max_queued_events, options.max_queued_bytes, options.when_full)
    path = queue_path(address, options.queue)
    queue: Queue = MemoryQueue(bounds) if path is None else DiskQueue(path, bounds)
    pace = Pace(options.flush_size, options.flush_interval_s)
    return Delivery(queue, Line(address).once, pace, options.on_rejected)


def queue_path(address: Address, named: str | os.PathLike[str] | None) -> Path | None:
    """The file events wait in; None is memory. Without a name it is one for each address and key
    under the user's folder for state."""
    if named is not None:
        return None if named == MEMORY else Path(named)
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    digest = hashlib.sha256(f"{address.url}\0{address.key or ''}".encode()).hexdigest()[:24]
    return Path(state).expanduser() / "tallybrook" / "queue" / f"{digest}.db"
