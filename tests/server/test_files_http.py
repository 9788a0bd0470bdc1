"""The list of files: pages, accounts, and names for admins alone."""

from collections.abc import Callable

from tallybrook.files.keeping import begin, save
from tallybrook.files.places import Place
from tallybrook.files.shapes import Counts
from tests.server.running import Account, Running


def filed(server: Running, account_id: str, count: int) -> None:
    """Files of an account, each begun a second after the one before."""
    state = server.context.stores.agreement().state
    for n in range(count):
        held = begin(
            state, Place("events", account_id), f"raw/events/jane{n}@example.com", f"{n:064x}",
            "etag", 7, (n + 1) * 1_000_000,
        )  # fmt: skip
        held.file.status, held.file.counts = "done", Counts(6, 1, 2, 3)
        save(state, held)


def test_files_are_listed_newest_first(
    server: Running, new_account: Callable[..., Account]
) -> None:
    """Page by page, with figures that add up, the account's own only."""
    mine, other = new_account(), new_account()
    filed(server, mine.account_id, 5)
    found, cursor = [], ""
    while cursor is not None:
        page = mine.get("/files", limit=2, cursor=cursor)
        found += page["files"]
        cursor = page["next_cursor"]
    starts = [one["started_at"] for one in found]
    assert starts == [f"1970-01-01T00:00:0{n}Z" for n in (5, 4, 3, 2, 1)]
    one = found[0]
    assert one["received"] == one["accepted"] + one["duplicate"] + one["rejected"] == 6
    assert one["name"] == "raw/events/jane4@example.com"
    assert other.get("/files")["files"] == []


def test_names_are_for_admins(server: Running, new_account: Callable[..., Account]) -> None:
    """A key that may only read sees what became of a file, and not what it is called."""
    reader = new_account(scopes=frozenset({"read"}))
    filed(server, reader.account_id, 1)
    reply = reader.http.get("/files")
    assert reply.json()["files"][0]["name"] is None
    assert "jane" not in reply.text
    assert new_account(scopes=frozenset({"write"})).http.get("/files").status_code == 403
    assert reader.http.get("/files?limit=0").status_code == 422
