"""Files in the state: begun once, found again by content and by entity tag, saved by one at a time.

Who saves has read what it replaces: of two that work off the same file one is told so, and stops.
"""

import msgspec
from msgspec import Struct

from tallybrook.errors import ConflictError, StorageError
from tallybrook.events.ids import content_id
from tallybrook.events.instants import format_instant
from tallybrook.files.places import Place
from tallybrook.files.shapes import File, FileList, ShownFile
from tallybrook.ports.state import ABSENT, Put, State

_MAX_MS = (1 << 48) - 1
_TAKEN = "another one works on the file"
_file = msgspec.msgpack.Decoder(File)


class Held(Struct):
    """A file, and the version of what the state holds of it. ``fresh``: it was begun just now."""

    file: File
    version: int
    fresh: bool = False


def files_partition(account_id: str) -> str:
    """Files by id: newest first."""
    return f"files#{account_id}"


def names_partition(account_id: str) -> str:
    """Ids by what a file is known by: its name with its content, or with its entity tag."""
    return f"files.names#{account_id}"


def begin(
    state: State, place: Place, key: str, digest: str, etag: str, size_bytes: int, now_us: int
) -> Held:
    """The file of this name and content: as it stands, or begun now.

    ``started_at`` is that of the first time. Raises ``StorageError``.
    """
    by_content = content_id("content", key, digest)
    known = _find(state, place.account_id, by_content)
    if known is not None:
        _also_known(state, place.account_id, known.file, by_etag(key, etag))
        return known
    by_kind = content_id("kind", place.kind, digest)
    first = _find(state, place.account_id, by_kind)
    file = _fresh(place, key, digest, size_bytes, now_us, first.file if first else None)
    names = names_partition(place.account_id)
    new = [by_content] if first else [by_content, by_kind]
    changes = [
        Put(files_partition(place.account_id), file.file_id, _encoded(file), ABSENT),
        *(Put(names, name, file.file_id.encode(), ABSENT) for name in new),
        Put(names, by_etag(key, etag), file.file_id.encode()),
    ]
    try:
        return Held(file, state.write(changes)[0], fresh=True)
    except ConflictError:
        raise StorageError(_TAKEN) from None


def _fresh(
    place: Place, key: str, digest: str, size_bytes: int, now_us: int, first: File | None
) -> File:
    file_id = _file_id(now_us, key, digest)
    return File(
        file_id=file_id, account_id=place.account_id, kind=place.kind, key=key, digest=digest,
        size_bytes=size_bytes, started_at=now_us, first_id=first.file_id if first else file_id,
        first_at=first.started_at if first else now_us,
    )  # fmt: skip


def file_of(state: State, account_id: str, file_id: str) -> File | None:
    """A file by its id."""
    held = state.get(files_partition(account_id), file_id)
    return _file.decode(held.value) if held else None


def by_etag(key: str, etag: str) -> str:
    return content_id("etag", key, etag)


def known_by(state: State, account_id: str, name: str) -> bool:
    """Whether a file of this name and entity tag was ever begun."""
    return _find(state, account_id, name) is not None


def save(state: State, held: Held) -> None:
    """Remember how far a file is. Raises ``StorageError`` where somebody else did since."""
    file = held.file
    try:
        held.version = state.put(
            files_partition(file.account_id), file.file_id, _encoded(file), expect=held.version
        )
    except ConflictError:
        raise StorageError(_TAKEN) from None


def listed(
    state: State, account_id: str, limit: int, cursor: str | None, *, with_names: bool
) -> FileList:
    """A page of an account's files, newest first."""
    found = state.query(files_partition(account_id), after=cursor, limit=limit + 1)
    files = [shown(_file.decode(one.value), with_names=with_names) for one in found[:limit]]
    return FileList(files, found[limit - 1].key if len(found) > limit else None)


def shown(file: File, *, with_names: bool) -> ShownFile:
    """A file as it is given back."""
    counts, ended = file.counts, file.finished_at
    hidden = file.kind == "exports" and not with_names  # named after what was exported
    return ShownFile(
        file.file_id, file.kind, file.status, file.key if with_names else None, file.size_bytes,
        file.format, counts.received, counts.accepted, counts.duplicate, counts.rejected,
        file.reason, None if hidden else file.output, file.archived,
        format_instant(file.started_at), None if ended is None else format_instant(ended),
    )  # fmt: skip


def _find(state: State, account_id: str, name: str) -> Held | None:
    found = state.get(names_partition(account_id), name)
    held = found and state.get(files_partition(account_id), found.value.decode())
    return Held(_file.decode(held.value), held.version) if held else None


def _also_known(state: State, account_id: str, file: File, name: str) -> None:
    if state.get(names_partition(account_id), name) is None:
        state.put(names_partition(account_id), name, file.file_id.encode())


def _file_id(now_us: int, key: str, digest: str) -> str:
    """Sorts the newest first, and tells nothing of the name."""
    before = _MAX_MS - min(max(now_us // 1000, 0), _MAX_MS)
    return f"{before:012x}{content_id(key, digest)[:20]}"


def _encoded(file: File) -> bytes:
    return msgspec.msgpack.encode(file)
