"""``tallybrook recount``: every counter again from the records, compared or corrected."""

from typing import Annotated

from cyclopts import Parameter

from tallybrook.entrypoints.cli.options import DEFAULT_DATA, Data

EXAMPLES = """Examples:
  tallybrook recount --verify
  tallybrook recount --since 2026-01-31T00:00:00Z

Works on the data directory, beside a running product too."""


def recount(
    *,
    verify: bool = False,
    since: Annotated[str | None, Parameter(name="--since")] = None,
    data: Data = DEFAULT_DATA,
) -> int:
    """Count every record from scratch and correct the counters that differ.

    Parameters
    ----------
    verify
        Change nothing; print what differs and exit with 1 if anything does.
    since
        Only from the hour of this instant on.
    """
    from tallybrook.entrypoints.cli.recounting import run

    return run(data, since, verify=verify)
