"""What each saved query should say of the rows, computed without SQL."""

import json
import math
import statistics as st
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from tests.sql.rows import DOMAINS, NOW, TODAY, Row


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
