"""Leaving erased people out of what still comes from the log. Pure."""

from collections.abc import Collection

from tallybrook.events.model import Event
from tallybrook.ports.lake import Erased, digest_of


class Leaving:
    """Who is left out: everything of theirs up to the position their erasure named."""

    def __init__(self, erased: Collection[Erased]) -> None:
        self._up_to: dict[tuple[str, str], int] = {}
        for one in erased:
            key = (one.account_id, one.digest)
            self._up_to[key] = max(one.up_to, self._up_to.get(key, 0))
        self._accounts = {one.account_id for one in erased}

    def out(self, events: list[Event]) -> list[Event]:
        """The events that are nobody's of those."""
        if not self._up_to:
            return events
        return [event for event in events if not self._is_erased(event)]

    def _is_erased(self, event: Event) -> bool:
        return event.account_id in self._accounts and any(
            event.seq <= self._up_to.get((event.account_id, digest_of(event.account_id, name)), 0)
            for name in (event.user_id, event.anonymous_id)
            if name is not None
        )
