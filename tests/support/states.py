"""The state of one store, opened by each of two: for tests of what happens between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallybrook.ports.aws.tables import STATE
from tallybrook.ports.clock import Clock
from tallybrook.ports.state import State
from tallybrook.ports.state.aws import DynamoState
from tallybrook.ports.state.local import SqliteState
from tests.support.emulator import make_tables


def two_states(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> Iterator[list[State]]:
    """For a fixture with the parameters ``local`` and ``aws``."""
    if request.param == "aws":
        stack = request.getfixturevalue("stack")
        make_tables(stack, (STATE,))
        yield [DynamoState(stack, clock) for _ in range(2)]
        return
    opened = [SqliteState(tmp_path / "state.db", clock) for _ in range(2)]
    yield list(opened)
    for state in opened:
        state.close()
