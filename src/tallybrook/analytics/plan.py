"""From the parameters of ``GET /analytics`` to what has to be counted. Pure."""

import re
from collections.abc import Collection, Mapping
from typing import Literal

from msgspec import Struct

from tallybrook.analytics.periods import GROUPS, periods
from tallybrook.errors import FieldError, InvalidError
from tallybrook.events.instants import DAY_US, MIN_US, MINUTE_US

MAX_PERIODS = 20_000
COLUMNS = ("event_type", "user_id", "anonymous_id", "session_id", "time_source")
_PROPERTY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
_OWN = ("metric", "start", "end", "group_by")

Measure = Literal["count", "unique_users", "sum", "avg"]


class Plan(Struct):
    """What is asked: a measure of events (of one type, over one property) in a range.

    ``filters`` maps a column or ``properties.NAME`` to the text it must equal. ``starts`` are
    the periods' starts in microseconds, in order.
    """

    metric: str
    measure: Measure
    event_type: str | None
    property_name: str | None
    filters: dict[str, str]
    start_us: int
    end_us: int
    group_by: str
    starts: list[int]

    @property
    def countable(self) -> bool:
        """Whether the stored buckets answer it exactly: unfiltered, in whole minutes."""
        whole = self.start_us % MINUTE_US == 0 and self.end_us % MINUTE_US == 0
        return self.measure == "count" and not self.filters and whole


def plan(
    query: Mapping[str, str],
    start_us: int | None,
    end_us: int | None,
    now_us: int,
    known: Collection[str],
) -> Plan:
    """The plan of a request. ``known`` are the account's series, to read plurals by.

    Without a range: the last seven days, today included. Raises ``InvalidError``.
    """
    metric = query.get("metric", "")
    if not metric:
        raise InvalidError.of("/metric", "is required")
    group_by = query.get("group_by", "1d")
    if group_by not in GROUPS:
        raise InvalidError.of("/group_by", f"must be one of {', '.join(GROUPS)}")
    end = (now_us // DAY_US + 1) * DAY_US if end_us is None else end_us
    start = max(MIN_US, (end - 1) // DAY_US * DAY_US - 6 * DAY_US) if start_us is None else start_us
    if start > end:
        raise InvalidError.of("/start", "must not be after end")
    starts = periods(start, end, group_by, MAX_PERIODS)
    if starts is None:
        raise InvalidError.of("/group_by", f"makes more than {MAX_PERIODS} periods of the range")
    measure, event_type, name = _measure(metric, known)
    filters = _filters(query)
    return Plan(metric, measure, event_type, name, filters, start, end, group_by, starts)


def _measure(metric: str, known: Collection[str]) -> tuple[Measure, str | None, str | None]:
    if metric == "unique_users" and metric not in known:
        return "unique_users", None, None
    kind, colon, name = metric.partition(":")
    if colon and kind in ("sum", "avg"):
        if not _PROPERTY.fullmatch(name):
            raise InvalidError.of("/metric", f"{name!r} is not a property's name")
        return "sum" if kind == "sum" else "avg", None, name
    singular = metric.removesuffix("s")
    named = singular if metric not in known and singular in known else metric
    return "count", named, None


def _filters(query: Mapping[str, str]) -> dict[str, str]:
    filters: dict[str, str] = {}
    faults: list[FieldError] = []
    for name, value in query.items():
        if name in _OWN:
            continue
        column, _, path = name.partition(".")
        if name in COLUMNS or (column == "properties" and _PROPERTY.fullmatch(path)):
            filters[name] = value
        else:
            known = ", ".join(COLUMNS)
            faults.append(FieldError(f"/{name}", f"filter by {known} or properties.NAME"))
    if faults:
        raise InvalidError("unknown parameters", faults)
    return filters
