"""Replaying failed records over HTTP, one or all that are open."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from tallybrook.entrypoints.cli.api import Api, RefusedError
from tallybrook.entrypoints.cli.output import note

_PAGE = 500


def replay_one(api: Api, failed_id: str, body: bytes) -> None:
    """Replay one record and say what became of it. Raises ``RefusedError`` if it fails again."""
    answer = api.post(f"/failed/{quote(failed_id, safe='')}/replay", body)
    print(f"{failed_id} {answer.get('status')} {answer.get('event_id') or ''}".rstrip())


def replay_all(api: Api) -> int:
    """Replay every open record once; 1 if any failed again, else 0."""
    # Listed whole first: what fails again stays open and would come up again.
    opened = [record["failed_id"] for record in pages(api, "open")]
    again = 0
    for failed_id in opened:
        try:
            replay_one(api, failed_id, b"")
        except RefusedError as error:
            again += 1
            note(f"{failed_id} failed again: {error.detail}")
    note(f"{len(opened)} replayed = {len(opened) - again} went in + {again} failed again")
    return 1 if again else 0


def pages(api: Api, status: str) -> Iterator[dict[str, Any]]:
    """The failed records of a status, newest first, fetched page by page."""
    cursor: str | None = None
    while True:
        wanted = {"status": status, "limit": _PAGE} | ({"cursor": cursor} if cursor else {})
        page = api.get("/failed", wanted)
        yield from page["failed"]
        cursor = page.get("next_cursor")
        if not cursor:
            return
