"""Resolvers of AggregatedMetrics."""

from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import Any

from tallybrook.counters.buckets import SIZES
from tallybrook.errors import InvalidError
from tallybrook.events.instants import MINUTE_US, format_instant
from tallybrook.graphql.keys import (
    Bounds,
    Bucket,
    bounds,
    bucket_of,
    composite_key,
    instant,
    key_of_token,
    parse_key,
    span_of,
    token,
)
from tallybrook.graphql.ports import Args, ConditionError, Ports, require_account
from tallybrook.ports.metrics import StoredMetric

DEFAULT_PAGE, MAX_PAGE = 100, 1000
AHEAD_US = 5 * MINUTE_US
"""How far ahead of our clock a version may be: one of the future could never be replaced."""

_PARTS = ("recordType", "timeRangeStart", "numberOfMinutes")

Row = dict[str, Any]


def get_metrics(ports: Ports, account_id: str, args: Args) -> Row | None:
    """The stored bucket of a key, None when nothing was ever counted in it."""
    require_account(args.get("accountId"), account_id)
    bucket = parse_key(args["compositeKey"])
    return _shown(ports, account_id, bucket, _stored(ports, account_id, bucket))


def list_metrics(ports: Ports, account_id: str, args: Args) -> Row:
    """A page of stored buckets within a condition on the key, in the order of the key.

    As with DynamoDB the filter is applied to the page, which may leave less than ``limit``.
    """
    require_account(args.get("accountId"), account_id)
    wanted = bounds("/compositeKey", args.get("compositeKey"))
    if args.get("nextToken"):
        wanted = Bounds(key_of_token(args["nextToken"]), wanted.high, True, wanted.open_high)
    limit = page_size(args.get("limit"))
    rows = list(islice(_within(ports, account_id, wanted, args, limit + 1), limit + 1))
    following = token(rows[limit - 1]["compositeKey"]) if len(rows) > limit else None
    items = [row for row in rows[:limit] if _passes(row, args.get("filter") or {})]
    return {"items": items, "nextToken": following}


def put_metrics(ports: Ports, account_id: str, args: Args) -> Row | None:
    """Store a bucket unless a newer version is stored; gives what is stored then.

    Raises ``ConditionError`` when a newer one is stored and a condition was given.
    """
    given = args["input"]
    require_account(given.get("accountId"), account_id)
    bucket = _bucket(given)
    if given["count"] < 0:
        raise InvalidError.of("/count", "must not be negative")
    version = _version(ports, given, args.get("condition") or {})
    counts = {(bucket.minutes, bucket.start_s): given["count"]}
    done = ports.sink.write(account_id, bucket.record_type, counts, version, ports.clock())
    stored = _stored(ports, account_id, bucket)
    if not done.superseded:
        return _shown(ports, account_id, bucket, stored)
    if stored is None or stored.version <= version:
        # Counted by this product itself: what is stored is right as of now.
        return _shown(ports, account_id, bucket, _as_of(ports.clock(), bucket, stored))
    if args.get("condition"):
        raise ConditionError
    return _shown(ports, account_id, bucket, stored)


def page_size(limit: int | None) -> int:
    """The size of a page. Raises ``InvalidError``."""
    if limit is not None and limit < 1:
        raise InvalidError.of("/limit", "must be at least 1")
    return min(limit or DEFAULT_PAGE, MAX_PAGE)


def _within(ports: Ports, account_id: str, wanted: Bounds, args: Args, limit: int) -> Iterator[Row]:
    """Rows within the bounds in the order of their keys; of each type and size ``limit`` at most
    are looked at, which is enough for the first ``limit`` of all."""
    types = sorted(ports.sink.types(account_id), key=lambda name: f"{name}#")
    for record_type in types:
        span = span_of(wanted, record_type)
        if span is None:
            continue
        # One of each size may start at the bound's very second and yet lie before it.
        sizes = [
            _keyed(ports.sink.stored(account_id, record_type, minutes, *span, limit + 1),
                   record_type)
            for minutes in _sizes(args)
        ]  # fmt: skip
        for key, metric in merge(*sizes):
            if wanted.hold(key):
                yield _row(ports, account_id, record_type, metric)


def _keyed(found: list[StoredMetric], record_type: str) -> list[tuple[str, StoredMetric]]:
    return [(composite_key(Bucket(record_type, m.start_s, m.minutes)), m) for m in found]


def _sizes(args: Args) -> tuple[int, ...]:
    only = ((args.get("filter") or {}).get("numberOfMinutes") or {}).get("eq")
    return SIZES if only is None else tuple(size for size in SIZES if size == only)


def _passes(row: Row, filters: Args) -> bool:
    for name, condition in filters.items():
        for operator, value in (condition or {}).items():
            if operator != "eq":
                raise InvalidError.of(f"/filter/{name}", f"knows no {operator}")
            if row[name] != value:
                return False
    return True


def _stored(ports: Ports, account_id: str, bucket: Bucket) -> StoredMetric | None:
    start_s = bucket.start_s
    found = ports.sink.stored(
        account_id, bucket.record_type, bucket.minutes, start_s, start_s + 1, 1
    )
    return found[0] if found else None


def _as_of(now_us: int, bucket: Bucket, stored: StoredMetric | None) -> StoredMetric:
    count, created = (stored.count, stored.created_at) if stored else (0, 0)
    return StoredMetric(bucket.minutes, bucket.start_s, count, now_us, created, now_us)


def _shown(
    ports: Ports, account_id: str, bucket: Bucket, stored: StoredMetric | None
) -> Row | None:
    return None if stored is None else _row(ports, account_id, bucket.record_type, stored)


def _row(ports: Ports, account_id: str, record_type: str, metric: StoredMetric) -> Row:
    end_us = (metric.start_s + 60 * metric.minutes) * 1_000_000
    return {
        "accountId": account_id,
        "compositeKey": composite_key(Bucket(record_type, metric.start_s, metric.minutes)),
        "recordType": record_type,
        "timeRangeStart": format_instant(metric.start_s * 1_000_000),
        "timeRangeEnd": format_instant(end_us),
        "numberOfMinutes": metric.minutes,
        "count": metric.count,
        "complete": end_us <= ports.clock(),
        "createdAt": format_instant(metric.created_at) if metric.created_at else None,
        # Its version, so that what was written with a condition can be compared with it.
        "updatedAt": format_instant(metric.version or metric.updated_at),
    }


def _bucket(given: Args) -> Bucket:
    """The bucket of an input, from its key or its parts, which must agree."""
    named = parse_key(given["compositeKey"]) if given.get("compositeKey") else None
    whole: dict[str, Any] = {name: given.get(name) for name in _PARTS}
    if named is not None:
        whole = _parts(named) | {name: part for name, part in whole.items() if part is not None}
    if None in whole.values():
        raise InvalidError.of("/compositeKey", "is required, or the parts that it is made of")
    bucket = bucket_of(*(whole[name] for name in _PARTS))
    if named is not None and bucket != named:
        raise InvalidError.of("/compositeKey", "does not agree with the other fields")
    end = given.get("timeRangeEnd")
    if end is not None and instant("/timeRangeEnd", end) != _end_us(bucket):
        raise InvalidError.of("/timeRangeEnd", "is not numberOfMinutes after timeRangeStart")
    return bucket


def _parts(bucket: Bucket) -> dict[str, Any]:
    start = format_instant(bucket.start_s * 1_000_000)
    return dict(zip(_PARTS, (bucket.record_type, start, bucket.minutes), strict=True))


def _end_us(bucket: Bucket) -> int:
    return (bucket.start_s + 60 * bucket.minutes) * 1_000_000


def _version(ports: Ports, given: Args, condition: Args) -> int:
    now_us = ports.clock()
    text = given.get("updatedAt")
    version = now_us if text is None else instant("/updatedAt", text)
    if version > now_us + AHEAD_US:
        raise InvalidError.of("/updatedAt", "is in the future")
    if condition:
        limits = condition.get("updatedAt") or {}
        if set(limits) != {"lt"} or text is None or instant("/condition", limits["lt"]) != version:
            raise InvalidError.of("/condition", "must be updatedAt lt the input's updatedAt")
    return version
