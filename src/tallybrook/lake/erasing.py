"""Erasing people: their rows leave every file in one commit, and what the log still has of them
is left out from that commit on.

A reader has a person whole or not at all. The old files stay for those who read them, until their
grace is over; from then on no snapshot can be read that has the person.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from msgspec import Struct, field

from tallybrook.errors import InvalidError
from tallybrook.lake.scan import literal, select_files
from tallybrook.lake.tables import TABLES, Table
from tallybrook.lake.tables.results import is_result
from tallybrook.lake.write import rewrite_files
from tallybrook.lake.writing import Writer
from tallybrook.ports.lake import DataFile, Erased, digest_of

LOOK_AT_BYTES = 64 * 1024 * 1024
"""Files of so many bytes are looked through together: a backend may have to bring them here."""


class Share(Struct):
    """What of a table is, or was, somebody's."""

    rows: int = 0
    files: int = 0


class Erasure(Struct):
    """What was erased, by table; ``up_to`` is the log position up to which."""

    account_id: str
    up_to: int
    tables: dict[str, Share] = field(default_factory=dict)


def erase(
    writer: Writer, account_id: str, names: Sequence[str], up_to: int, *, dry_run: bool = False
) -> Erasure:
    """Take away the rows of whoever goes by one of these names (user ids, anonymous ids,
    pseudonyms), up to a log position: its head, for all that came so far. The account's tables of
    results go whole: nobody knows who is in them.

    Doing it twice changes nothing. Events past ``up_to`` are new ones and stay.
    """
    if not names or not all(names):
        raise InvalidError("whom to erase is not said")
    report = Erasure(account_id, up_to)
    with writer.lock, writer.writing("erase"):
        affected = list(_affected(writer, account_id, names, up_to, report))
        if not dry_run:
            _rewrite(writer, affected, names, up_to, _digests(account_id, names, up_to))
    return report


def _digests(account_id: str, names: Sequence[str], up_to: int) -> list[Erased]:
    return [Erased(account_id, digest_of(account_id, name), up_to) for name in sorted(set(names))]


def _rewrite(
    writer: Writer,
    affected: Sequence[DataFile],
    names: Sequence[str],
    up_to: int,
    erased: Sequence[Erased],
) -> None:
    add: list[DataFile] = []
    with writer.writing("erase", add):
        for file in affected:
            if is_result(file.table):
                continue
            theirs = _theirs(TABLES[file.table], names, up_to)
            add += rewrite_files(writer.engine, writer.store, [file], f"NOT {theirs}")
    writer.commit(add, affected, erased=erased)


def _affected(
    writer: Writer, account_id: str, names: Sequence[str], up_to: int, report: Erasure
) -> Iterator[DataFile]:
    """The files that hold rows of theirs, counted in the report."""
    by_table: dict[str, list[DataFile]] = defaultdict(list)
    for file in writer.store.snapshot(account_id).files:
        by_table[file.table].append(file)
    for name, files in by_table.items():
        if is_result(name):
            report.tables[name] = Share(sum(file.rows for file in files), len(files))
            yield from files
        table = TABLES.get(name)
        if table is None or not table.person.columns:
            continue
        for some in _together(files):
            for file, rows in _count(writer, table, some, _theirs(table, names, up_to)):
                share = report.tables.setdefault(name, Share())
                share.rows, share.files = share.rows + rows, share.files + 1
                yield file


def _count(
    writer: Writer, table: Table, files: list[DataFile], theirs: str
) -> Iterator[tuple[DataFile, int]]:
    located = zip(files, writer.store.locate(files), strict=True)
    counts = " UNION ALL ".join(
        f"SELECT {number}, count(*) FROM ({select_files(table, [one])}) WHERE {theirs}"
        for number, one in enumerate(located)
    )
    for number, rows in writer.engine.execute(counts).fetchall():
        if rows:
            yield files[number], rows


def _theirs(table: Table, names: Sequence[str], up_to: int) -> str:
    """Whether a row is one of theirs: true or false, never NULL."""
    listed = ", ".join(literal(name) for name in sorted(set(names)))
    named = " OR ".join(f'"{column}" IN ({listed})' for column in table.person.columns)
    come = f' AND "seq" <= {up_to}' if "seq" in table.names else ""
    return f"coalesce(({named}){come}, false)"


def _together(files: Sequence[DataFile]) -> Iterator[list[DataFile]]:
    some: list[DataFile] = []
    for file in files:
        if some and sum(f.bytes for f in some) + file.bytes > LOOK_AT_BYTES:
            yield some
            some = []
        some.append(file)
    if some:
        yield some
