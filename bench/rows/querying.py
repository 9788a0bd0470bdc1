"""SQL through the API beside bare DuckDB on the same files; the dashboard's cards."""

import time
from datetime import timedelta
from pathlib import Path

from bench import bare, generated, realistic
from bench.product import Product, product
from bench.row import Goal, Options, Row, absolute, beside
from bench.rows import saved

_BARE = bare.NAME

# Written so that both dialects mean the same by it.
PLAIN = {
    "daily users": "SELECT date, count(DISTINCT user_id) AS users FROM events"
    " WHERE date >= DATE '{first}' GROUP BY date ORDER BY date",
    "by type and day": "SELECT date, event_type, count(*) AS n FROM events"
    " WHERE date >= DATE '{first}' GROUP BY date, event_type ORDER BY date, event_type",
    "completion, 7 days": "SELECT date, sum(CASE WHEN event_type = 'assessment_completed' THEN 1"
    " ELSE 0 END) AS done, count(*) AS n FROM events"
    " WHERE date BETWEEN DATE '{one}' AND DATE '{seventh}' GROUP BY date ORDER BY date",
    "one day": "SELECT event_type, count(*) AS n, min(timestamp) AS first FROM events"
    " WHERE date = DATE '{one}' GROUP BY event_type ORDER BY event_type",
    "busiest users": "SELECT user_id, count(*) AS n FROM events"
    " WHERE date >= DATE '{first}' GROUP BY user_id ORDER BY n DESC, user_id LIMIT 20",
}
JSON = (
    "SELECT {device} AS device, count(*) AS n, avg(CAST({seconds} AS double)) AS seconds"
    " FROM events WHERE event_type = 'assessment_completed' AND date >= DATE '{first}'"
    " GROUP BY 1 ORDER BY 1"
)
_TRINO = "json_extract_scalar(properties, '$.{}')"
_DUCKDB = "json_extract_string(properties, '$.{}')"


def sql(options: Options) -> list[Row]:
    """All saved queries, and statements without parameters, on 10 000 000 rows (quick: 200 000),
    as the lake keeps them."""
    rows = 200_000 if options.quick else 10_000_000
    data, rounds = options.scratch / "lake", options.rounds
    generated.fill(data, rows)
    with product(options.scratch, "--no-worker", data=data) as running:
        return [*saved.measure(running, rounds, rows), *_plain(running, rounds, rows)]


def _plain(running: Product, rounds: int, rows: int) -> list[Row]:
    with bare.connect(running.data) as engine:
        every = {
            name: _measured(running, engine, text, text, rounds) for name, text in PLAIN.items()
        }
        json = _measured(running, engine, _json(_TRINO), _json(_DUCKDB), rounds)
    ours, theirs = (bare.total([pair[side] for pair in every.values()]) for side in (0, 1))
    what = f"five plain queries on {rows / 1e6:g} M rows"
    return [
        beside(what, ours, "ms", _BARE, theirs, Goal(1.1, "<=", "×")),
        *(beside(name, *_named(pair)) for name, pair in every.items()),
        beside("by a property of the JSON", *_named(json)),
    ]


def _measured(
    running: Product, engine: bare.Engine, ours: str, theirs: str, rounds: int
) -> tuple[list[float], list[float]]:
    first = generated.first_day()
    days = {"first": first, "one": first + timedelta(14), "seventh": first + timedelta(20)}
    return bare.times(running, engine, ours.format(**days), theirs.format(**days), rounds)


def _named(pair: tuple[list[float], list[float]]) -> tuple[list[float], str, str, list[float]]:
    return pair[0], "ms", _BARE, pair[1]


def _json(extract: str) -> str:
    """Still without its first day."""
    device, seconds = extract.format("device"), extract.format("completion_time")
    return JSON.format(device=device, seconds=seconds, first="{first}")


CARDS = {
    "series": "/series",
    "now": "/realtime/metrics",
    "by day": "/analytics?metric=catalog&group_by=1d&start={start}&end={end}",
    "by hour": "/analytics?metric=flight_departed&group_by=1h&start={start}&end={end}",
    "range": "/counts/catalog?start={start}&end={end}",
}
SCANNED = {
    "users by day": (
        "/analytics?metric=unique_users&group_by=1d&start={start}&end={end}",
        "SELECT date_trunc('day', timestamp), count(DISTINCT coalesce(user_id, anonymous_id))"
        " FROM events GROUP BY 1",
        "SELECT count(DISTINCT coalesce(user_id, anonymous_id)) FROM events",
    ),
    "by day, filtered by a property": (
        "/analytics?metric=catalog&group_by=1d&start={start}&end={end}&properties.platform=web",
        "SELECT date_trunc('day', timestamp), count(*) FROM events WHERE event_type = 'catalog'"
        " AND json_extract_string(properties, '$.platform') = 'web' GROUP BY 1",
        "SELECT count(*) FROM events WHERE event_type = 'catalog'"
        " AND json_extract_string(properties, '$.platform') = 'web'",
    ),
}


def cards(options: Options) -> list[Row]:
    """What a dashboard asks, on 2 000 000 realistic events (quick: 200 000); and their size."""
    count, rounds = 200_000 if options.quick else 2_000_000, max(3, options.rounds)
    with product(options.scratch) as running:
        if realistic.load(running, realistic.batches(count)) != count:
            raise RuntimeError("not every event was accepted")
        running.settle()
        _rest(running.data)
        start, end = _day(-31), _day(1)
        rows = [_counted(running, path.format(start=start, end=end), name, rounds)
                for name, path in CARDS.items()]  # fmt: skip
        engine = bare.connect(running.data)
        for name, (path, *statements) in SCANNED.items():
            ours = _times(running, path.format(start=start, end=end), rounds, "scan")
            theirs = [_bare(engine, statements) for _ in range(rounds)]
            rows.append(beside(f"card by scan: {name}", ours, "ms", _BARE, theirs))
            rows.append(absolute(f"card by scan: {name}", ours, "ms", Goal(200, "<=", " ms")))
        engine.close()
        rows.append(_size(running.data, count))
    return rows


def _counted(running: Product, path: str, name: str, rounds: int) -> Row:
    found = _times(running, path, rounds, "counters")
    return absolute(f"card from counters: {name}", found, "ms", Goal(20, "<=", " ms"))


def _times(running: Product, path: str, rounds: int, source: str) -> list[float]:
    """Milliseconds over HTTP; the first is not counted."""
    took: list[float] = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        reply = running.client.get(path)
        took.append((time.perf_counter() - begun) * 1000)
        reply.raise_for_status()
        if reply.json().get("source", source) != source:
            raise RuntimeError(f"{path} was not answered from {source}")
    return took[1:]


def _bare(engine: bare.Engine, statements: list[str]) -> float:
    begun = time.perf_counter()
    for statement in statements:
        engine.execute(statement).fetchall()
    return (time.perf_counter() - begun) * 1000


def _rest(data: Path) -> None:
    """Give housekeeping a while: until the number of files has not changed for some seconds."""
    seen, since = -1, time.monotonic()
    deadline = since + 60
    while time.monotonic() < deadline and time.monotonic() - since < 6:
        found = len(bare.files(data))
        if found != seen:
            seen, since = found, time.monotonic()
        time.sleep(0.5)


def _size(data: Path, count: int) -> Row:
    sizes = [Path(path).stat().st_size for path in bare.files(data)]
    note = f"{len(sizes)} files; real visits and flights, UUIDv7 ids"
    goal = Goal(60, "<=", " B")
    return absolute("lake, bytes an event", [sum(sizes) / count], "B", goal, note)


def _day(offset: int) -> str:
    at = (int(time.time()) // 86400 + offset) * 86400
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
