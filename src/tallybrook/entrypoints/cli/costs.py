"""``tallybrook costs``: what it costs, or would, on AWS."""

from typing import Annotated

from cyclopts import App, Parameter

from tallybrook.entrypoints.cli.options import DEFAULT_URL, Amount, Arch, AsJson, Count, Key, Url
from tallybrook.entrypoints.cli.output import OutputFormat

EXAMPLES = """Examples:
  tallybrook costs estimate --invocations 1000 --duration-ms 450 --memory-mb 128 --arch x86_64
  tallybrook costs whatif --events-per-day 20000 --batch 100
  tallybrook costs per-million --format csv
  tallybrook costs report --start 2026-03-01 --end 2026-03-31
  tallybrook costs budget --override 24 --reason "end of month"

List prices of one region and month, which the output names. report and budget ask a running
product; the others send nothing anywhere."""

app = App(
    name="costs",
    help="Costs on AWS: report, budget, estimate, whatif, per-million.",
    help_epilogue=EXAMPLES,
)


@app.command
def report(
    *,
    start: str | None = None,
    end: str | None = None,
    json: AsJson = False,
    csv: Annotated[bool, Parameter(name="--csv")] = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """What was used, in dollars: by function, service, account and day, with a projection.

    Parameters
    ----------
    start
        First day (UTC). Default: the first of this month.
    end
        Last day. Default: today.
    csv
        A line for each day, account, function and meter; their sum is the report's.
    """
    from tallybrook.entrypoints.cli.reporting import show_report

    show_report(url, key, start, end, as_json=json, as_csv=csv)


@app.command
def budget(
    *,
    override: Amount | None = None,
    reason: str = "",
    json: AsJson = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """How the month's budget stands, and what it has stopped.

    Parameters
    ----------
    override
        Let nothing stop for so many hours; 0 ends that.
    reason
        Why, for those who read it later.
    """
    from tallybrook.entrypoints.cli.reporting import show_budget

    show_budget(url, key, override, reason, as_json=json)


@app.command
def estimate(
    *,
    invocations: Count,
    duration_ms: Amount,
    memory_mb: Count,
    arch: Arch = "x86_64",
    init_ms: Amount = 0.0,
    cold_starts: Count | None = None,
    json: AsJson = False,
) -> None:
    """Cost of a Lambda function: requests and GB-seconds, without the free tier.

    Parameters
    ----------
    invocations
        How often it is called.
    duration_ms
        How long an invocation takes on average.
    memory_mb
        Its configured memory, which is what is billed.
    arch
        Its processor.
    init_ms
        Billed INIT of a cold start.
    cold_starts
        How many invocations had one. Default: all of them.
    """
    from tallybrook.entrypoints.cli.costing import show_estimate

    show_estimate(invocations, duration_ms, memory_mb, arch, init_ms, cold_starts, as_json=json)


@app.command
def whatif(
    *,
    mrr: Amount | None = None,
    events_per_day: Amount = 10_000,
    memory: Count | None = None,
    batch: Count = 1,
    window_s: Amount | None = None,
    arch: Arch = "arm64",
    json: AsJson = False,
) -> None:
    """A month's bill for events sent over HTTP, line by line.

    Parameters
    ----------
    mrr
        Monthly revenue in dollars, which chooses the tier. Default: CURRENT_MRR, else 0.
    events_per_day
        Events sent in a day.
    memory
        Memory in MB of the functions that collect and number, instead of the tier's.
    batch
        Events in a request.
    window_s
        Seconds that the stack waits for more events before it counts those it has. Default: 1.
    arch
        Processor of the functions.
    """
    from tallybrook.entrypoints.cli.costing import show_whatif

    show_whatif(mrr, events_per_day, memory, batch, window_s, arch, as_json=json)


@app.command
def per_million(
    *, mrr: Amount | None = None, arch: Arch = "arm64", format: OutputFormat = "table"
) -> None:
    """Dollars for a million events, from 1 000 to 100 000 000 a day, single and in batches of 100.

    Parameters
    ----------
    mrr
        Monthly revenue in dollars, which chooses the tier. Default: CURRENT_MRR, else 0.
    arch
        Processor of the functions.
    """
    from tallybrook.entrypoints.cli.costing import show_per_million

    show_per_million(mrr, arch, format)
