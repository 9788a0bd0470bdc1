"""The DynamoDB tables as data: the stack makes them from this list, and so do the tests.

A table's name is ``<stack>-<name>``. Keys are text unless their name is in ``numbers``.
"""

from typing import Literal

from msgspec import Struct

Images = Literal["NEW_IMAGE", "NEW_AND_OLD_IMAGES"]


class Index(Struct, frozen=True, kw_only=True):
    """A secondary index. ``keep`` names the attributes it holds beside the keys."""

    name: str
    hash: str
    range: str
    local: bool = False
    keep: tuple[str, ...] = ()


class Table(Struct, frozen=True, kw_only=True):
    """One table. ``ttl`` names the attribute whose epoch second an item may be deleted after."""

    name: str
    hash: str
    range: str | None = None
    numbers: frozenset[str] = frozenset()
    indexes: tuple[Index, ...] = ()
    stream: Images | None = None
    ttl: str | None = None


RECORD_SHARDS = 8
"""Item collections a record type of an account is spread over: one holds at most 10 GB."""

EVENTS = Table(
    name="events",
    hash="pk",
    indexes=(
        Index(name="user", hash="user", range="at"),
        Index(name="anonymous", hash="anonymous", range="at"),
    ),
    stream="NEW_IMAGE",
    ttl="ttl",
)
LOG = Table(name="log", hash="pk", range="seq", numbers=frozenset({"seq"}), ttl="ttl")
COUNTERS = Table(name="counters", hash="pk", range="start", numbers=frozenset({"start"}))
SERIES = Table(name="series", hash="account_id", range="series")
FAILED = Table(
    name="failed",
    hash="failed_id",
    indexes=(Index(name="account", hash="account_id", range="failed_id", keep=("status",)),),
)
KEYS = Table(name="keys", hash="digest")
STATE = Table(name="state", hash="pk", range="sk", ttl="ttl")
SOCKETS = Table(
    name="sockets",
    hash="connection_id",
    indexes=(Index(name="account", hash="account_id", range="connection_id"),),
    ttl="ttl",
)
LAKE = Table(name="lake", hash="pk", range="sk")
USAGE = Table(name="usage", hash="day", range="part", ttl="ttl")

TABLES = (EVENTS, LOG, COUNTERS, SERIES, FAILED, KEYS, STATE, SOCKETS, LAKE, USAGE)


def records_table(record_type: str) -> Table:
    """The table of one record type. Its index is local, so that a recount reads consistently."""
    return Table(
        name=f"records-{record_type}",
        hash="pk",
        range="record_id",
        numbers=frozenset({"instant_us"}),
        indexes=(Index(name="instant", hash="pk", range="instant_us", local=True),),
        stream="NEW_AND_OLD_IMAGES",
    )


def physical(stack: str, table: Table | str) -> str:
    """The name of a table in the account."""
    return f"{stack}-{table if isinstance(table, str) else table.name}"
