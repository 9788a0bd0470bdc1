"""The budget as it stands: usage of this month, the override, and what was told already."""

import msgspec

from tallybrook.costs.budget import Budget, Override, query_alerts, standing, thresholds
from tallybrook.costs.invoked import DEAR_QUERIES, FAILED_QUERIES, QUERIES
from tallybrook.costs.prices import prices
from tallybrook.costs.recorder import day_of
from tallybrook.costs.report import month_span, payable_usd, report
from tallybrook.costs.tiers import Tier
from tallybrook.errors import BudgetError, ConflictError
from tallybrook.events.instants import format_instant
from tallybrook.ports.bus import Bus, Notice
from tallybrook.ports.state import ABSENT, State
from tallybrook.ports.usage import SHARED, UsageStore

PARTITION, OVERRIDE = "budget", "override"
KEPT_S = 100 * 86_400
KIND = "budget.reached"


def budget_now(
    usage: UsageStore, state: State, limit_usd: float, tier: Tier, now_us: int, *, enforced: bool
) -> Budget:
    """The budget of the present month: all accounts, what is left to pay after the free tier."""
    today = day_of(now_us)
    first, last = month_span(today)
    rows = usage.between(first, last)
    found = report(rows, first, last, today, measured=False, mrr_usd=0, tier=tier, prices=prices())
    spent = payable_usd(rows, prices())
    override = _override(state)
    return standing(
        today[:7],
        spent,
        found.projection.usd if found.projection else None,
        limit_usd,
        enforced=enforced,
        override=override,
        override_until=format_instant(override.until) if override else None,
        now_us=now_us,
    )


def put_override(state: State, override: Override) -> None:
    """Let nothing stop until then."""
    expires_at_s = override.until // 1_000_000 + 1
    body = msgspec.json.encode(override)
    state.put(PARTITION, OVERRIDE, body, expires_at_s=expires_at_s)


def end_override(state: State) -> None:
    """Let things stop again."""
    state.delete(PARTITION, OVERRIDE)


def require_room(found: Budget, what: str) -> None:
    """Raise ``BudgetError`` where the budget has stopped this."""
    if what in found.stopped:
        raise BudgetError(
            f"the budget of {found.month} (${found.limit_usd:,.2f}) is used up:"
            f" ${found.spent_usd:,.2f}. {what.capitalize()} are stopped, collecting goes on."
            " Raise TALLYBROOK_BUDGET_USD, or `tallybrook costs budget --override 24`"
        )


def tell(state: State, bus: Bus, found: Budget, now_us: int) -> list[str]:
    """Tell the bus of each threshold that was reached, once a month each; what was told."""
    shown = msgspec.to_builtins(found)
    notices = [
        Notice(
            notice_id=f"budget-{found.month}-{percent}", kind=KIND, account_id=SHARED, at=now_us,
            data=shown | {"percent": percent},
        )
        for percent in thresholds(found.share)
    ]  # fmt: skip
    return _told_once(state, bus, notices, now_us)


def tell_of_queries(state: State, bus: Bus, usage: UsageStore, now_us: int) -> list[str]:
    """Tell the bus of a day's dear queries, and of many that failed, once a day each."""
    day = day_of(now_us)
    sums: dict[str, float] = {}
    for row in usage.between(day, day):
        sums[row.meter] = sums.get(row.meter, 0.0) + row.quantity
    counts = (sums.get(meter, 0.0) for meter in (QUERIES, DEAR_QUERIES, FAILED_QUERIES))
    notices = [
        Notice(
            notice_id=f"{kind}-{day}", kind=kind, account_id=SHARED, at=now_us,
            data={"day": day, "message": said},
        )
        for kind, said in query_alerts(*counts).items()
    ]  # fmt: skip
    return _told_once(state, bus, notices, now_us)


def _told_once(state: State, bus: Bus, notices: list[Notice], now_us: int) -> list[str]:
    """Told first, then remembered: a crash in between tells it twice, under one id."""
    told = []
    for notice in notices:
        if state.get(PARTITION, notice.notice_id) is None:
            bus.publish([notice])
            _remember(state, notice.notice_id, now_us)
            told.append(notice.notice_id)
    return told


def _remember(state: State, notice_id: str, now_us: int) -> None:
    try:
        state.put(
            PARTITION, notice_id, b"{}", expect=ABSENT, expires_at_s=now_us // 1_000_000 + KEPT_S
        )
    except ConflictError:
        return  # somebody else told it in the same moment


def _override(state: State) -> Override | None:
    found = state.get(PARTITION, OVERRIDE)
    return None if found is None else msgspec.json.decode(found.value, type=Override)
