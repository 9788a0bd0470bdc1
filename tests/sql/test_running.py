"""Executions, whatever becomes of them."""

import asyncio
import logging

import pytest

from tallybrook.ports.sql import QueryRequest
from tallybrook.ports.sql.results import Results
from tallybrook.ports.sql.running import Running


def test_a_fault_of_the_program_ends_the_execution(caplog: pytest.LogCaptureFixture) -> None:
    """It is failed, not running for ever; the trace is in the log, not in the answer."""

    async def broken(*_: object) -> object:
        raise KeyError("a secret of ours")

    async def asked() -> None:
        running = Running(broken, Results())
        execution_id = running.submit(QueryRequest(account_id="acme", sql="SELECT 1"))
        with pytest.raises(KeyError):
            await running.page("acme", execution_id, None, None)
        found = running.status("acme", execution_id)
        assert (found.state, found.ended_at is not None) == ("failed", True)
        assert "secret" not in str(found.error)

    with caplog.at_level(logging.ERROR):
        asyncio.run(asked())
    assert "a secret of ours" in caplog.text
