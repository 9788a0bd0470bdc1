"""What a commit writes, as DynamoDB actions; and what is undone of one that did not get through."""

from collections.abc import Iterator, Sequence

from tallybrook.errors import ConflictError
from tallybrook.ports.aws.dynamo import MAX_TRANSACTION, Item, number, text
from tallybrook.ports.lake import DataFile, Erased
from tallybrook.ports.lake.aws.catalog import (
    Catalog,
    Intent,
    Pointer,
    account_of,
    encode_file,
    encode_paths,
    erased_key,
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
    catalog: Catalog,
    fence: str,
    snapshot_id: int,
    add: Sequence[DataFile],
    remove: Sequence[str],
    erased: Sequence[Erased] = (),
) -> list[Intent]:
    """Write down what is about to happen, under the fence, so that it can be undone."""
    named: list[tuple[int, str]] = [
        *((0, file.path) for file in add),
        *((1, path) for path in remove),
        *((2, erased_key(one)["sk"]["S"]) for one in erased),
    ]
    intents = []
    for at in range(0, len(named), PATHS_A_ROW):
        part = named[at : at + PATHS_A_ROW]
        parts = ([name for kind, name in part if kind == wanted] for wanted in range(3))
        intent = Intent(f"{fence}#{instant(snapshot_id)}#{at}", *parts)
        intents.append(intent)
        item = {
            **_intent_key(intent),
            "add": encode_paths(intent.add),
            "remove": encode_paths(intent.remove),
            "erased": encode_paths(intent.erased),
        }
        catalog.transact(fence, [{"Put": {"TableName": catalog.table, "Item": item}}])
    return intents


def touch(catalog: Catalog, add: Sequence[DataFile], accounts: Sequence[str], mark: str) -> None:
    """Name the partitions that ``small_files`` has to look into, and accounts that are new."""
    items = [
        *(
            {"pk": text("touched"), "sk": text(folder), "mark": text(mark)}
            for folder in sorted({file.folder for file in add})
        ),
        *({"pk": text("accounts"), "sk": text(account)} for account in accounts),
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
    table: str,
    snapshot_id: int,
    add: Sequence[DataFile],
    remove: Sequence[str],
    erased: Sequence[Erased],
    now_us: int,
) -> list[Item]:
    """Files that come, files that go, the note for ``expire``, and whom to leave out."""
    return [
        *(_put_erased(table, snapshot_id, one) for one in erased),
        *(_put(table, snapshot_id, file) for file in add),
        *(_remove(table, snapshot_id, path, now_us) for path in remove),
        *_gone(table, snapshot_id, remove, now_us),
    ]


def moved(before: Pointer, position: int | None, erased: Sequence[Erased]) -> Pointer:
    """The pointer after a commit."""
    return Pointer(
        before.snapshot_id + 1,
        before.position if position is None else position,
        before.fence,
        max([before.erased_to, *(one.up_to for one in erased)]),
    )


def pointer_action(catalog: Catalog, before: Pointer, after: Pointer) -> Item:
    """One snapshot further, if nothing happened since ``before``."""
    moved = catalog.under(before.fence)
    moved["UpdateExpression"] = (
        "SET #snapshot = :next, #position = :position, erased_to = :erased_to"
    )
    moved["ConditionExpression"] += " AND #snapshot = :before"
    moved["ExpressionAttributeNames"] = {"#snapshot": "snapshot", "#position": "position"}
    moved["ExpressionAttributeValues"] |= {
        ":before": number(before.snapshot_id),
        ":next": number(after.snapshot_id),
        ":position": number(after.position),
        ":erased_to": number(after.erased_to),
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
        *_undo_erased(catalog, snapshot_id, intent.erased),
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


def _put_erased(table: str, snapshot_id: int, one: Erased) -> Item:
    item = {**erased_key(one), "added": number(snapshot_id), "up_to": number(one.up_to)}
    return {"Put": {"TableName": table, "Item": item}}


def _undo_erased(catalog: Catalog, snapshot_id: int, keys: Sequence[str]) -> Iterator[Item]:
    wanted = frozenset(keys)
    if not wanted:
        return
    for key, _, added in catalog.erased_rows():
        if key in wanted and added > snapshot_id:
            found = {"pk": text("erased"), "sk": text(key)}
            yield {"Delete": {"TableName": catalog.table, "Key": found}}


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
