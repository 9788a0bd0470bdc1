"""One server for the session, in this process; every test has an account of its own."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.server.running import Account, Running, serving

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("server"), sql=True, query_rate=0.0) as running:
        yield running


@pytest.fixture
def new_account(server: Running) -> Iterator[Callable[..., Account]]:
    """Make an account with a key of some scopes (all by default) and a rate."""
    made: list[Account] = []

    def make(**options: object) -> Account:
        made.append(server.account(f"t{next(_numbers)}", **options))
        return made[-1]

    yield make
    for account in made:
        account.close()


@pytest.fixture
def account(new_account: Callable[..., Account]) -> Account:
    return new_account()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start servers with settings of the test's own."""
    with ExitStack() as stack:
        yield lambda folder="data", **settings: stack.enter_context(
            serving(tmp_path / folder, **settings)
        )
