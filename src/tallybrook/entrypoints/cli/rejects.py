"""Where rejected rows are named: a file for all of them, or stderr for the first ones."""

from pathlib import Path
from typing import IO

import msgspec

from tallybrook.entrypoints.cli.output import note
from tallybrook.errors import UsageError
from tallybrook.files.rows import Row

_MOST_ON_STDERR = 100


class Rejects:
    """Every reject goes to the file as a JSON line, or the first 100 to stderr as text."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._count = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "Rejects":
        try:
            self._file = self._path.open("wb") if self._path else None
        except OSError as error:
            raise UsageError(f"cannot write {self._path}: {error.strerror}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def add(self, row: Row, reason: str) -> None:
        self._count += 1
        if self._file:
            text = row.raw.decode(errors="replace")
            entry = {"row": row.number, "line": row.line, "reason": reason, "text": text}
            self._file.write(msgspec.json.encode(entry) + b"\n")
        elif self._count <= _MOST_ON_STDERR:
            note(f"row {row.number} (line {row.line}): {reason}")

    def finish(self) -> None:
        """Say what was not said row by row."""
        if self._file and self._count:
            note(f"{self._count} rejected rows are in {self._path}")
        elif self._count > _MOST_ON_STDERR:
            more = self._count - _MOST_ON_STDERR
            note(f"and {more} more rejected rows (--rejects FILE names them all)")
