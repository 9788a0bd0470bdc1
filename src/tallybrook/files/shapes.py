"""A file as it is remembered and shown. Light to load."""

from typing import Literal

from msgspec import Struct, field

from tallybrook.files.places import Kind

FileStatus = Literal["working", "done", "partial", "failed"]


class Counts(Struct):
    """Rows. ``received = accepted + duplicate + rejected``, at any moment between two chunks."""

    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0

    def add(self, other: "Counts") -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class File(Struct, kw_only=True):
    """One content that was put under one key, and what became of it.

    ``partial``: it broke off, and the rows before that went in; ``failed``: nothing of it could be
    read. ``reason`` says why. ``digest`` is the SHA-256 of the content, ``key`` the name it had:
    shown to nobody without the scope admin. Instants are in microseconds. ``first_id`` is the first
    file of the kind with this content, itself where there was none, and ``first_at`` its beginning.

    ``rows_done`` and ``chunks_done`` are how far a long file is; nothing before is done again.
    """

    file_id: str
    account_id: str
    kind: Kind
    key: str
    digest: str
    size_bytes: int
    started_at: int
    first_id: str
    first_at: int
    status: FileStatus = "working"
    finished_at: int | None = None
    format: str | None = None
    counts: Counts = field(default_factory=Counts)
    reason: str | None = None
    output: str | None = None
    archived: str | None = None
    rows_done: int = 0
    chunks_done: int = 0


class ShownFile(Struct):
    """One file. ``received = accepted + duplicate + rejected`` counts its rows; ``name`` is null
    for a key without the scope admin, as it may name somebody. ``output`` is the key of what was
    made of it: insights, a compressed export, or the report about bad rows."""

    file_id: str
    kind: Kind
    status: FileStatus
    name: str | None
    size_bytes: int
    format: str | None
    received: int
    accepted: int
    duplicate: int
    rejected: int
    reason: str | None
    output: str | None
    archived: str | None
    started_at: str
    finished_at: str | None


class FileList(Struct):
    files: list[ShownFile]
    next_cursor: str | None
