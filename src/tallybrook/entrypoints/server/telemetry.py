"""The server's own numbers: plain integers on the hot path."""

from msgspec import Struct


class Telemetry(Struct):
    """Totals since the process started."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    throttled: int = 0
    queries: int = 0
    queries_refused: int = 0
    live_clients: int = 0
    live_dropped: int = 0
