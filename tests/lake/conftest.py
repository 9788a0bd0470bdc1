"""Making log chunks, and reading the lake back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallybrook.ports.lake.local import LocalLakeReader
from tallybrook.ports.log import Chunk, FailedRecord
from tests.lake.reading import database

DAY_US = 86_400_000_000


@pytest.fixture
def make_line() -> Callable[..., bytes]:
    """One canonical line of the log."""

    def line(seq: int, **fields: Any) -> bytes:
        event = {
            "seq": seq,
            "event_id": f"e{seq}",
            "event_type": ("view", "click", "buy")[seq % 3],
            "timestamp": 1_700_000_000_000_000 + seq * 1_000,
            "ingested_at": 1_700_000_000_000_000,
            "account_id": "acme",
            "time_source": "event",
        }
        raw = {k: msgspec.Raw(v) for k, v in fields.items() if isinstance(v, bytes)}
        return msgspec.json.encode(event | fields | raw)

    return line


@pytest.fixture
def make_chunk(make_line: Callable[..., bytes]) -> Callable[..., Chunk]:
    """A chunk of ``count`` events from a first seq; fields as for ``make_line``."""

    def chunk(first: int, count: int = 1, **fields: Any) -> Chunk:
        body = b"".join(make_line(seq, **fields) + b"\n" for seq in range(first, first + count))
        return Chunk(first, count, 1_700_000_000_000_000, body)

    return chunk


@pytest.fixture
def rows_of() -> Callable[..., list[Any]]:
    """SQL over the files of an account's snapshot, as ``lake``."""

    def rows(data_dir: Path, account: str, select: str = "seq") -> list[Any]:
        reader = LocalLakeReader(data_dir)
        files = reader.locate(reader.snapshot(account).files)
        reader.close()
        if not files:
            return []
        source = (
            f"read_parquet({files!r}, hive_partitioning = true,"
            " hive_types = {'date': DATE, 'account_id': VARCHAR})"
        )
        with database() as db:
            return db.execute(f"SELECT {select} FROM {source} ORDER BY seq").fetchall()

    return rows


@pytest.fixture
def failed() -> dict[str, FailedRecord]:
    """Failed records by id: keeping one twice keeps it once."""
    return {}


@pytest.fixture
def keep(failed: dict[str, FailedRecord]) -> Callable[[FailedRecord], None]:
    return lambda record: failed.__setitem__(record.failed_id, record)
