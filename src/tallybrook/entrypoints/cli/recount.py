"""``tallybrook recount``: every counter again from the records, compared or corrected."""

from typing import Annotated

from cyclopts import Parameter

from tallybrook.entrypoints.cli.options import DEFAULT_DATA, Data
from tallybrook.errors import UsageError

EXAMPLES = """Examples:
  tallybrook recount --verify
  tallybrook recount --since 2026-01-31T00:00:00Z
  tallybrook recount --remote acme --type items

Works on the data directory, beside a running product too. With --remote it works on a GraphQL API
of the Amplify kind: PLEXUS_API_URL or GRAPHQL_ENDPOINT, PLEXUS_API_KEY or GRAPHQL_API_KEY."""


def recount(
    *,
    verify: bool = False,
    since: Annotated[str | None, Parameter(name="--since")] = None,
    remote: Annotated[str | None, Parameter(name="--remote")] = None,
    record_type: Annotated[tuple[str, ...], Parameter(name="--type")] = (),
    data: Data = DEFAULT_DATA,
) -> int:
    """Count every record from scratch and correct the counters that differ.

    Parameters
    ----------
    verify
        Change nothing; print what differs and exit with 1 if anything does.
    since
        Only from the hour of this instant on. With --remote the default is the previous hour.
    remote
        An account of a GraphQL API: its records are read there, and its counts written there.
    record_type
        With --remote, a type to recount; may be given again. Default: every type that is known.
    """
    if remote is not None:
        from tallybrook.entrypoints.cli.recounting_remote import run_remote

        return run_remote(remote, record_type, since, verify=verify)
    if record_type:
        raise UsageError("--type goes with --remote")
    from tallybrook.entrypoints.cli.recounting import run

    return run(data, since, verify=verify)
