"""``tallybrook tiers``: the table of tiers, and what another one would change."""

from cyclopts import App

from tallybrook.entrypoints.cli.options import DEFAULT_DATA, Amount, Arch, AsJson, Data

EXAMPLES = """Examples:
  tallybrook tiers show
  tallybrook tiers plan --mrr 5000
  tallybrook tiers set --mrr 1200
  CURRENT_MRR=1200 tallybrook tiers plan --mrr 10000 --events-per-day 20000

The present tier is that of CURRENT_MRR, which the stack and its functions read too."""

app = App(name="tiers", help="Tiers by monthly revenue: show, plan, set.", help_epilogue=EXAMPLES)


@app.command
def show(*, json: AsJson = False) -> None:
    """Show every tier; the present one is marked."""
    from tallybrook.entrypoints.cli.tiering import show_tiers

    show_tiers(as_json=json)


@app.command
def plan(
    *,
    mrr: Amount,
    events_per_day: Amount | None = None,
    arch: Arch = "arm64",
    json: AsJson = False,
) -> None:
    """Show what a monthly revenue would change in the stack, and in dollars a month.

    Parameters
    ----------
    mrr
        Monthly revenue in dollars. A tier begins with its lower bound.
    events_per_day
        Events sent in a day. Without it the dollars are those of a stack in which nothing happens.
    arch
        Processor of the functions.
    """
    from tallybrook.entrypoints.cli.tiering import show_plan

    show_plan(mrr, events_per_day, arch, as_json=json)


@app.command(name="set")
def set_(*, mrr: Amount, data: Data = DEFAULT_DATA) -> None:
    """Set the monthly revenue that a data directory goes by, and so its tier.

    CURRENT_MRR goes before it. A stack has it in its deployment: CURRENT_MRR and `infra deploy`.

    Parameters
    ----------
    mrr
        Monthly revenue in dollars. A tier begins with its lower bound.
    """
    from tallybrook.entrypoints.cli.tiering import set_tier

    set_tier(data, mrr)
