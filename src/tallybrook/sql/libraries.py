"""The saved queries there are: those that come with the product, and those of a directory."""

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from msgspec import Struct

from tallybrook.errors import InvalidError, NotFoundError
from tallybrook.sql.saved import SavedQuery, read

MAX_FILE_BYTES = 64 * 1024


class Broken(Struct, frozen=True):
    """A file of the user's that is no saved query, and why."""

    file: str
    reason: str


class Library:
    """Reads the directory again whenever something in it has changed, so that a file can be
    dropped in. A query of the user's takes the place of one of ours with the same id."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._ours = {query.id: query for query in _built_in()}
        self._seen: tuple[tuple[str, int, int], ...] = ()
        self._theirs: dict[str, SavedQuery] = {}
        self._broken: tuple[Broken, ...] = ()

    def queries(self) -> list[SavedQuery]:
        """All of them, by id."""
        self._look()
        return [query for _, query in sorted((self._ours | self._theirs).items())]

    def broken(self) -> tuple[Broken, ...]:
        self._look()
        return self._broken

    def get(self, query_id: str) -> SavedQuery:
        """Raises ``NotFoundError``."""
        self._look()
        found = self._theirs.get(query_id) or self._ours.get(query_id)
        if found is None:
            raise NotFoundError(f"there is no saved query {query_id[:64]!r}")
        return found

    def _look(self) -> None:
        files = sorted(self._directory.glob("*.sql")) if self._directory is not None else []
        seen = tuple((file.name, *_stamp(file)) for file in files)
        if seen == self._seen:
            return
        theirs: dict[str, SavedQuery] = {}
        broken: list[Broken] = []
        for file in files:
            try:
                query = read(_text(file), own=True)
                if query.id in theirs:
                    raise InvalidError(f"another file has the id {query.id}")
                theirs[query.id] = query
            except (InvalidError, OSError, UnicodeDecodeError) as error:
                broken.append(Broken(file.name, getattr(error, "detail", "") or "cannot be read"))
        self._seen, self._theirs, self._broken = seen, theirs, tuple(broken)


def _stamp(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_mtime_ns, found.st_size


def _text(file: Path) -> str:
    if file.stat().st_size > MAX_FILE_BYTES:
        raise InvalidError(f"is over {MAX_FILE_BYTES} bytes")
    return file.read_text(encoding="utf-8")


def _built_in() -> Iterator[SavedQuery]:
    folder: Traversable = resources.files("tallybrook.sql") / "library"
    for file in folder.iterdir():
        if file.name.endswith(".sql"):
            yield read(file.read_text(encoding="utf-8"))
