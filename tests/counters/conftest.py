"""A real log with the real effects, and what is needed to fill it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.counters.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path / "log.db")
    yield opened
    opened.close()
