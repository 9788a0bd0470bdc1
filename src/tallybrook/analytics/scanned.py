"""Answering a plan by a scan: the statement, through the same guard as everybody's. Pure."""

from msgspec import structs

from tallybrook.analytics.plan import MAX_PERIODS, Measure, Plan
from tallybrook.events.instants import format_instant, parse_instant
from tallybrook.ports.sql import Parameter, QueryRequest, QueryResult

_PERIOD = {
    "1m": "date_trunc('minute', timestamp)",
    "5m": "date_add('minute', -(minute(timestamp) % 5), date_trunc('minute', timestamp))",
    "15m": "date_add('minute', -(minute(timestamp) % 15), date_trunc('minute', timestamp))",
    "1h": "date_trunc('hour', timestamp)",
    "1d": "date_trunc('day', timestamp)",
    "1w": "date_trunc('week', timestamp)",
    "1mo": "date_trunc('month', timestamp)",
}
_MEASURES: dict[Measure, str] = {
    "count": "count(*)",
    "unique_users": "count(DISTINCT coalesce(user_id, anonymous_id))",
    "sum": "coalesce(sum(TRY_CAST({value} AS double)), 0)",
    "avg": "avg(TRY_CAST({value} AS double))",
}


def statements(
    plan: Plan, account_id: str, *, timeout_s: float, max_scanned_bytes: int
) -> tuple[QueryRequest, QueryRequest]:
    """The statement by period, and the one for the total (which is not always their sum)."""
    measure = _MEASURES[plan.measure].format(value=_extract(plan.property_name or ""))
    where, parameters = _where(plan)
    by_period = f"SELECT {_PERIOD[plan.group_by]} AS period, {measure} AS value FROM events{where}"
    total = f"SELECT {measure} AS value FROM events{where}"
    by_period_request = QueryRequest(
        account_id=account_id,
        sql=f"{by_period} GROUP BY 1",
        parameters=parameters,
        timeout_s=timeout_s,
        max_scanned_bytes=max_scanned_bytes,
        max_rows=MAX_PERIODS,
    )
    return by_period_request, structs.replace(by_period_request, sql=total)


def values(plan: Plan, result: QueryResult) -> list[float | None]:
    """The value of each period from the result by period; what is absent is 0, a mean null."""
    empty = None if plan.measure == "avg" else 0
    found = {parse_instant(str(period)): value for period, value in result.rows}
    return [found.get(start, empty) for start in plan.starts]


def _where(plan: Plan) -> tuple[str, dict[str, Parameter]]:
    clauses = [
        "timestamp >= CAST({{from_instant}} AS timestamp(6))",
        "timestamp < CAST({{to_instant}} AS timestamp(6))",
    ]
    parameters: dict[str, Parameter] = {
        "from_instant": _plain(plan.start_us),
        "to_instant": _plain(plan.end_us),
    }
    if plan.event_type is not None:
        parameters["metric"] = plan.event_type
        clauses.append("event_type = {{metric}}")
    for number, (name, value) in enumerate(plan.filters.items()):
        column, _, path = name.partition(".")
        left = _extract(path) if column == "properties" else column
        clauses.append(f"{left} = {{{{filter_{number}}}}}")
        parameters[f"filter_{number}"] = value
    return " WHERE " + " AND ".join(clauses), parameters


def _extract(path: str) -> str:
    """A property as text; the name was checked to hold nothing but words and dots."""
    return f"json_extract_scalar(properties, '$.{path}')"


def _plain(instant_us: int) -> str:
    """The instant in the form that a timestamp without a zone is cast from."""
    return format_instant(instant_us).replace("T", " ").removesuffix("Z")
