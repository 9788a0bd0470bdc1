"""One product for all tests of the command line; each test uses event types of its own."""

from collections.abc import Iterator

import pytest

from tests.support import Ran, Running, running_product, tallybrook


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_product(tmp_path_factory.mktemp("cli"), TALLYBROOK_QUERY_RATE="0") as running:
        yield running


@pytest.fixture
def remote(product: Running) -> "Remote":
    return Remote(product)


class Remote:
    """The command line with the product's address and key in its environment."""

    def __init__(self, product: Running) -> None:
        self.product = product

    def __call__(self, *args: str, stdin: str | bytes = b"", **env: str) -> Ran:
        own = {"TALLYBROOK_URL": self.product.url, "TALLYBROOK_KEY": self.product.key}
        return tallybrook(*args, stdin=stdin, env=own | env)

    def count(self, event_type: str) -> int:
        """The counter of a series over all time."""
        series = self.product.client.get("/series").json()["series"]
        return sum(found["count"] for found in series if found["series"] == event_type)
