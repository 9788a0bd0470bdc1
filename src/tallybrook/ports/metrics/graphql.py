"""Recounted buckets written to somebody else's GraphQL API, as AggregatedMetrics.

The version of a bucket is its ``updatedAt``: such an API has no other place for one. Tickets are
this machine's clock, so two machines that recount the same series must keep time.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from msgspec import Struct

from tallybrook.events.instants import HOUR_US, format_instant, parse_instant
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.graphql.client import Api, ApiError, refuse, type_of
from tallybrook.ports.metrics import BucketKey, StoredMetric, Written

AT_ONCE = 25
"""Mutations in one request."""

PAGE = 1000
_FIELDS = "compositeKey recordType timeRangeStart numberOfMinutes count createdAt updatedAt"
_LIST = (
    "query Metrics($account: String!, $from: String!, $to: String!, $nextToken: String) {"
    " listAggregatedMetrics(accountId: $account, compositeKey: {between: [$from, $to]},"
    f" limit: {PAGE}, nextToken: $nextToken) {{ items {{ {_FIELDS} }} nextToken }} }}"
)
_LIST_ALL = (
    "query AllMetrics($account: String!, $nextToken: String) {"
    f" listAggregatedMetrics(accountId: $account, limit: {PAGE}, nextToken: $nextToken)"
    " { items { recordType } nextToken } }"
)
_GET = (
    "query Metric($account: String!, $key: String!) {"
    f" getAggregatedMetrics(accountId: $account, compositeKey: $key) {{ {_FIELDS} }} }}"
)


class _Row(Struct, frozen=True):
    """A bucket on its way: its key and the input of its mutation, and whether it is there."""

    key: str
    input: dict[str, Any]
    exists: bool


class GraphqlMetrics:
    """``ports.metrics.MetricSink``. It is not told what a mutation replaced."""

    def __init__(self, api: Api, clock: Clock = system_clock, at_once: int = AT_ONCE) -> None:
        self._api = api
        self._clock = clock
        self._at_once = at_once
        self._last = 0
        self._lock = threading.Lock()

    def ticket(self, _account_id: str, _record_type: str) -> int:
        with self._lock:
            self._last = max(self._last + 1, self._clock())
            return self._last

    def write(
        self,
        account_id: str,
        record_type: str,
        counts: Mapping[BucketKey, int],
        version: int,
        now_us: int,
    ) -> Written:
        existing = self._existing(account_id, record_type, counts)
        rows = []
        for bucket, count in counts.items():
            given = _input(account_id, record_type, bucket, count, version, now_us)
            key = given["compositeKey"]
            rows.append(_Row(key, given, key in existing))
        done = Written()
        while batch := rows[: self._at_once]:
            rows = rows[self._at_once :]
            self._send(account_id, batch, version, done)
        return done

    def _existing(
        self, account_id: str, record_type: str, counts: Mapping[BucketKey, int]
    ) -> set[str]:
        starts = sorted({start for _, start in counts})
        found: set[str] = set()
        for first, last in _runs(starts):
            items = self._between(account_id, record_type, first, last + 1)
            found |= {item["compositeKey"] for item in items}
        return found

    def _send(self, account_id: str, rows: Sequence[_Row], version: int, done: Written) -> None:
        """Send mutations together; those that were refused are looked at one by one."""
        text, variables = _mutations(rows, version)
        answer = self._api.run(text, variables)
        refused = {str(path[0]): error for error in answer.errors if (path := error.get("path"))}
        if len(refused) < len(answer.errors):
            refuse(answer.errors)
        for i, row in enumerate(rows):
            stored = answer.data.get(f"m{i}") or {}
            newest = parse_instant(stored.get("updatedAt") or "")
            error = refused.get(f"m{i}")
            if error is not None or newest is None:
                self._settle(account_id, row, version, error or {}, done)
            elif newest > version:
                done.superseded += 1
            else:
                done.written += 1

    def _settle(
        self, account_id: str, row: _Row, version: int, error: dict[str, Any], done: Written
    ) -> None:
        """A mutation was refused: because of a newer bucket, or of one that came or went since
        it was looked for, or for a reason of its own."""
        stored = self._api.query(_GET, {"account": account_id, "key": row.key}).get(
            "getAggregatedMetrics"
        )
        newest = parse_instant((stored or {}).get("updatedAt") or "") or 0
        if newest > version:
            done.superseded += 1
        elif newest == version:
            done.written += 1
        elif is_condition(error) and (stored is not None) != row.exists:
            again = _Row(row.key, row.input, stored is not None)
            self._send(account_id, [again], version, done)
        else:
            refuse([error])

    def _between(
        self, account_id: str, record_type: str, start_s: int, end_s: int
    ) -> Iterator[dict[str, Any]]:
        """Buckets of every size whose start lies in ``[start_s, end_s)``."""
        bounds = [f"{record_type}#{_second(second)}" for second in (start_s, end_s)]
        variables = {"account": account_id, "from": bounds[0], "to": bounds[1]}
        return self._api.pages(_LIST, "listAggregatedMetrics", variables)

    def stored(
        self,
        account_id: str,
        record_type: str,
        minutes: int,
        start_s: int,
        end_s: int,
        limit: int | None = None,
    ) -> list[StoredMetric]:
        items = self._between(account_id, record_type, start_s, end_s)
        return list(
            islice(map(_metric, (i for i in items if i["numberOfMinutes"] == minutes)), limit)
        )

    def types(self, account_id: str) -> list[str]:
        items = self._api.pages(_LIST_ALL, "listAggregatedMetrics", {"account": account_id})
        return sorted({item["recordType"] for item in items})


def is_condition(error: Mapping[str, Any]) -> bool:
    """Whether a mutation found its condition not met. Where a function resolves the fields the
    type is lost, and only the message is left."""
    said = f"{type_of(error)} {error.get('message', '')}".lower()
    return "conditionalcheckfailed" in said or "conditional request failed" in said


def _runs(starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of starts that lie within an hour of each other."""
    first = last = None
    for start in starts:
        if last is None or first is None or start - last > HOUR_US // 1_000_000:
            if first is not None and last is not None:
                yield first, last
            first = start
        last = start
    if first is not None and last is not None:
        yield first, last


def _second(second: int) -> str:
    return format_instant(second * 1_000_000)


def version_text(version: int) -> str:
    """A version as an instant with all its digits, so that texts compare as instants do."""
    return f"{format_instant(version // 1_000_000 * 1_000_000)[:-1]}.{version % 1_000_000:06d}Z"


def _input(
    account_id: str, record_type: str, bucket: BucketKey, count: int, version: int, now_us: int
) -> dict[str, Any]:
    minutes, start_s = bucket
    end_s = start_s + 60 * minutes
    return {
        "accountId": account_id,
        "compositeKey": f"{record_type}#{_second(start_s)}#{minutes}",
        "recordType": record_type,
        "timeRangeStart": _second(start_s),
        "timeRangeEnd": _second(end_s),
        "numberOfMinutes": minutes,
        "count": count,
        "complete": end_s * 1_000_000 <= now_us,
        "updatedAt": version_text(version),
    }


def _mutations(rows: Sequence[_Row], version: int) -> tuple[str, dict[str, Any]]:
    declared, fields = [], []
    variables: dict[str, Any] = {}
    for i, row in enumerate(rows):
        verb = "Update" if row.exists else "Create"
        declared.append(f"$i{i}: {verb}AggregatedMetricsInput!")
        condition = ", condition: $older" if row.exists else ""
        fields.append(
            f"m{i}: {verb.lower()}AggregatedMetrics(input: $i{i}{condition}) {{ updatedAt }}"
        )
        created = {} if row.exists else {"createdAt": row.input["updatedAt"]}
        variables[f"i{i}"] = row.input | created
    if any(row.exists for row in rows):
        declared.append("$older: ModelAggregatedMetricsConditionInput")
        variables["older"] = {"updatedAt": {"lt": version_text(version)}}
    return f"mutation Recount({', '.join(declared)}) {{ {' '.join(fields)} }}", variables


def _metric(item: Mapping[str, Any]) -> StoredMetric:
    start = parse_instant(item["timeRangeStart"])
    if start is None:
        raise ApiError(f"{item['compositeKey']} has no start")
    updated = parse_instant(item.get("updatedAt") or "") or 0
    created = parse_instant(item.get("createdAt") or "") or 0
    return StoredMetric(
        int(item["numberOfMinutes"]), start // 1_000_000, int(item["count"]),
        updated, created, updated,
    )  # fmt: skip
