"""Failed records in DynamoDB: one item a record, by its id, so that every change is one
conditional write; an index of keys and status lists them by account.

What is different from the contract's words: ``page`` and ``counts`` find records by the index,
which follows a change within its usual fraction of a second; ``get``, ``keep`` and ``settle`` are
exact. ``counts`` reads the whole index, some 100 bytes a record: 10 000 records are one call.
Counts in items of their own were not taken: all instances would meet there whenever a batch is
bad, and ``keep`` must never fail because others keep too.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, repeat
from typing import Any, cast

import msgspec

from tallybrook.errors import ConflictError, InvalidError
from tallybrook.ports.aws.clients import client, translated
from tallybrook.ports.aws.dynamo import MAX_TRANSACTION, Item, batch_get, number, pages, text
from tallybrook.ports.aws.tables import FAILED, physical
from tallybrook.ports.aws.transactions import UnmetError, conditional, transact
from tallybrook.ports.log import FailedRecord, FailedStatus

_INDEX = "account"
_THREADS = 8
_PAGE = 200
_ONCE = ("account_id", "source", "reason", "detail", "body", "encoding", "status", "first_at")
"""What the first to keep a record says and nobody changes by keeping it again."""
MAX_DETAIL = 8_192
"""Characters of ``detail`` that are kept, so that an item stays below 400 KB."""


class DynamoFailedRecords:
    """``ports.failed.FailedRecords``. Safe for threads."""

    def __init__(self, stack: str, *, dynamo: Any = None) -> None:
        self._dynamo = dynamo or client("dynamodb")
        self._table = physical(stack, FAILED)
        self._pool = ThreadPoolExecutor(_THREADS, "failed")

    def page(
        self, account_id: str, status: FailedStatus | None, limit: int, before: str | None
    ) -> list[FailedRecord]:
        found: list[FailedRecord] = []
        while len(found) < limit:
            wanted = limit - len(found)
            ids = self._ids(account_id, status, wanted, before)
            found += self._records(ids, status)
            if len(ids) < wanted:
                break
            before = ids[-1]
        return found

    def get(self, account_id: str, failed_id: str) -> FailedRecord | None:
        with translated("read a failed record"):
            answer = self._dynamo.get_item(
                TableName=self._table, Key={"failed_id": text(failed_id)}, ConsistentRead=True
            )
        record = _record(answer["Item"]) if "Item" in answer else None
        return record if record and record.account_id == account_id else None

    def counts(self) -> dict[tuple[str, FailedStatus], int]:
        counts: dict[tuple[str, FailedStatus], int] = {}
        with translated("count failed records"):
            for item in pages(self._dynamo, "scan", TableName=self._table, IndexName=_INDEX):
                key = item["account_id"]["S"], cast("FailedStatus", item["status"]["S"])
                counts[key] = counts.get(key, 0) + 1
        return counts

    def keep(self, record: FailedRecord) -> None:
        request = _keeping(self._table, record)
        conditional(self._dynamo.update_item, "keep a failed record", **request)

    def keep_all(self, records: Iterable[FailedRecord]) -> None:
        """Keep several, a few at once. After an error some are kept; all may be sent again."""
        list(self._pool.map(self.keep, records))

    def settle(
        self, changes: Mapping[str, FailedStatus], now_us: int, *, only_open: bool = False
    ) -> None:
        if len(changes) > MAX_TRANSACTION and only_open:
            raise InvalidError(f"at most {MAX_TRANSACTION} failed records are settled together")
        if only_open and changes:
            actions = [self.settling(name, status, now_us) for name, status in changes.items()]
            self._settle_together(actions)
        elif changes:
            ids, statuses = list(changes), list(changes.values())
            list(self._pool.map(self._settle, ids, statuses, repeat(now_us)))

    def settling(self, failed_id: str, status: FailedStatus, now_us: int) -> dict[str, Any]:
        """The action of a transaction that settles an open record. A write that replays one puts
        it beside its event: then, whoever else tries, the record is replayed once."""
        request = _settling(self._table, failed_id, status, now_us)
        request["ConditionExpression"] = "#status = :open"
        request["ExpressionAttributeValues"][":open"] = text("open")
        return {"Update": request}

    def close(self) -> None:
        self._pool.shutdown()

    def _settle(self, failed_id: str, status: FailedStatus, now_us: int) -> None:
        request = _settling(self._table, failed_id, status, now_us)
        request["ConditionExpression"] = "attribute_exists(#status)"
        try:
            conditional(self._dynamo.update_item, "settle a failed record", **request)
        except UnmetError:
            return  # there is no such record, and an update must not make one

    def _settle_together(self, actions: Sequence[Mapping[str, Any]]) -> None:
        try:
            transact(self._dynamo, actions, "settle failed records")
        except UnmetError as error:
            raise ConflictError("the failed record was replayed or discarded already") from error

    def _ids(
        self, account_id: str, status: FailedStatus | None, limit: int, before: str | None
    ) -> list[str]:
        """Ids by the index, newest first."""
        conditions = ["#account_id = :account_id"]
        names, values = {"#account_id": "account_id"}, {":account_id": text(account_id)}
        request: dict[str, Any] = {}
        if before is not None:
            conditions.append("#failed_id < :before")
            names["#failed_id"], values[":before"] = "failed_id", text(before)
        if status is not None:
            request["FilterExpression"] = "#status = :status"
            names["#status"], values[":status"] = "status", text(status)
        with translated("list failed records"):
            found = pages(
                self._dynamo,
                "query",
                TableName=self._table,
                IndexName=_INDEX,
                KeyConditionExpression=" AND ".join(conditions),
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ScanIndexForward=False,
                Limit=max(limit, _PAGE),  # what a page of the index reads, not what it gives
                **request,
            )
            return [item["failed_id"]["S"] for item in islice(found, limit)]

    def _records(self, ids: Sequence[str], status: FailedStatus | None) -> list[FailedRecord]:
        """The records themselves, newest first, as they are now and not as the index has them."""
        with translated("read failed records"):
            keys = [{"failed_id": text(failed_id)} for failed_id in ids]
            items = batch_get(self._dynamo, self._table, keys, ConsistentRead=True)
        records = [_record(item) for item in items]
        kept = [record for record in records if status in (None, record.status)]
        return sorted(kept, key=lambda record: record.failed_id, reverse=True)


def _keeping(table: str, record: FailedRecord) -> dict[str, Any]:
    """Stores a record, or counts another try of the one that is there; one write does both."""
    names = {f"#{name}": name for name in (*_ONCE, "tries", "last_at")}
    values = {f":{name}": _value(getattr(record, name)) for name in _ONCE}
    values[":detail"] = text(record.detail[:MAX_DETAIL])
    values |= {":last_at": number(record.last_at), ":one": number(1)}
    values[":before"] = number(record.tries - 1)
    parts = [f"#{name} = if_not_exists(#{name}, :{name})" for name in _ONCE]
    parts += ["#tries = if_not_exists(#tries, :before) + :one", "#last_at = :last_at"]
    return {
        "TableName": table,
        "Key": {"failed_id": text(record.failed_id)},
        "UpdateExpression": "SET " + ", ".join(parts),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def _settling(table: str, failed_id: str, status: FailedStatus, now_us: int) -> dict[str, Any]:
    return {
        "TableName": table,
        "Key": {"failed_id": text(failed_id)},
        "UpdateExpression": "SET #status = :status, #last_at = :now",
        "ExpressionAttributeNames": {"#status": "status", "#last_at": "last_at"},
        "ExpressionAttributeValues": {":status": text(status), ":now": number(now_us)},
    }


def _value(value: str | int) -> dict[str, str]:
    return text(value) if isinstance(value, str) else number(value)


def _record(item: Item) -> FailedRecord:
    plain = {name: v["S"] if "S" in v else int(v["N"]) for name, v in item.items()}
    return msgspec.convert(plain, FailedRecord)
