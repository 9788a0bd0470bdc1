"""The saved queries: each on generated rows, against answers computed without SQL."""

import json
import math
import random
import re
import statistics as st
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlglot import parse_one

from tallybrook.errors import InvalidError, NotFoundError
from tallybrook.events.instants import parse_instant
from tallybrook.lake.tables import TABLES
from tallybrook.lake.tables.naming import type_name
from tallybrook.ports.sql import Limits
from tallybrook.sql.connection import open_connection
from tallybrook.sql.guard import guard
from tallybrook.sql.libraries import Library
from tallybrook.sql.refreshing import rhythms
from tallybrook.sql.saved import SavedQuery, bind, read

NOW = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)
TODAY = NOW.date()
DOMAINS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
QUERIES = Library().queries()
Row = dict[str, Any]


def generate() -> dict[str, list[Row]]:
    """Rows of every table that a saved query reads: ties, nulls, corrections, old and late ones."""
    rng = random.Random(8)
    return {
        "events": _events(rng), "ocean_scores": (scores := _scores(rng)),
        "assessment_events": _assessments(rng, scores), "cost_tracking": _costs(rng),
    }  # fmt: skip


def _back(rng: random.Random, days: float) -> datetime:
    return NOW - timedelta(microseconds=rng.randrange(int(days * 86_400_000_000)))


def _events(rng: random.Random) -> list[Row]:
    kinds = ["page_view"] * 4 + ["assessment.started", "assessment_started"] * 2
    kinds += ["assessment.completed", "assessment_completed", "report.generated", "user.upgraded"]
    rows = []
    for seq in range(1, 1_201):
        kind, at = rng.choice(kinds), _back(rng, rng.choice((1, 10, 40, 500)))
        user = rng.choice((None, f"u{rng.randrange(60)}"))
        properties: Row = {}
        if kind.startswith("assessment"):
            properties = {"assessment_id": f"a{rng.randrange(150)}"}
            properties |= (
                {"device": rng.choice(("desktop", "mobile"))} if rng.random() < 0.8 else {}
            )
            properties |= {"assessment_type": "ocean-120"} if rng.random() < 0.7 else {}
        elif kind == "user.upgraded":
            properties = {"plan": "pro", "usd": rng.choice((0, 9.5, 20, "no number", None))}
        rows.append({
            "event_id": f"e{seq}", "event_type": kind, "timestamp": at, "ingested_at": at,
            "user_id": user, "anonymous_id": rng.choice((None, f"x{rng.randrange(30)}")),
            "session_id": None, "properties": json.dumps(properties), "seq": seq,
            "account_id": "acme", "date": at.date(),
        })  # fmt: skip
    return rows


def _scores(rng: random.Random) -> list[Row]:
    rows = []
    for n in range(700):
        at = _back(rng, rng.choice((20, 300, 800)))
        score = {
            name: round(rng.uniform(5, 95), 3) if rng.random() < 0.95 else None for name in DOMAINS
        }
        facets = {
            name: {"score": rng.choice((None, rng.uniform(0, 100))), "responses": rng.randrange(5),
                   "std_dev": rng.choice((None, 12.5))}
            for name in ("anxiety", "trust", "order")
        }  # fmt: skip
        rows.append({
            "anonymous_user_id": f"p{rng.randrange(330)}",
            "assessment_id": f"s{rng.randrange(500)}",
            "timestamp": at, "version": rng.choice(("1", "2")), **score,
            "assessment_type": rng.choice(("ocean-120", "ocean-50")),
            "consistency": rng.choice((None, rng.random())), "completeness": rng.uniform(0.8, 1),
            "facets": facets,
            "industry": rng.choice(("technology", "technology", "health", "art", None)),
            "dark_side_indicators": rng.choice(
                (None, {"rigid": rng.uniform(0, 100), "volatile": rng.choice((None, 40.0))})
            ),
            "content": f"c{n}", "seq": n, "account_id": "acme", "year": at.year, "month": at.month,
        })  # fmt: skip
    return rows


def _assessments(rng: random.Random, scores: list[Row]) -> list[Row]:
    kept = ("assessment_id", "anonymous_user_id", "timestamp", "version", "content", "seq",
            "account_id", "assessment_type")  # fmt: skip
    return [
        {name: row[name] for name in kept}
        | {"completion_time": rng.randrange(20, 200) * 10,
           "device": rng.choice(("mobile", "desktop")),
           "platform": rng.choice(("web", "ios")), "date": row["timestamp"].strftime("%Y/%m/%d")}
        for row in scores if rng.random() < 0.9
    ]  # fmt: skip


def _costs(rng: random.Random) -> list[Row]:
    rows = []
    for _ in range(200):
        at = _back(rng, 60)
        usd = rng.uniform(0, 2) * (30 if at.day == 15 else 1)
        rows.append({
            "timestamp": at, "date": at.date(), "service": rng.choice(("lambda", "s3", "athena")),
            "invocations": rng.randrange(100), "estimated_cost_usd": usd, "account_id": "acme",
            "year": at.year, "month": at.month,
        })  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def data() -> dict[str, list[Row]]:
    return generate()


@pytest.fixture(scope="module")
def database(
    data: dict[str, list[Row]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("rows")
    connection = open_connection(Limits(512 << 20, 2))
    for name, rows in data.items():
        path = folder / f"{name}.ndjson"
        path.write_text("\n".join(json.dumps(row, default=_plain) for row in rows))
        columns = ", ".join(f"'{c.name}': '{c.type}'" for c in TABLES[name].all_columns)
        connection.execute(
            f"CREATE TABLE {name} AS FROM read_json('{path}', format = 'newline_delimited',"
            f" columns = {{{columns}}})"
        )
    yield connection
    connection.close()


def _plain(value: date) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return value.isoformat()


def run(connection: duckdb.DuckDBPyConnection, query: SavedQuery, **given: Any) -> list[Row]:
    """The rows by name; the columns are those that the file promises."""
    now_us = int(NOW.timestamp() * 1_000_000)
    statement = guard(query.sql, bind(query, given), now_us=now_us)
    for scan in statement.scans:
        connection.execute(f"CREATE OR REPLACE VIEW {scan.view} AS FROM {scan.table}")
    sql = statement.exact_sql
    used = {k: v for k, v in statement.parameters.items() if re.search(rf"\${k}\b", sql)}
    found = connection.execute(sql, used)
    columns = [(column[0], type_name(str(column[1]))) for column in found.description]
    assert columns == [(column.name, column.type) for column in query.columns]
    return [dict(zip([c[0] for c in columns], row, strict=True)) for row in found.fetchall()]


# What each should say, without SQL.


def person(row: Row) -> str | None:
    who: str | None = row["user_id"] or row["anonymous_id"]
    return who


def since(rows: list[Row], days: int) -> list[Row]:
    return [row for row in rows if row["date"] > TODAY - timedelta(days=days)]


def step(row: Row) -> str:
    return str(row["event_type"]).replace(".", "_")


def latest(rows: list[Row], key: Callable[[Row], Any], rank: Callable[[Row], Any]) -> list[Row]:
    """The row of each key that ranks first."""
    best: dict[Any, Row] = {}
    for row in sorted(rows, key=rank):
        best[key(row)] = row
    return list(best.values())


def percentile(values: list[float], q: float) -> float:
    """The value at rank ceil(q n)."""
    return sorted(values)[max(math.ceil(q * len(values) - 1e-9), 1) - 1]


def spread(values: list[float]) -> float | None:
    return st.stdev(values) if len(values) > 1 else None


def by(rows: list[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(row[name] for name in names)].append(row)
    return found


def month_start(day: date, back: int = 0) -> date:
    months = day.year * 12 + day.month - 1 - back
    return date(months // 12, months % 12 + 1, 1)


def first_seen(rows: list[Row]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for row in rows:
        if (who := person(row)) is not None:
            found[who] = min(found.get(who, row["timestamp"]), row["timestamp"])
    return found


def daily_active_users(data: dict[str, list[Row]]) -> list[Row]:
    groups = by(since(data["events"], 30), "date")
    return [
        {"date": day, "users": len({person(r) for r in rows} - {None}), "events": len(rows)}
        for (day,), rows in sorted(groups.items())
    ]


def completion_rate(data: dict[str, list[Row]]) -> list[Row]:
    found: dict[str, Row] = {}
    for row in since(data["events"], 7):
        properties = json.loads(row["properties"])
        one = found.setdefault(properties.get("assessment_id", ""), {"started": [], "done": False})
        if step(row) == "assessment_started":
            one["started"].append(
                (properties.get("device", "unknown"), properties.get("assessment_type", "unknown"))
            )
        one["done"] |= step(row) == "assessment_completed"
    groups: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for name, one in found.items():
        if name and one["started"]:
            device, kind = (max(values) for values in zip(*one["started"], strict=True))
            groups[device, kind].append(one["done"])
    rows = [
        {"device": d, "assessment_type": k, "started": len(v), "completed": sum(v),
         "rate": sum(v) / len(v)}
        for (d, k), v in groups.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda r: (-r["started"], r["device"], r["assessment_type"]))


def completion_funnel(data: dict[str, list[Row]]) -> list[Row]:
    reached: dict[str, int] = {}
    wanted = {
        "assessment_started": (0, 1),
        "assessment_completed": (1, 2),
        "report_generated": (2, 3),
    }
    for row in sorted(since(data["events"], 30), key=lambda r: (r["timestamp"], r["seq"])):
        if (who := person(row)) is not None:
            at = reached.setdefault(who, 0)
            least, then = wanted.get(step(row), (99, 0))
            reached[who] = max(at, then) if at >= least else at
    counts = [sum(at >= n for at in reached.values()) for n in range(4)]
    names = ("seen", "started", "completed", "reported")
    return [
        {"step_number": n + 1, "step": names[n], "people": counts[n],
         "share_of_first": counts[n] / counts[0],
         "share_of_previous": counts[n] / counts[n - 1] if n else None}
        for n in range(4)
    ]  # fmt: skip


def user_growth_hourly(data: dict[str, list[Row]]) -> list[Row]:
    hours = Counter(
        at.replace(minute=0, second=0, microsecond=0, tzinfo=None)
        for at in first_seen(since(data["events"], 90)).values()
    )
    total, rows = 0, []
    for hour, new in sorted(hours.items()):
        total += new
        if hour > NOW.replace(tzinfo=None) - timedelta(hours=48):
            rows.append({"hour": hour, "new_users": new, "total_users": total})
    return rows


def user_growth_monthly(data: dict[str, list[Row]]) -> list[Row]:
    recent = [row for row in data["events"] if row["date"] >= month_start(TODAY, 11)]
    months = Counter(month_start(at.date()) for at in first_seen(recent).values())
    total, rows = 0, []
    for month, new in sorted(months.items()):
        growth = new / total if total else None
        total += new
        rows.append({"month": month, "new_users": new, "total_users": total, "growth": growth})
    return rows


def revenue_by_cohort(data: dict[str, list[Row]]) -> list[Row]:
    recent = [
        row for row in data["events"] if row["date"] >= month_start(TODAY, 11) and row["user_id"]
    ]
    cohort: dict[str, date] = {}
    for row in recent:
        month = month_start(row["date"])
        cohort[row["user_id"]] = min(cohort.get(row["user_id"], month), month)
    sizes = Counter(cohort.values())
    groups: dict[tuple[date, date], list[tuple[str, float]]] = defaultdict(list)
    for row in recent:
        usd = json.loads(row["properties"]).get("usd")
        paid = usd if step(row) == "user_upgraded" and isinstance(usd, int | float) else 0
        groups[cohort[row["user_id"]], month_start(row["date"])].append((row["user_id"], paid))
    return [
        {"cohort": born, "month_number": (m.year - born.year) * 12 + m.month - born.month,
         "users": sizes[born], "payers": len({u for u, usd in paid if usd > 0}),
         "usd": sum(usd for _, usd in paid), "usd_per_user": sum(u for _, u in paid) / sizes[born]}
        for (born, m), paid in sorted(groups.items())
    ]  # fmt: skip


def user_journey(data: dict[str, list[Row]]) -> list[Row]:
    mine = [r for r in since(data["events"], 30) if "u7" in (r["user_id"], r["anonymous_id"])]
    rows: list[Row] = []
    before, visit = None, 0
    for number, row in enumerate(sorted(mine, key=lambda r: (r["timestamp"], r["seq"])), 1):
        passed = None if before is None else int((row["timestamp"] - before).total_seconds())
        visit += passed is None or passed > 1800
        before = row["timestamp"]
        rows.append({
            "step": number, "timestamp": row["timestamp"].replace(tzinfo=None),
            "event_type": row["event_type"], "session_id": None, "seconds_since": passed,
            "visit": visit,
        })  # fmt: skip
    return rows


def recent_scores(data: dict[str, list[Row]], days: int = 365) -> list[Row]:
    return [row for row in data["ocean_scores"] if row["timestamp"] >= NOW - timedelta(days=days)]


def _in_long(rows: list[Row]) -> list[Row]:
    """A row a domain."""
    return [
        {"industry": row["industry"], "domain": domain, "score": row[domain],
         "who": row["anonymous_user_id"]}
        for row in rows for domain in DOMAINS
        if row[domain] is not None and row["industry"] is not None
    ]  # fmt: skip


def ocean_percentiles(data: dict[str, list[Row]]) -> list[Row]:
    rows = latest(
        recent_scores(data), lambda r: (r["anonymous_user_id"], r["assessment_type"]),
        lambda r: (r["timestamp"], r["content"]),
    )  # fmt: skip
    found = []
    for (industry, domain), group in sorted(by(_in_long(rows), "industry", "domain").items()):
        people, scores = len({r["who"] for r in group}), [r["score"] for r in group]
        if people >= 10:
            ranks = {f"p{q}": percentile(scores, q / 100) for q in (10, 25, 50, 75, 90)}
            found.append({"industry": industry, "domain": domain, "people": people} | ranks)
    return found


def _latest_of_person(rows: list[Row]) -> list[Row]:
    """By time, then by the earlier name of the inventory, then by the later content."""
    ordered = sorted(rows, key=lambda r: r["content"], reverse=True)
    ordered = sorted(ordered, key=lambda r: r["assessment_type"])
    ordered = sorted(ordered, key=lambda r: r["timestamp"], reverse=True)
    found: dict[str, Row] = {}
    for row in ordered:
        found.setdefault(row["anonymous_user_id"], row)
    return list(found.values())


def ocean_distribution_industry(data: dict[str, list[Row]], least: int = 100) -> list[Row]:
    groups = by(_in_long(_latest_of_person(recent_scores(data))), "industry", "domain")
    found = []
    for (industry, domain), group in sorted(groups.items()):
        scores = [row["score"] for row in group]
        n = len(scores)
        if n >= least:
            found.append({
                "industry": industry, "domain": domain, "people": n, "mean": st.fmean(scores),
                "std_dev": spread(scores), "low": sum(s < 40 for s in scores) / n,
                "middle": sum(40 <= s <= 60 for s in scores) / n,
                "high": sum(s > 60 for s in scores) / n,
            })  # fmt: skip
    return found


def dark_side_indicators(data: dict[str, list[Row]]) -> list[Row]:
    rows = _latest_of_person([r for r in recent_scores(data) if r["dark_side_indicators"]])
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for name, value in row["dark_side_indicators"].items():
            found[name] += [value] if value is not None else []
    return [
        {"indicator": name, "people": len(v), "mean": st.fmean(v), "std_dev": spread(v),
         "p50": percentile(v, 0.5), "p90": percentile(v, 0.9)}
        for name, v in sorted(found.items()) if len(v) >= 10
    ]  # fmt: skip


def facet_deep_dive(data: dict[str, list[Row]]) -> list[Row]:
    rows = latest(
        recent_scores(data), lambda r: (r["anonymous_user_id"], r["assessment_type"]),
        lambda r: (r["timestamp"], r["content"]),
    )  # fmt: skip
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        for name, facet in row["facets"].items():
            found[name] += (
                [facet | {"who": row["anonymous_user_id"]}] if facet["score"] is not None else []
            )
    return [
        {"facet": name, "people": len({f["who"] for f in v}),
         "mean": st.fmean(s := [f["score"] for f in v]), "std_dev": spread(s),
         "p25": percentile(s, 0.25), "p50": percentile(s, 0.5), "p75": percentile(s, 0.75),
         "mean_responses": st.fmean(f["responses"] for f in v),
         "mean_spread": st.fmean(f["std_dev"] for f in v if f["std_dev"] is not None)}
        for name, v in sorted(found.items())
    ]  # fmt: skip


def _of_days(rows: list[Row], days: int) -> list[Row]:
    return [r for r in rows if r["timestamp"].date() > TODAY - timedelta(days=days)]


def _one_each(rows: list[Row]) -> list[Row]:
    return latest(
        _of_days(rows, 30), lambda r: r["assessment_id"], lambda r: (r["timestamp"], r["content"])
    )


def assessment_quality(data: dict[str, list[Row]]) -> list[Row]:
    times = {r["assessment_id"]: r["completion_time"] for r in _one_each(data["assessment_events"])}
    rows = []
    groups = by(_one_each(data["ocean_scores"]), "assessment_type", "version")
    for (kind, version), group in groups.items():
        known = [r["consistency"] for r in group if r["consistency"] is not None]
        took = [times[r["assessment_id"]] for r in group if r["assessment_id"] in times]
        rows.append({
            "assessment_type": kind, "version": version, "assessments": len(group),
            "mean_completeness": st.fmean(r["completeness"] for r in group),
            "mean_consistency": st.fmean(known),
            "inconsistent": sum(c < 0.3 for c in known) / len(known),
            "unscored": sum(r["openness"] is None for r in group) / len(group),
            "median_seconds": percentile(took, 0.5),
        })  # fmt: skip
    return sorted(rows, key=lambda r: (-r["assessments"], r["assessment_type"], r["version"]))


def platform_performance(data: dict[str, list[Row]]) -> list[Row]:
    rows = _one_each(data["assessment_events"])
    found = []
    for (platform, device), group in by(rows, "platform", "device").items():
        took = [r["completion_time"] for r in group]
        found.append({
            "platform": platform, "device": device, "assessments": len(group),
            "people": len({r["anonymous_user_id"] for r in group}),
            "median_seconds": percentile(took, 0.5), "p90_seconds": percentile(took, 0.9),
            "share": len(group) / len(rows),
        })  # fmt: skip
    return sorted(found, key=lambda r: (-r["assessments"], r["platform"], r["device"]))


def cost_analysis(data: dict[str, list[Row]]) -> list[Row]:
    rows = _of_days(data["cost_tracking"], 30)
    days = {d: sum(r["estimated_cost_usd"] for r in g) for (d,), g in by(rows, "date").items()}
    mean = st.fmean(days.values())
    found = []
    for (day, service), group in by(rows, "date", "service").items():
        usd = sum(r["estimated_cost_usd"] for r in group)
        found.append({
            "date": day, "service": service, "usd": usd,
            "invocations": sum(r["invocations"] for r in group), "share": usd / days[day],
            "day_usd": days[day], "over_twice_the_mean": days[day] > 2 * mean,
        })  # fmt: skip
    return sorted(found, key=lambda r: (r["date"], -r["usd"], r["service"]))


ANSWERS: dict[str, Callable[[dict[str, list[Row]]], list[Row]]] = {
    f.__name__: f
    for f in (
        daily_active_users, completion_rate, completion_funnel, user_growth_hourly,
        user_growth_monthly, revenue_by_cohort, user_journey, ocean_percentiles,
        ocean_distribution_industry, dark_side_indicators, facet_deep_dive, assessment_quality,
        platform_performance, cost_analysis,
    )
}  # fmt: skip


def test_every_query_is_there() -> None:
    """All that the specification names, each with an answer to compare with."""
    assert {query.id for query in QUERIES} == set(ANSWERS)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.id)
def test_answers(
    query: SavedQuery, database: duckdb.DuckDBPyConnection, data: dict[str, list[Row]]
) -> None:
    """The same rows, in the same order, as without SQL; and there are some."""
    given = {"user": "u7"} if query.id == "user_journey" else {}
    found, expected = run(database, query, **given), ANSWERS[query.id](data)
    assert len(found) == len(expected) > 0
    for row, wanted in zip(found, expected, strict=True):
        assert row == {
            name: pytest.approx(value) if isinstance(value, float) else value
            for name, value in wanted.items()
        }


def test_parameters_change_the_answer(
    database: duckdb.DuckDBPyConnection, data: dict[str, list[Row]]
) -> None:
    """Fewer people are enough when it is said so."""
    library = Library()
    query = library.get("ocean_distribution_industry")
    assert len(run(database, query, min_people=5)) == len(ocean_distribution_industry(data, 5)) > 5


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.id)
def test_valid_on_athena(query: SavedQuery) -> None:
    """Parses as Athena's SQL with values in the places of parameters, comes out of it unchanged in
    meaning, and leaves nothing to be said against it: no decimals that are divided, no star."""
    sql = re.sub(r"\{\{\w+\}\}", "1", query.sql)
    tree = parse_one(sql, dialect="athena")
    assert parse_one(tree.sql(dialect="athena"), dialect="athena") == tree
    given = {"user": "u"} if query.id == "user_journey" else {}
    hints = guard(query.sql, bind(query, given), now_us=0).hints
    assert [hint for hint in hints if "exact" not in hint and "LIMIT" not in hint] == []


OWN = """-- id: mine
-- name: Mine
-- category: own
-- description: One number
-- refresh: daily
-- parameter: n integer = 3 | How many
-- parameter: who varchar | Who
-- columns: n integer, pair row(a integer, b integer)
SELECT {{n}} AS n
"""


def test_own_queries_are_files_that_are_dropped_in(tmp_path: Path) -> None:
    """They are there at once, take the place of ours with the same id, and one that is broken says
    why and disturbs nothing."""
    library = Library(tmp_path)
    assert len(library.queries()) == len(QUERIES)
    (tmp_path / "mine.sql").write_text(OWN)
    (tmp_path / "twice.sql").write_text(OWN)
    (tmp_path / "bad.sql").write_text("SELECT 1")
    (tmp_path / "ours.sql").write_text(OWN.replace("id: mine", "id: user_journey"))
    mine = library.get("mine")
    assert mine.own
    assert [(p.name, p.default, p.required) for p in mine.parameters] == [
        ("n", 3, False), ("who", None, True),
    ]  # fmt: skip
    assert [c.type for c in mine.columns] == ["integer", "row(a integer, b integer)"]
    assert library.get("user_journey").name == "Mine"
    assert [broken.file for broken in library.broken()] == ["bad.sql", "twice.sql"]
    (tmp_path / "mine.sql").unlink()
    (tmp_path / "twice.sql").unlink()
    with pytest.raises(NotFoundError):
        library.get("mine")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("-- name: Mine\n", ""), "name"),
        (("daily", "yearly"), "refresh"),
        (("id: mine", "id: Mine!"), "id"),
        (("integer = 3", "integer = x"), "integer"),
        (("integer = 3", "integer = 1.5"), "integer"),
        (("integer = 3", "blob = 3"), "type"),
        (("-- category: own", "-- category: own\n-- category: other"), "once"),
        (("-- category: own", "-- colour: red"), "colour"),
        (("SELECT {{n}} AS n", ""), "statement"),
    ],
)
def test_broken_front_matter(change: tuple[str, str], reason: str) -> None:
    """Refused with what is wrong."""
    with pytest.raises(InvalidError, match=reason):
        read(OWN.replace(*change))


@pytest.mark.parametrize(
    "given", [{}, {"who": 1}, {"who": "x", "n": "3"}, {"who": "x", "n": True}, {"who": "x", "m": 1}]
)
def test_values_that_do_not_fit(given: dict[str, Any]) -> None:
    """Missing, unknown and of another type."""
    with pytest.raises(InvalidError):
        bind(read(OWN), given)
    assert bind(read(OWN), {"who": "x", "n": None}) == {"who": "x", "n": None}


@pytest.mark.parametrize(
    ("slot", "wanted"),
    [
        ("2026-03-02T00:00:00Z", ["hourly", "daily", "weekly"]),
        ("2026-03-03T00:00:00Z", ["hourly", "daily"]),
        ("2026-03-02T07:00:00Z", ["hourly"]),
    ],
)
def test_what_is_due_at_an_hour(slot: str, wanted: list[str]) -> None:
    """A Monday's midnight is due for all, another one for the days, any other hour for hours."""
    assert rhythms(parse_instant(slot) or 0) == wanted
