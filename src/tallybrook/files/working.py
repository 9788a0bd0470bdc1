"""What a file in hand is worked off with: its rows, and how far it is."""

from collections.abc import Callable, Iterator

from msgspec import Struct

from tallybrook.errors import MalformedError, StorageError
from tallybrook.events.ids import stable_id
from tallybrook.files.keeping import Held, save
from tallybrook.files.opening import IN_CHUNKS_BYTES, Body, opened
from tallybrook.files.places import SOURCE, Place
from tallybrook.files.ports import Ports
from tallybrook.files.reader import read_rows
from tallybrook.files.rows import Row
from tallybrook.files.shapes import Counts, File
from tallybrook.files.source import Format

CHUNK_BYTES = 8 << 20
"""Of a long file: after so much of its rows it is noted how far it is."""

LAST_S = 45.0
"""With less time than this left a long file is not gone on with; the next call does."""


class Job(Struct):
    """A file in hand. ``again``: somebody began it before and did not finish."""

    ports: Ports
    place: Place
    held: Held
    body: Body
    again: bool
    format: Format = "csv"
    noted_bytes: int = 0
    broken: str | None = None

    @property
    def file(self) -> File:
        return self.held.file

    def rows(self) -> Iterator[Row]:
        """The rows that are not done. One that breaks off gives what it has; ``broken`` says why.

        Raises ``MalformedError`` for what cannot be read at all.
        """
        source, self.format = opened(self.body.pieces())
        self.file.format = self.format
        return self._readable(read_rows(source, self.format))

    def every_row(self) -> Iterator[Row]:
        """All rows once more, of a file that was read before."""
        source, fmt = opened(self.body.pieces())
        try:
            yield from read_rows(source, fmt)
        except MalformedError:
            return

    def _readable(self, rows: Iterator[Row]) -> Iterator[Row]:
        done = self.file.rows_done
        try:
            for row in rows:
                if row.number > done:
                    yield row
        except MalformedError as error:
            self.broken = error.detail

    def count(self, found: Counts, last_row: int, chunks_done: int, size_bytes: int) -> None:
        """These rows are durable. A long file is noted from time to time.

        Raises ``StorageError`` where there is no time to go on: the file is as far as it is noted.
        """
        file = self.file
        file.counts.add(found)
        file.rows_done, file.chunks_done = last_row, chunks_done
        self.noted_bytes += size_bytes
        if file.size_bytes < IN_CHUNKS_BYTES or self.noted_bytes < CHUNK_BYTES:
            return
        save(self.ports.state, self.held)
        self.noted_bytes = 0
        if self.ports.remaining_s() < LAST_S:
            raise StorageError(f"file {file.file_id} is noted up to row {last_row}; to be gone on")

    def failed_id(self, row: Row) -> str:
        """The same for a row of this content, whatever the file is called."""
        return stable_id(self.file.first_at, SOURCE, self.place.account_id, self.place.kind,
                         self.file.digest, str(row.number))  # fmt: skip


Work = Callable[[Job], None]
