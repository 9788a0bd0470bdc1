"""``tallybrook alerts``: rules tried before they are switched on."""

from typing import Annotated

from cyclopts import App, Parameter

from tallybrook.entrypoints.cli.options import DEFAULT_DATA, Data

EXAMPLES = """Examples:
  tallybrook alerts backtest low_health_score
  tallybrook alerts backtest many_calls --entities my-entities.toml --since 2026-01-01"""

app = App(name="alerts", help="Rules that alert.", help_format="plaintext", help_epilogue=EXAMPLES)


@app.command(help_epilogue=EXAMPLES)
def backtest(
    rule: str,
    /,
    *,
    since: str | None = None,
    entities: Annotated[
        str, Parameter(name="--entities", env_var="TALLYBROOK_ENTITIES")
    ] = "tutoring",
    data: Data = DEFAULT_DATA,
) -> int:
    """Tell when a rule would have fired on what was collected; changes and sends nothing.

    Parameters
    ----------
    rule
        The rule's name in the definitions.
    since
        Only from this instant on. What came before is taken into account.
    entities
        The definitions: a built-in name or a TOML file.
    """
    from tallybrook.entrypoints.cli.backtesting import run

    return run(rule, since, entities, data)
