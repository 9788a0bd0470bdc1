"""SQL through the API beside bare DuckDB on the same files; the dashboard's cards."""

import time
from pathlib import Path

from bench import bare, generated, realistic
from bench.product import Product, product
from bench.row import Goal, Options, Row, absolute, beside

_BARE = "bare DuckDB"

# Written so that both dialects mean the same by it.
PLAIN = {
    "daily users": "SELECT date, count(DISTINCT user_id) AS users FROM events"
    " WHERE date >= DATE '2026-01-01' GROUP BY date ORDER BY date",
    "by type and day": "SELECT date, event_type, count(*) AS n FROM events"
    " WHERE date >= DATE '2026-01-01' GROUP BY date, event_type ORDER BY date, event_type",
    "completion, 7 days": "SELECT date, sum(CASE WHEN event_type = 'assessment_completed' THEN 1"
    " ELSE 0 END) AS done, count(*) AS n FROM events"
    " WHERE date BETWEEN DATE '2026-01-20' AND DATE '2026-01-26' GROUP BY date ORDER BY date",
    "one day": "SELECT event_type, count(*) AS n, min(timestamp) AS first FROM events"
    " WHERE date = DATE '2026-01-15' GROUP BY event_type ORDER BY event_type",
    "busiest users": "SELECT user_id, count(*) AS n FROM events"
    " WHERE date >= DATE '2026-01-01' GROUP BY user_id ORDER BY n DESC, user_id LIMIT 20",
}
JSON = (
    "SELECT {device} AS device, count(*) AS n, avg(CAST({seconds} AS double)) AS seconds"
    " FROM events WHERE event_type = 'assessment_completed' AND date >= DATE '2026-01-01'"
    " GROUP BY 1 ORDER BY 1"
)
_TRINO = "json_extract_scalar(properties, '$.{}')"
_DUCKDB = "json_extract_string(properties, '$.{}')"


def sql(options: Options) -> list[Row]:
    """Saved queries on 10 000 000 rows (quick: 1 000 000), written as the lake keeps them."""
    rows = 1_000_000 if options.quick else 10_000_000
    data, rounds = options.scratch / "lake", max(3, options.rounds)
    generated.fill(data, rows)
    found: list[Row] = []
    with product(options.scratch, "--no-worker", data=data) as running:
        engine = bare.connect(data)
        every = [_one(running, engine, text, text, rounds) for text in PLAIN.values()]
        json = _one(running, engine, _json(_TRINO), _json(_DUCKDB), rounds)
        engine.close()
    goal = Goal(1.1, "<=", "×")
    ours, theirs = bare.total([a for a, _ in every]), bare.total([b for _, b in every])
    found.append(beside(f"five queries on {rows // 10**6} M rows", ours, "ms", _BARE, theirs, goal))
    found += [beside(name, *_named(pair)) for name, pair in zip(PLAIN, every, strict=True)]
    found.append(beside("by a property of the JSON", *_named(json)))
    return found


def _one(
    running: Product, engine: bare.Engine, ours: str, theirs: str, rounds: int
) -> tuple[list[float], list[float]]:
    return bare.times(running, engine, ours, theirs, rounds)


def _named(pair: tuple[list[float], list[float]]) -> tuple[list[float], str, str, list[float]]:
    return pair[0], "ms", _BARE, pair[1]


def _json(extract: str) -> str:
    return JSON.format(device=extract.format("device"), seconds=extract.format("completion_time"))


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
