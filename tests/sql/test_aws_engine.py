"""The SQL engine over a stack: what its child is given, and what it does when files do not fit."""

import asyncio
import os
from pathlib import Path

import pytest

from tallybrook.errors import TallybrookError
from tallybrook.ports.sql import Limits, QueryRequest, ScanLimitError, frames
from tallybrook.ports.sql.aws import SMALLEST_QUERY_BYTES, aws_source, limits_of, open_engine
from tallybrook.ports.sql.child import _environment
from tests.contracts.sources import open_data

ALL = "SELECT count(*) FROM events WHERE date >= date '2000-01-01'"


@pytest.mark.parametrize(
    ("function_mb", "memory_mb", "threads"),
    [(128, 64, 1), (512, 128, 1), (1024, 537, 1), (1769, 1133, 1), (3538, 2548, 2)],
)
def test_limits_leave_room_for_both_processes(
    function_mb: int, memory_mb: int, threads: int
) -> None:
    """The child is stopped before the function would be; threads follow the function's cores."""
    limits = limits_of(function_mb)
    assert (limits.memory_bytes >> 20, limits.threads) == (memory_mb, threads)
    assert limits.memory_bytes >= SMALLEST_QUERY_BYTES


def test_environment_is_there_while_clients_are_made(stack: str, tmp_path: Path) -> None:
    """The SDK finds region, endpoint and credentials; afterwards the process has none of them,
    and no text of the source shows them."""
    source = aws_source(stack, "bucket", tmp_path, 1 << 20)
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"} <= set(
        source.environment
    )
    secret = source.environment["AWS_SECRET_ACCESS_KEY"]
    assert f"'{secret}'" not in repr(frames.Setup(source, Limits()))
    before = dict(os.environ)
    try:
        with _environment(source):
            assert os.environ["AWS_SECRET_ACCESS_KEY"] == secret
        assert not set(source.environment) & set(os.environ)
    finally:
        os.environ.update(before)


def test_a_setup_survives_the_pipe(stack: str, tmp_path: Path) -> None:
    """The child reads what the engine wrote."""
    setup = frames.Setup(aws_source(stack, "bucket", tmp_path, 7), Limits(5, 3))
    framed = frames.frame(setup)
    assert frames.setup(framed[frames.LENGTH_BYTES :]) == setup


def test_files_that_do_not_fit_on_the_disk(stack: str, tmp_path: Path) -> None:
    """A statement whose files are more than the disk has room for is refused with the way out,
    and the next statement is answered."""
    data = open_data("aws", tmp_path, lambda: stack)
    data.append(50)
    data.flush()
    bucket = f"{stack}-lake"

    async def ask() -> None:
        engine = open_engine(
            stack, bucket, tmp_path / "other", limits=Limits(192 << 20, 1), cache_bytes=100
        )
        await engine.start()
        try:
            with pytest.raises(ScanLimitError, match="Narrow date"):
                await engine.run(QueryRequest(account_id="acme", sql=ALL))
            result = await engine.run(QueryRequest(account_id="acme", sql="SELECT 1"))
            assert result.rows == [[1]]
        finally:
            await engine.close()

    asyncio.run(ask())
    data.close()


def test_a_lake_without_tables_is_an_error(stack: str, tmp_path: Path) -> None:
    """Nothing deployed under that name: an error of the query, and no wait for its time limit."""

    async def ask() -> None:
        engine = open_engine(stack, "bucket", tmp_path, limits=Limits(192 << 20, 1))
        await engine.start()
        try:
            with pytest.raises(TallybrookError):
                await engine.run(QueryRequest(account_id="acme", sql=ALL, timeout_s=60))
        finally:
            await engine.close()

    asyncio.run(ask())
