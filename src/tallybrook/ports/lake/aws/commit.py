"""What a commit writes, as DynamoDB actions; and what is undone of one that did not get through."""

from collections.abc import Iterator, Sequence

from tallybrook.errors import ConflictError
from tallybrook.ports.aws.dynamo import MAX_TRANSACTION, Item, number, text
from tallybrook.ports.lake import DataFile
from tallybrook.ports.lake.aws.catalog import (
    Catalog,
    Intent,
    Pointer,
    account_of,
    encode_file,
    encode_paths,
    file_key,
    instant,
)

PATHS_A_ROW = 2_000
"""Some 250 KB of paths; an item may have 400 KB."""


def check(
    catalog: Catalog,
    pointer: Pointer,
    add: Sequence[DataFile],
    remove: Sequence[str],
    position: int | None,
) -> None:
    """Raise ``ConflictError`` for what the contract forbids, before anything is written."""
    if position is not None and position < pointer.position:
        raise ConflictError(
            f"position {position} is below the committed position {pointer.position}"
        )
    added = [file.path for file in add]
    known = catalog.rows([*added, *remove])
    if len(set(added)) < len(added) or any(path in known for path in added):
        raise ConflictError("a file with that path is already in the catalog")
    if any(account_of(path) is None for path in added):
        raise ConflictError("a file lies outside the folders of the accounts")
    for path in remove:
        row = known.get(path)
        if row is None or not row.live_in(pointer.snapshot_id):
            raise ConflictError(f"{path} is not a live file of the lake")


def put_intents(
    catalog: Catalog, fence: str, snapshot_id: int, add: Sequence[DataFile], remove: Sequence[str]
) -> list[Intent]:
    """Write down what is about to happen, under the fence, so that it can be undone."""
    paths = [(file.path, True) for file in add] + [(path, False) for path in remove]
    intents = []
    for at in range(0, len(paths), PATHS_A_ROW):
        part = paths[at : at + PATHS_A_ROW]
        added = [path for path, new in part if new]
        intent = Intent(
            f"{fence}#{instant(snapshot_id)}#{at}", added, [path for path, new in part if not new]
        )
        intents.append(intent)
        item = {
            **_intent_key(intent),
            "add": encode_paths(intent.add),
            "remove": encode_paths(intent.remove),
        }
        catalog.transact(fence, [{"Put": {"TableName": catalog.table, "Item": item}}])
    return intents


def touch(catalog: Catalog, add: Sequence[DataFile], mark: str) -> None:
    """Name the partitions that ``small_files`` has to look into."""
    partitions = sorted({(file.account_id, file.date) for file in add})
    items = [
        {"pk": text("touched"), "sk": text(f"{account_id}/{date}"), "mark": text(mark)}
        for account_id, date in partitions
    ]
    catalog.write({"PutRequest": {"Item": item}} for item in items)


def apply(catalog: Catalog, fence: str, actions: Sequence[Item], pointer: Item) -> Iterator[str]:
    """Write the rows and move the pointer; yields the name of each step before it is taken.

    What does not fit into the transaction that moves the pointer is written before it, under a
    snapshot number that nobody reads yet.
    """
    room = MAX_TRANSACTION - 1
    while len(actions) > room:
        yield "before-rows"
        catalog.transact(fence, actions[:room])
        actions = actions[room:]
    yield "before-commit"
    catalog.transact(fence, actions, pointer)


def row_actions(
    table: str, snapshot_id: int, add: Sequence[DataFile], remove: Sequence[str], now_us: int
) -> list[Item]:
    """Files that come, files that go, and the note for ``expire``."""
    return [
        *(_put(table, snapshot_id, file) for file in add),
        *(_remove(table, snapshot_id, path, now_us) for path in remove),
        *_gone(table, snapshot_id, remove, now_us),
    ]


def pointer_action(catalog: Catalog, fence: str, before: Pointer, position: int | None) -> Item:
    """One snapshot further, if nothing happened since ``before``."""
    moved = catalog.under(fence)
    moved["UpdateExpression"] = "SET #snapshot = :next, #position = :position"
    moved["ConditionExpression"] += " AND #snapshot = :before"
    moved["ExpressionAttributeNames"] = {"#snapshot": "snapshot", "#position": "position"}
    moved["ExpressionAttributeValues"] |= {
        ":before": number(before.snapshot_id),
        ":next": number(before.snapshot_id + 1),
        ":position": number(before.position if position is None else position),
    }
    return {"Update": moved}


def forget(catalog: Catalog, intents: Sequence[Intent]) -> None:
    """The intents of commits that are whole, or undone."""
    catalog.write({"DeleteRequest": {"Key": _intent_key(intent)}} for intent in intents)


def undo_rows(catalog: Catalog, fence: str, snapshot_id: int, intent: Intent) -> list[str]:
    """Take back what an intent wrote past the pointer; the added paths that are not live.

    ``fence`` replaced the intent's: nothing of it can arrive any more. Nor can what is undone
    here, once somebody else has undone the same and gone on.
    """
    known = catalog.rows([*intent.add, *intent.remove])
    left = [p for p in intent.add if p not in known or known[p].added > snapshot_id]
    removed = [p for p in intent.remove if p in known and known[p].removed is not None]
    actions: list[Item] = [
        *(
            {"Delete": {"TableName": catalog.table, "Key": file_key(path)}}
            for path in left
            if path in known
        ),
        *(_put_back(catalog.table, p) for p in removed if not known[p].gone_by(snapshot_id)),
    ]
    for at in range(0, len(actions), MAX_TRANSACTION - 1):
        catalog.transact(fence, actions[at : at + MAX_TRANSACTION - 1])
    return left


def _put(table: str, snapshot_id: int, file: DataFile) -> Item:
    return {
        "Put": {
            "TableName": table,
            "Item": {
                **file_key(file.path),
                "file": encode_file(file),
                "added": number(snapshot_id),
            },
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def _remove(table: str, snapshot_id: int, path: str, now_us: int) -> Item:
    return {
        "Update": {
            "TableName": table,
            "Key": file_key(path),
            "UpdateExpression": "SET removed = :snapshot, removed_us = :now",
            "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(removed)",
            "ExpressionAttributeValues": {":snapshot": number(snapshot_id), ":now": number(now_us)},
        }
    }


def _put_back(table: str, path: str) -> Item:
    return {
        "Update": {
            "TableName": table,
            "Key": file_key(path),
            "UpdateExpression": "REMOVE removed, removed_us",
        }
    }


def _gone(table: str, snapshot_id: int, remove: Sequence[str], now_us: int) -> Iterator[Item]:
    for at in range(0, len(remove), PATHS_A_ROW):
        key = f"{instant(now_us)}#{snapshot_id}#{at}"
        item = {
            "pk": text("gone"),
            "sk": text(key),
            "remove": encode_paths(remove[at : at + PATHS_A_ROW]),
        }
        yield {"Put": {"TableName": table, "Item": item}}


def _intent_key(intent: Intent) -> Item:
    return {"pk": text("intents"), "sk": text(intent.sk)}
