"""The real server with what scores assessments, and a way to it that can fail."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tallybrook import Client
from tallybrook.settings import Settings
from tallybrook.wiring import open_failed
from tallybrook.wiring.assessments import scoring
from tests.client.road import Road
from tests.server.running import Account, Running, serving

_numbers = count(1)


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("client"), sql=True, query_rate=0.0) as running:
        settings = Settings(data=str(running.data))
        failed = open_failed(settings)
        with scoring(settings, failed.keep):
            yield running
        failed.close()


@pytest.fixture
def account(product: Running) -> Iterator[Account]:
    found = product.account(f"c{next(_numbers)}")
    yield found
    found.close()


@pytest.fixture
def road(product: Running) -> Iterator[Road]:
    with Road(product.port) as found:
        yield found


Open = Callable[..., Client]


@pytest.fixture
def open_client(product: Running, account: Account, tmp_path: Path) -> Iterator[Open]:
    """Make clients of the account with a queue of the test's own; closed afterwards."""
    made: list[Client] = []

    def make(url: str | None = None, **options: Any) -> Client:
        given = {"queue": tmp_path / "queue.db", "close_timeout_s": 0.1} | options
        made.append(Client(url or product.url, account.key, **given))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(open_client: Open) -> Client:
    return open_client()
