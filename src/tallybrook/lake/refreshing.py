"""Tables that are worked out of others, and made again when those have changed.

A refreshed file says in the catalog what it was made from. What is made replaces what was there in
one commit; where its source is gone (its retention is over) it stays.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from tallybrook.lake.writing import Writer
from tallybrook.ports.lake import DataFile


class Refreshable(Protocol):
    """One way to make a table: ``parts`` of an account that are not as their source is, and the
    files of one of them."""

    def parts(self, writer: Writer, account_id: str) -> "Iterator[Part]": ...

    def make(self, writer: Writer, part: "Part") -> list[DataFile]: ...


class Part:
    """What is made at once: the files it is made from, and those it replaces."""

    def __init__(
        self,
        account_id: str,
        name: str,
        source: str,
        files: Sequence[DataFile],
        old: Sequence[DataFile],
    ) -> None:
        self.account_id, self.name, self.source = account_id, name, source
        self.files, self.old = files, old


class Refresher:
    """Keeps one table in step."""

    def __init__(self, table: Refreshable) -> None:
        self._table = table
        self._empty: set[tuple[str, str, str]] = set()

    def refresh(self, writer: Writer, *, dry_run: bool = False) -> int:
        """Make again what is not as its source is; how many parts that were, or would be."""
        made = 0
        with writer.lock:
            for account_id in writer.store.accounts():
                for part in self._table.parts(writer, account_id):
                    made += self._make(writer, part, dry_run)
        return made

    def _make(self, writer: Writer, part: Part, dry_run: bool) -> int:
        key = (part.account_id, part.name, part.source)
        if key in self._empty:
            return 0
        if dry_run:
            return 1
        with writer.writing("refresh a table"):
            files = self._table.make(writer, part)
        if files or part.old:
            writer.commit(files, part.old)
        if not files:  # nothing says in the catalog that nothing is what it comes to
            self._empty.add(key)
        return 1


def source_of(files: Sequence[DataFile]) -> str:
    """What tells rows from other rows: they only come (with higher positions) and go."""
    return f"{sum(file.rows for file in files)}:{max((file.max_seq for file in files), default=0)}"


Withhold = Callable[[dict[tuple[str | None, ...], int], int], frozenset[tuple[str | None, ...]]]
"""Which cells of a published table are not to be published, of ``{key: people}`` and k."""
