"""Where entities lie in the state: names of partitions and keys. Pure."""

from msgspec import Struct

from tallybrook.events.ids import content_id
from tallybrook.events.instants import MAX_US, MIN_US

SHARDS = 8
"""Lists and due dates are spread over so many partitions: one takes some 1 000 writes a second."""

OUTBOX = "entity.outbox"
POSITION = "entity.position"


class Entity(Struct, frozen=True, array_like=True):
    """Which entity. An account and a type hold no ``#``, so that the names below are distinct."""

    account_id: str
    entity_type: str
    entity_id: str

    @property
    def facts(self) -> str:
        """The partition of its facts, which lie under their own keys."""
        return f"entity.facts#{self.account_id}#{self.entity_type}#{self.entity_id}"

    @property
    def shard(self) -> int:
        return int(self._digest[:4], 16) % SHARDS

    @property
    def list(self) -> str:
        """The partition of its summary, which lies under its id."""
        return list_partition(self.account_id, self.entity_type, self.shard)

    @property
    def due(self) -> str:
        """The partition of its due date."""
        return due_partition(self.shard)

    def due_key(self, at_us: int) -> str:
        return f"{ordered(at_us)}#{self._digest}"

    @property
    def _digest(self) -> str:
        return content_id(self.account_id, self.entity_type, self.entity_id)


def list_partition(account_id: str, entity_type: str, shard: int) -> str:
    return f"entity.list#{account_id}#{entity_type}#{shard}"


def due_partition(shard: int) -> str:
    return f"entity.due#{shard}"


def alerts_partition(account_id: str) -> str:
    return f"entity.alerts#{account_id}"


def alert_key(at_us: int, alert_id: str) -> str:
    """Alerts lie newest first."""
    return f"{newest_first(at_us)}#{alert_id}"


def ordered(at_us: int) -> str:
    """Text that sorts as the instants do."""
    return f"{min(max(at_us, MIN_US), MAX_US) - MIN_US:018d}"


def newest_first(at_us: int) -> str:
    """Text that sorts the other way round."""
    return f"{MAX_US - min(max(at_us, MIN_US), MAX_US):018d}"
