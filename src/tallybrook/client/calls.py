"""Every call as data: a request, and the type of its reply. Pure; nothing is sent here."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from tallybrook.client import shapes as s
from tallybrook.errors import InvalidError
from tallybrook.events.instants import format_instant, to_us

T = TypeVar("T")

JSON, NDJSON = "application/json", "application/x-ndjson"
Moment = datetime | date | str
"""An instant (a datetime with an offset), a UTC day, or either as text."""

Parameter = str | int | float | bool | None
Json = dict[str, Any]


class Call(Struct, Generic[T], frozen=True):
    """One request that may be repeated, and what its reply is decoded as."""

    method: str
    path: str
    kind: type[T] | Any
    params: Mapping[str, str | list[str]] = {}
    body: bytes = b""
    content_type: str = JSON


def text_of(moment: Moment, name: str = "timestamp") -> str:
    """A moment as the product reads it. Raises ``InvalidError`` for a datetime without an offset:
    it could be of any zone."""
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise InvalidError.of(f"/{name}", "needs an offset (datetime.now(UTC))")
        return format_instant(to_us(moment))
    return moment.isoformat() if isinstance(moment, date) else moment


def get(path: str, kind: Any = Json, **params: Moment | float | None) -> Call[Any]:
    """A read; parameters that are None are left out."""
    given = {name: _param(name, value) for name, value in params.items() if value is not None}
    return Call("GET", path, kind, given)


def _param(name: str, value: Moment | float) -> str:
    return str(value) if isinstance(value, int | float) else text_of(value, name)


def segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")


def send_events(lines: Iterable[bytes]) -> Call[s.Batch]:
    return Call("POST", "/events/batch", s.Batch, {}, b"\n".join(lines), NDJSON)


def send_assessment(assessment: Mapping[str, Any]) -> Call[s.Taken]:
    return Call("POST", "/assessments", s.Taken, {}, msgspec.json.encode(assessment))


def send_assessments(lines: Iterable[bytes]) -> Call[s.Batch]:
    return Call("POST", "/assessments/batch", s.Batch, {}, b"\n".join(lines), NDJSON)


def assessment(pseudonym: str) -> Call[s.AssessmentStatus]:
    return get(f"/assessments/{segment(pseudonym)}", s.AssessmentStatus)


def ocean_scores(user_id: str) -> Call[s.OceanScores]:
    return get(f"/users/{segment(user_id)}/ocean", s.OceanScores)


def query(
    sql: str, parameters: Mapping[str, Parameter] | None, limit: int | None, full_scan: bool,
    dry_run: bool,
) -> Call[s.QueryResult]:  # fmt: skip
    asked = {
        "sql": sql, "parameters": dict(parameters or {}), "full_scan": full_scan,
        "dry_run": dry_run,
    }  # fmt: skip
    body = asked | ({} if limit is None else {"limit": limit})
    return Call("POST", "/query", s.QueryResult, {}, msgspec.json.encode(body))


def send_messages(lines: Iterable[bytes]) -> Call[s.Batch]:
    return Call("POST", "/agreement/batch", s.Batch, {}, b"\n".join(lines), NDJSON)


def count(series: str, start: Moment | None, end: Moment | None) -> Call[s.RangeCount]:
    return get(f"/counts/{segment(series)}", s.RangeCount, start=start, end=end)


def analytics(
    metric: str, start: Moment | None, end: Moment | None, group_by: str | None,
    filters: Mapping[str, str] | None,
) -> Call[s.Analytics]:  # fmt: skip
    call = get("/analytics", s.Analytics, metric=metric, start=start, end=end, group_by=group_by)
    return msgspec.structs.replace(call, params={**(filters or {}), **call.params})


def put_record(record_type: str, record_id: str, record: Mapping[str, Any]) -> Call[Json]:
    path = f"/records/{segment(record_type)}/{segment(record_id)}"
    return Call("PUT", path, Json, {}, msgspec.json.encode(record))


def delete_record(record_type: str, record_id: str) -> Call[Json]:
    return Call("DELETE", f"/records/{segment(record_type)}/{segment(record_id)}", Json)


def erase_user(user_id: str, also: Iterable[str]) -> Call[Json]:
    return Call("DELETE", f"/users/{segment(user_id)}", Json, {"also": list(also)})


def erasure(erasure_id: str) -> Call[Json]:
    return get(f"/erasures/{segment(erasure_id)}")


def cost_report(start: Moment, end: Moment) -> Call[Json]:
    return get("/costs/report", start=start, end=end)
