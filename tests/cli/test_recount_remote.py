"""``tallybrook recount --remote``: an API of somebody else's, recounted from here."""

from collections.abc import Iterator

import pytest

from tallybrook.events.instants import HOUR_US, format_instant
from tallybrook.ports.clock import system_clock
from tests.graphql.amplify import Amplify, serving_amplify
from tests.support import Ran, tallybrook


@pytest.fixture
def amplify() -> Iterator[Amplify]:
    with serving_amplify() as running:
        yield running


def run(amplify: Amplify, *args: str) -> Ran:
    env = {"GRAPHQL_ENDPOINT": amplify.url, "GRAPHQL_API_KEY": "k"}
    return tallybrook("recount", "--remote", "acme", *args, env=env)


def test_verify_write_verify(amplify: Amplify) -> None:
    """verify finds the difference and exits 1 without writing; recount writes; verify agrees."""
    hour = (system_clock() // HOUR_US - 3) * HOUR_US
    since = ("--since", format_instant(hour), "--type", "items")
    stamp = format_instant(hour + 60_000_000)
    amplify.items.append({"id": "a", "createdAt": stamp, "updatedAt": stamp})
    before = run(amplify, *since, "--verify")
    assert before.code == 1, before
    assert f"✗ {stamp} 1 min: stored 0, recounted 1" in before.out
    assert amplify.metrics == {}
    written = run(amplify, *since)
    assert written.code == 0, written
    assert "4 hours" in written.out
    assert "[2/3] count   1 counted, every size adds up ✓" in written.out
    assert len(amplify.metrics) == 4 * 77
    after = run(amplify, *since, "--verify")
    assert (after.code, after.out.endswith("✓ SUCCESS\n")) == (0, True)


def test_wrong_use(amplify: Amplify) -> None:
    """An unknown type, a since that is none, no address: exit code 2 and one line."""
    for ran in (
        run(amplify, "--type", "boxes"),
        run(amplify, "--since", "lately"),
        run(amplify, "--since", "9000-01-01"),
        tallybrook("recount", "--remote", "acme"),
        tallybrook("recount", "--type", "items"),
    ):
        assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran
