"""Recounted buckets in DynamoDB's table of counters, a conditional update each."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct

from tallybrook.ports.aws.clients import client, translated
from tallybrook.ports.aws.dynamo import Item, is_condition, number, pages, text
from tallybrook.ports.aws.tables import COUNTERS, SERIES, STATE, physical
from tallybrook.ports.aws.transactions import UnmetError, conditional
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.counters.aws.rows import bucket_key, partition
from tallybrook.ports.log import CounterKey, Kind
from tallybrook.ports.metrics import BucketKey, StoredMetric, Written

WRITERS = 16
"""Updates under way at once."""

_KIND: Kind = "record"
_SET = "SET #n = :n, #v = :v, updated_at = :now, created_at = if_not_exists(created_at, :now)"
# The same version again is this very write, sent once more by the SDK.
_NOT_NEWER = "attribute_not_exists(#v) OR #v <= :v"


class _Bucket(Struct, frozen=True):
    """A bucket on its way to the table."""

    account_id: str
    record_type: str
    minutes: int
    start_s: int
    count: int

    @property
    def key(self) -> CounterKey:
        return self.account_id, _KIND, self.record_type, self.minutes, self.start_s


class DynamoMetrics:
    """``ports.metrics.MetricSink``."""

    def __init__(self, stack: str, clock: Clock = system_clock) -> None:
        self._stack = stack
        self._clock = clock
        self._known: set[tuple[str, str]] = set()

    def ticket(self, account_id: str, record_type: str) -> int:
        request: dict[str, Any] = {
            "TableName": physical(self._stack, STATE),
            "Key": {"pk": text(f"ticket#{account_id}#{record_type}"), "sk": text("-")},
            "ExpressionAttributeNames": {"#n": "n"},
            "ReturnValues": "UPDATED_NEW",
        }
        with translated("take a ticket"):
            try:
                answer = client("dynamodb").update_item(
                    **request,
                    UpdateExpression="SET #n = :now",
                    ConditionExpression="attribute_not_exists(#n) OR #n < :now",
                    ExpressionAttributeValues={":now": number(self._clock())},
                )
            except ClientError as error:
                if not is_condition(error):
                    raise
                # Another ticket of this microsecond, or of a clock that is ahead of ours.
                answer = client("dynamodb").update_item(
                    **request,
                    UpdateExpression="ADD #n :one",
                    ExpressionAttributeValues={":one": number(1)},
                )
        return int(answer["Attributes"]["n"]["N"])

    def write(
        self,
        account_id: str,
        record_type: str,
        counts: Mapping[BucketKey, int],
        version: int,
        now_us: int,
    ) -> Written:
        buckets = [_Bucket(account_id, record_type, *key, count) for key, count in counts.items()]
        done = Written()
        with translated("write counters"), ThreadPoolExecutor(WRITERS) as pool:
            self._name(account_id, record_type)
            olds = pool.map(lambda bucket: self._put(bucket, version, now_us), buckets)
            for bucket, old in zip(buckets, olds, strict=True):
                _note(done, bucket, old)
        return done

    def _put(self, bucket: _Bucket, version: int, now_us: int) -> int | None:
        """The count before, or None when a newer recount had written the bucket."""
        try:
            # A correction of counters is a transaction, and may hold the bucket just now.
            answer = conditional(
                client("dynamodb").update_item,
                "write counters",
                TableName=physical(self._stack, COUNTERS),
                Key=bucket_key(bucket.key),
                UpdateExpression=_SET,
                ConditionExpression=_NOT_NEWER,
                ExpressionAttributeNames={"#n": "n", "#v": "version"},
                ExpressionAttributeValues={
                    ":n": number(bucket.count), ":v": number(version), ":now": number(now_us),
                },
                ReturnValues="UPDATED_OLD",
            )  # fmt: skip
        except UnmetError:
            return None
        return int(answer.get("Attributes", {}).get("n", {"N": "0"})["N"])

    def _name(self, account_id: str, record_type: str) -> None:
        if (account_id, record_type) not in self._known:
            item = {"account_id": text(account_id), "series": text(f"record#{record_type}")}
            client("dynamodb").put_item(TableName=physical(self._stack, SERIES), Item=item)
            self._known.add((account_id, record_type))

    def stored(
        self,
        account_id: str,
        record_type: str,
        minutes: int,
        start_s: int,
        end_s: int,
        limit: int | None = None,
    ) -> list[StoredMetric]:
        if start_s >= end_s:
            return []
        with translated("read counters"):
            items = pages(
                client("dynamodb"), "query", TableName=physical(self._stack, COUNTERS),
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk AND #s BETWEEN :first AND :last",
                ExpressionAttributeNames={"#s": "start"},
                ExpressionAttributeValues={
                    ":pk": text(partition(account_id, _KIND, record_type, minutes)),
                    ":first": number(start_s), ":last": number(end_s - 1),
                },
                **({"Limit": limit} if limit else {}),
            )  # fmt: skip
            return [_metric(minutes, item) for item in islice(items, limit)]

    def types(self, account_id: str) -> list[str]:
        with translated("read series"):
            items = pages(
                client("dynamodb"), "query", TableName=physical(self._stack, SERIES),
                ConsistentRead=True,
                KeyConditionExpression="account_id = :a AND begins_with(series, :kind)",
                ExpressionAttributeValues={":a": text(account_id), ":kind": text("record#")},
            )  # fmt: skip
            return [item["series"]["S"].removeprefix("record#") for item in items]


def _note(done: Written, bucket: _Bucket, old: int | None) -> None:
    if old is None:
        done.superseded += 1
        return
    done.written += 1
    if bucket.minutes == 1 and old != bucket.count:
        done.changes[bucket.key] = bucket.count - old


def _metric(minutes: int, item: Item) -> StoredMetric:
    version, created, updated = (
        int(item.get(name, {"N": "0"})["N"]) for name in ("version", "created_at", "updated_at")
    )
    return StoredMetric(
        minutes, int(item["start"]["N"]), int(item["n"]["N"]), version, created, updated
    )
