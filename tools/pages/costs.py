"""docs/reference/costs.md from the price table and the model of what an event sets in motion."""

from msgspec.structs import replace

from tallybrook.costs.forecast import DAILY_EVENTS, PerMillion, month, per_million, table
from tallybrook.costs.load import Load
from tallybrook.costs.memory import Measured, Size, cheapest, fits, runs, usd_per_1000
from tallybrook.costs.prices import Prices, prices
from tallybrook.costs.standing import DAYS
from tallybrook.costs.tiers import tier_of, tiers
from tools.pages import markdown
from tools.pages.markdown import code

ARCH = "arm64"
WINDOWS_S = (1, 10, 60)
OTHERS_AS_OF = "2025"
SHAPED = 20_000

INTRO = """# What it costs on AWS

From the price table and a count of what one event sets in motion, which
[Costs](../concepts/costs.md) explains. `tallybrook costs whatif` gives the lines of any other load.
Nothing here was read off a bill.

"""

SWA = ((10_000, 2.01), (100_000, 3.24), (1_000_000, 14.64), (10_000_000, 128.74),
       (100_000_000, 1288.39))  # fmt: skip
"""serverless-website-analytics, docs/COST.md: page views a month, worst case in dollars."""

CLICKSTREAM = ((10, 181.0, 149.76), (100, 284.0, 454.60), (1_000, 1439.0, 2742.0))
"""Clickstream Analytics on AWS, its page on cost: requests a second of ten events, collecting with
Kinesis on demand, processing by the hour with Redshift Serverless, in dollars a month."""


def page() -> str:
    known = prices()
    return "".join(
        [
            INTRO,
            f"Prices: {known.region}, {known.as_of}, {known.source}.\n\n",
            _per_million(known),
            _services(known),
            _waiting(known),
            _ids(known),
            _tiers(known),
            _shapes(known),
            _memory(known),
            _others(),
            _prices(known),
        ]
    )


def _per_million(known: Prices) -> str:
    rows = [
        (
            f"{row.events_per_day:,.0f}", row.batch, f"{row.writes_per_event:.1f}",
            f"{row.events_per_commit:,.0f}", _usd(row.month_usd), _usd(row.month_payable_usd),
            _usd(row.per_million_usd), _usd(row.per_million_payable_usd),
        )
        for row in table(tiers()[0], ARCH, known)
    ]  # fmt: skip
    head = [
        "events a day", "events a request", "write units an event", "events a commit",
        "USD a month", "to pay", "USD a million", "to pay",
    ]  # fmt: skip
    text = (
        "## A million events\n\nLowest tier, arm64, events of 450 bytes with one id and five types,"
        " sent evenly over the day. *To pay* is what is left after the allowances that every"
        " account has each month.\n\n"
    )
    return text + markdown.table(head, rows) + "\n"


def _services(known: Prices) -> str:
    found = table(tiers()[0], ARCH, known)
    names = list(dict.fromkeys(name for row in found for name in row.per_million_by_service))
    rows = [(f"{row.events_per_day:,.0f}", row.batch, *_by_service(row, names)) for row in found]
    text = "### By service\n\nUSD a million at list price, a month without events included.\n\n"
    return text + markdown.table(["events a day", "a request", *names], rows) + "\n"


def _by_service(row: PerMillion, names: list[str]) -> list[str]:
    return [_usd(row.per_million_by_service.get(name, 0.0)) for name in names]


def _waiting(known: Prices) -> str:
    rows = []
    for events in DAILY_EVENTS:
        load = Load(events_per_day=events)
        made = [replace(load, window_s=window) for window in WINDOWS_S]
        costs = [month(one, tiers()[0], ARCH, known).listed_usd for one in made]
        rows.append((f"{events:,}", *map(_usd, costs)))
    text = (
        "### The cheaper shape: waiting longer before numbering\n\nEvents that are sent one by one"
        " are numbered and counted by a commit of some fourteen write units, which the events of a"
        " second share. Where there are few a second, that is most of the bill, and waiting longer"
        " is what lowers it: counts and live pages come that much later, and an acknowledged event"
        " is as durable as before. USD a month, single events:\n\n"
    )
    head = ["events a day", *(f"waits {window} s" for window in WINDOWS_S)]
    return text + markdown.table(head, rows) + "\n"


def _ids(known: Prices) -> str:
    load = Load(events_per_day=1_000_000, batch=100)
    costs = [
        per_million(replace(load, ids=ids), tiers()[0], ARCH, known).per_million_usd
        for ids in (0, 1, 2)
    ]
    text = (
        "### What cannot be batched away\n\nEach event is a row of its own, because that is where a"
        " duplicate is found, and a row in an index for each of `user_id` and `anonymous_id`. A"
        " million events a day in batches of 100, USD a million:\n\n"
    )
    return text + markdown.table(["no id", "one", "both"], [[_usd(cost) for cost in costs]]) + "\n"


def _tiers(known: Prices) -> str:
    loads = (0, 20_000, 1_000_000)
    rows = [
        (f"${tier.from_mrr_usd:,}", *(
            _usd(month(Load(events_per_day=load, batch=10), tier, ARCH, known).listed_usd)
            for load in loads
        ))
        for tier in map(tier_of, (t.from_mrr_usd for t in tiers()))
    ]  # fmt: skip
    text = "## By tier\n\nUSD a month at list price, ten events a request.\n\n"
    head = ["from monthly revenue", *(f"{load:,} events a day" for load in loads)]
    return text + markdown.table(head, rows) + "\n"


def _shapes(known: Prices) -> str:
    one = Load(events_per_day=SHAPED)
    rows = []
    for tier in tiers():
        shapes = [
            (one, tier),
            (replace(one, batch=100), tier),
            (replace(one, window_s=10), tier),
            (replace(one, batch=100, window_s=10), tier),
            (replace(one, batch=100, window_s=10), replace(tier, kinesis=False)),
        ]
        costs = [month(load, of, ARCH, known).listed_usd for load, of in shapes]
        rows.append((f"${tier.from_mrr_usd:,}", *map(_usd, costs)))
    text = (
        "### The cheaper shape by tier\n\nWhat costs most is a commit an event where events come"
        " one by one, and, from $5,000 on, a stream that stands there whether or not anything"
        " comes. In the lowest two tiers nothing is paid by the hour. Batches are the sender's"
        " choice, waiting is `--window-s`, the stream `--no-kinesis` when the stack is deployed."
        f" {SHAPED:,} events a day, USD a month:\n\n"
    )
    head = ["from monthly revenue", "single events", "100 a request", "waits 10 s", "both",
            "both, without stream"]  # fmt: skip
    return text + markdown.table(head, rows) + "\n"


def _memory(known: Prices) -> str:
    found = runs()
    sizes = sorted({size.memory_mb for one in found.functions for size in one.sizes})
    rows = []
    for one in found.functions:
        best = cheapest(one, ARCH, known)
        of = {size.memory_mb: size for size in one.sizes}
        cells = [_size(of[mb], one, best, known) if mb in of else "" for mb in sizes]
        rows.append((code(one.function), *cells))
    text = (
        f"## By memory\n\nUSD for 1,000 warm invocations at each size, and their mean in ms. In"
        " bold the smallest of the cheapest (5 % are no difference) that is fast enough and leaves"
        f" an eighth of its memory free. {found.source}, {found.as_of}.\n\n"
    )
    head = ["function", *(f"{size:,} MB" for size in sizes)]
    return text + markdown.table(head, rows) + "\n"


def _size(size: Size, of: Measured, best: Size | None, known: Prices) -> str:
    usd = f"{usd_per_1000(size, ARCH, known):.4f}"
    told = f"**{usd}**" if size == best else usd
    return f"{told} ({size.mean_ms:,.0f}{'' if fits(size, of.limit_ms) else ', does not fit'})"


def _others() -> str:
    rows = [
        ("serverless-website-analytics", f"{views / DAYS:,.0f}", _usd(usd),
         _usd(usd / views * 1_000_000))
        for views, usd in SWA
    ]  # fmt: skip
    for requests, collecting, processing in CLICKSTREAM:
        events = requests * 10 * 86_400 * DAYS
        usd = collecting + processing
        rows.append(
            ("Clickstream Analytics on AWS", f"{events / DAYS:,.0f}", _usd(usd),
             _usd(usd / events * 1_000_000))
        )  # fmt: skip
    text = (
        f"## Beside others\n\nWhat they publish themselves ({OTHERS_AS_OF}), for other things under"
        " other assumptions: serverless-website-analytics its worst case with a delay of 15"
        " minutes, before its files are merged; Clickstream Analytics on AWS ten events a request,"
        " collected with Kinesis on demand and processed by the hour (with 1 000 requests a second"
        " every 40 minutes), without dashboards and transfer. Both put events into files in bulk;"
        " Tallybrook's row an event, and the write it costs, is what tells a duplicate at once and"
        " what makes it dearer than a bulk pipeline at any size.\n\n"
    )
    return text + markdown.table(["", "events a day", "USD a month", "USD a million"], rows) + "\n"


def _prices(known: Prices) -> str:
    rows = [
        (code(name), meter.service, meter.unit, f"{meter.usd:.10f}".rstrip("0").rstrip("."),
         f"{known.allowances[meter.allowance]:,.0f}" if meter.allowance else "")
        for name, meter in known.meters.items()
    ]  # fmt: skip
    least = known.query_minimum_bytes // 2**20
    text = f"## Prices\n\nA query is charged for {least} MB at least.\n\n"
    return text + markdown.table(["meter", "service", "unit", "USD", "free a month"], rows)


def _usd(amount: float | None) -> str:
    return "" if amount is None else f"{amount:,.2f}"
