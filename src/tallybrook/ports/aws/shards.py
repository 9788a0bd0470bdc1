"""Which part of an account's records a record lies in."""

import xxhash

from .tables import RECORD_SHARDS


def shard_of(record_id: str) -> int:
    """0 to RECORD_SHARDS − 1; the same for an id on every machine and in every release."""
    return xxhash.xxh64_intdigest(record_id.encode()) % RECORD_SHARDS


def record_key(account_id: str, record_id: str) -> str:
    """The partition key of a record's row."""
    return f"{account_id}#{shard_of(record_id)}"


def record_keys(account_id: str) -> list[str]:
    """Every partition an account's records of one type may lie in."""
    return [f"{account_id}#{shard}" for shard in range(RECORD_SHARDS)]
