"""The catalog's rows in the table ``lake``.

| ``pk`` | ``sk`` | what |
|---|---|---|
| ``state`` | ``events`` | the pointer: snapshot, position, who may write and until when |
| ``files#<account>`` | path | a file, ``added`` in a snapshot and perhaps ``removed`` in a later |
| ``intents`` | fence and number | what a commit is about to do, for whoever has to undo it |
| ``gone`` | instant, snapshot, number | paths a commit removed, for ``expire`` |
| ``erased`` | account, digest and position | whom to leave out of the log, and up to where |
| ``touched`` | folder | partitions that may be worth merging |
| ``manifests`` | folder | partitions whose manifest has to be put |
| ``accounts`` | account | accounts that have, or had, files |

**Why rows with snapshot numbers, and not a manifest object.** A file is part of snapshot *n* when
``added <= n`` and not ``removed <= n``. A commit writes its rows under the number after the
pointer's, where no reader looks, and its last transaction moves the pointer: that is the commit,
of any size. An ordinary one (up to 90 or so files) is that transaction alone. A reader takes the
pointer, then the rows of its own account, and nothing that is written in between can change what
it finds. A manifest would be written whole at every flush and read whole by every query, for all
accounts; here both cost what the flush or the account is.

**Why no two writers can mix.** Opening the store puts a new ``fence`` into the pointer, and every
transaction names the fence it was begun under. Who was overtaken, however late its requests
arrive, is refused. The lease only keeps a second writer from overtaking one that is alive; no
guarantee rests on clocks.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.errors import ConflictError
from tallybrook.ports.aws.clients import client, translated
from tallybrook.ports.aws.dynamo import Item, batch_get, batch_write, number, pages, text
from tallybrook.ports.aws.tables import LAKE, physical
from tallybrook.ports.aws.transactions import UnmetError, conditional, transact
from tallybrook.ports.lake import ACCOUNT_ID, DataFile, Erased

POINTER: Item = {"pk": text("state"), "sk": text("events")}
NOT_THE_WRITER = "another process writes this lake"
CHANGED = "the catalog changed under this commit"
READING, WRITING = "read the lake's catalog", "write the lake's catalog"

_decode_file = msgspec.json.Decoder(DataFile).decode


class Pointer(Struct, frozen=True):
    """The one row that says what the table is. ``erased_to`` is the highest position that anybody
    was erased up to: rows of ``erased`` say something while it is past ``position``."""

    snapshot_id: int = 0
    position: int = 0
    fence: str = ""
    erased_to: int = 0


class Row(Struct, frozen=True):
    """A file, and in which snapshots it is part of the table."""

    file: DataFile
    added: int
    removed: int | None = None
    removed_us: int = 0

    def live_in(self, snapshot_id: int) -> bool:
        return self.added <= snapshot_id and not self.gone_by(snapshot_id)

    def gone_by(self, snapshot_id: int) -> bool:
        return self.removed is not None and self.removed <= snapshot_id


class Intent(Struct, frozen=True):
    """The paths of a commit that has begun; once it is whole, this is gone with it."""

    sk: str
    add: list[str]
    remove: list[str]
    erased: list[str] = []


class Catalog:
    """Reads and single writes; every read is consistent."""

    def __init__(self, stack: str) -> None:
        self.table = physical(stack, LAKE)
        self.dynamo: Any = client("dynamodb")

    def pointer(self) -> Pointer:
        with translated("read the lake's pointer"):
            found = self.dynamo.get_item(TableName=self.table, Key=POINTER, ConsistentRead=True)
        item = found.get("Item")
        if item is None:
            return Pointer()
        snapshot_id, position = (int(item[name]["N"]) for name in ("snapshot", "position"))
        erased_to = int(item["erased_to"]["N"]) if "erased_to" in item else 0
        return Pointer(snapshot_id, position, item["fence"]["S"], erased_to)

    def account_rows(self, account_id: str, under: str = "") -> Iterator[Row]:
        """An account's files in the order of their paths, those of all snapshots that are kept."""
        condition, values = "pk = :pk", {":pk": text(f"files#{account_id}")}
        if under:
            condition, values = (
                f"{condition} AND begins_with(sk, :under)",
                values | {":under": text(under)},
            )
        return map(_row, self._query(condition, values))

    def rows(self, paths: Sequence[str]) -> dict[str, Row]:
        """The files of these paths that are in the catalog."""
        keys = [file_key(path) for path in dict.fromkeys(paths) if account_of(path)]
        with translated(READING):
            items = batch_get(self.dynamo, self.table, keys, ConsistentRead=True)
        return {item["sk"]["S"]: _row(item) for item in items}

    def intents(self) -> list[Intent]:
        items = self._query("pk = :pk", {":pk": text("intents")})
        names = ("add", "remove", "erased")
        return [Intent(i["sk"]["S"], *(_paths(i, name) for name in names)) for i in items]

    def gone(self, before_us: int) -> Iterator[tuple[str, list[str]]]:
        """Removals up to an instant: the row's key and the paths, the oldest first."""
        values = {":pk": text("gone"), ":end": text(instant(before_us + 1))}
        for item in self._query("pk = :pk AND sk < :end", values):
            yield item["sk"]["S"], _paths(item, "remove")

    def erased(self, pointer: Pointer, account_id: str | None = None) -> list[Erased]:
        """Those, of one account or all, whose rows lie past the pointer's position."""
        if pointer.erased_to <= pointer.position:
            return []
        rows = self.erased_rows("" if account_id is None else f"{account_id}#")
        return [
            one
            for _, one, added in rows
            if added <= pointer.snapshot_id and one.up_to > pointer.position
        ]

    def erased_rows(self, prefix: str = "") -> Iterator[tuple[str, Erased, int]]:
        """Key, content and snapshot of the rows of ``erased``."""
        condition, values = "pk = :pk", {":pk": text("erased")}
        if prefix:
            condition += " AND begins_with(sk, :prefix)"
            values[":prefix"] = text(prefix)
        for item in self._query(condition, values):
            key = item["sk"]["S"]
            account, digest, up_to = key.split("#")
            yield key, Erased(account, digest, int(up_to)), int(item["added"]["N"])

    def accounts(self) -> list[str]:
        return [item["sk"]["S"] for item in self._query("pk = :pk", {":pk": text("accounts")})]

    def owed(self) -> list[str]:
        """Folders of partitions whose manifest may be older than the table."""
        return [item["sk"]["S"] for item in self._query("pk = :pk", {":pk": text("manifests")})]

    def touched(self) -> Iterator[tuple[str, str]]:
        """Folder and mark of each partition that was written to."""
        for item in self._query("pk = :pk", {":pk": text("touched")}):
            yield item["sk"]["S"], item["mark"]["S"]

    def untouch(self, folder: str, mark: str) -> None:
        """Forget a partition, unless it was written to since."""
        with suppress(UnmetError):
            conditional(
                self.dynamo.delete_item,
                WRITING,
                TableName=self.table,
                Key={"pk": text("touched"), "sk": text(folder)},
                ConditionExpression="mark = :mark",
                ExpressionAttributeValues={":mark": text(mark)},
            )

    def _query(self, condition: str, values: Item) -> Iterator[Item]:
        with translated(READING):
            yield from pages(
                self.dynamo,
                "query",
                TableName=self.table,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                ConsistentRead=True,
            )

    def take(self, fence: str, now_us: int, until_us: int) -> None:
        """Become the writer. ``ConflictError`` while another one's lease lasts."""
        self._point(
            "SET fence = :fence, lease_us = :until, #position = if_not_exists(#position, :zero),"
            " #snapshot = if_not_exists(#snapshot, :zero)",
            # The second half: the SDK sends a request again whose answer it did not get.
            "attribute_not_exists(fence) OR lease_us < :now OR fence = :fence",
            {
                ":fence": text(fence),
                ":until": number(until_us),
                ":now": number(now_us),
                ":zero": number(0),
            },
            {"#position": "position", "#snapshot": "snapshot"},
        )

    def replace_fence(self, old: str, new: str) -> None:
        """From here on nothing begun under the old fence can take effect."""
        values = {":old": text(old), ":new": text(new)}
        self._point("SET fence = :new", "fence = :old OR fence = :new", values, {})

    def release(self, fence: str) -> None:
        """Let the next writer in at once; nothing when this one was overtaken."""
        values = {":fence": text(fence), ":zero": number(0)}
        with suppress(ConflictError):
            self._point("SET lease_us = :zero", "fence = :fence", values, {})

    def _point(self, update: str, condition: str, values: Item, names: dict[str, str]) -> None:
        try:
            conditional(
                self.dynamo.update_item,
                "write the lake's pointer",
                TableName=self.table,
                Key=POINTER,
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                **({"ExpressionAttributeNames": names} if names else {}),
            )
        except UnmetError as error:
            raise ConflictError(NOT_THE_WRITER) from error

    def transact(self, fence: str, actions: Sequence[Item], pointer: Item | None = None) -> None:
        """The actions together or none, and only under this fence; ``pointer`` moves it besides.

        At most 99 actions. Raises ``ConflictError`` when a condition does not hold.
        """
        checked = pointer or {"ConditionCheck": self.under(fence)}
        try:
            transact(self.dynamo, [checked, *actions], WRITING)
        except UnmetError as error:
            raise ConflictError(NOT_THE_WRITER if 0 in error.items else CHANGED) from error

    def write(self, requests: Iterable[Item]) -> None:
        """Puts and deletes that nothing else depends on; neither atomic nor fenced."""
        with translated(WRITING):
            batch_write(self.dynamo, self.table, requests)

    def under(self, fence: str) -> Item:
        """The condition that this is still the writer, for the pointer's row."""
        return {
            "TableName": self.table,
            "Key": POINTER,
            "ConditionExpression": "fence = :fence",
            "ExpressionAttributeValues": {":fence": text(fence)},
        }


def account_of(path: str) -> str | None:
    """The account whose folder a path is in; None when it is in nobody's."""
    account_id = path.partition("/account_id=")[2].partition("/")[0]
    return account_id if ACCOUNT_ID.fullmatch(account_id) else None


def file_key(path: str) -> Item:
    return {"pk": text(f"files#{account_of(path)}"), "sk": text(path)}


def erased_key(one: Erased) -> Item:
    return {"pk": text("erased"), "sk": text(f"{one.account_id}#{one.digest}#{one.up_to}")}


def instant(us: int) -> str:
    """Microseconds as text that sorts as they do, from the year 1970."""
    return f"{max(us, 0):020d}"


def encode_file(file: DataFile) -> dict[str, str]:
    return text(msgspec.json.encode(file).decode())


def encode_paths(paths: Iterable[str]) -> dict[str, str]:
    return text(msgspec.json.encode(list(paths)).decode())


def _paths(item: Item, name: str) -> list[str]:
    return msgspec.json.decode(item[name]["S"], type=list[str]) if name in item else []


def _row(item: Item) -> Row:
    file, added = _decode_file(item["file"]["S"]), int(item["added"]["N"])
    if "removed" not in item:
        return Row(file, added)
    return Row(file, added, int(item["removed"]["N"]), int(item["removed_us"]["N"]))
