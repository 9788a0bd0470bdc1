"""The budget of a month: when to warn, and what stops in which order. Pure.

Collecting never stops. What costs most and can wait stops first: exports and queries at 100 %, work
over what is stored already (backfills) at 120 %.
"""

from typing import Literal

from msgspec import Struct

WARN = 0.8
STOPS: dict[str, float] = {"exports": 1.0, "queries": 1.0, "backfills": 1.2}
"""What stops, and from which share of the budget on."""

NEVER_STOPS = ("collecting", "counting", "alerts", "reading")

QUERY_ALERT_USD = 0.5
FAILURE_ALERT = 0.1
FAILURE_LEAST = 20
"""So many queries before a failure rate says anything."""

Status = Literal["none", "ok", "warning", "over"]


class Override(Struct, frozen=True):
    """Nothing stops until then (microseconds), and why."""

    until: int
    reason: str


class Budget(Struct, frozen=True, kw_only=True):
    """Where a month stands. ``share`` is of the limit, None without one; ``stopped`` is what is
    refused now, ``would_stop`` what would be if ``enforced``, and no override held. ``stops_at``
    is the share from which on each thing stops."""

    month: str
    limit_usd: float | None
    spent_usd: float
    projected_usd: float | None
    share: float | None
    status: Status
    enforced: bool
    stopped: list[str]
    would_stop: list[str]
    stops_at: dict[str, float]
    override_until: str | None
    override_reason: str | None


def standing(
    month: str, spent_usd: float, projected_usd: float | None, limit_usd: float, *,
    enforced: bool, override: Override | None, override_until: str | None, now_us: int,
) -> Budget:  # fmt: skip
    """The state of a budget; a limit of 0 is none."""
    share = spent_usd / limit_usd if limit_usd > 0 else None
    would = [what for what, at in STOPS.items() if share is not None and share >= at]
    holds = override is not None and now_us < override.until
    return Budget(
        month=month,
        limit_usd=limit_usd or None,
        spent_usd=spent_usd,
        projected_usd=projected_usd,
        share=share,
        status=_status(share),
        enforced=enforced,
        stopped=would if enforced and not holds else [],
        would_stop=would,
        stops_at=dict(STOPS),
        override_until=override_until if holds else None,
        override_reason=override.reason if override is not None and holds else None,
    )


def thresholds(share: float | None) -> list[int]:
    """The percentages that have been reached and are told once a month each."""
    known = (round(WARN * 100), 100)
    return [percent for percent in known if share is not None and share * 100 >= percent]


def query_alerts(queries: float, dear: float, failed: float) -> dict[str, str]:
    """What a day's queries give reason to tell, by name: dear ones, and many that fail."""
    found = {}
    if dear:
        found["queries.dear"] = f"{dear:.0f} queries cost more than ${QUERY_ALERT_USD:.2f} each"
    if queries >= FAILURE_LEAST and failed / queries > FAILURE_ALERT:
        found["queries.failing"] = f"{failed / queries:.0%} of {queries:.0f} queries failed"
    return found


def _status(share: float | None) -> Status:
    if share is None:
        return "none"
    if share >= 1:
        return "over"
    return "warning" if share >= WARN else "ok"
