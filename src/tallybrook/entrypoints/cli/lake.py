"""``tallybrook lake``: looking after the tables that SQL reads."""

from typing import Annotated

from cyclopts import App, Parameter

from tallybrook.entrypoints.cli.options import DEFAULT_DATA, AsJson, Data
from tallybrook.entrypoints.cli.output import OutputFormat

EXAMPLES = """Examples:
  tallybrook lake tables
  tallybrook lake compact --dry-run
  tallybrook lake retention events=400 --dry-run
  tallybrook lake erase-user user-17 --also visitor-3 --account default
  tallybrook lake ddl --bucket acme-lake

They work beside a running product, which then does it. With TALLYBROOK_BACKEND=aws they work on a
stack, once its own writer is done with its turn."""

app = App(
    name="lake",
    help="The tables of SQL: tables, ddl, compact, expire, retention, refresh, erase-user.",
    help_format="plaintext",
    help_epilogue=EXAMPLES,
)

DryRun = Annotated[bool, Parameter(name="--dry-run", help="Tell what would be done, do nothing.")]


@app.command
def tables(
    *, account: str = "default", format: OutputFormat = "table", data: Data = DEFAULT_DATA
) -> None:
    """List the tables with their files, rows and bytes.

    Parameters
    ----------
    account
        Whose.
    """
    from tallybrook.entrypoints.cli.laking import list_tables

    list_tables(data, account, format)


@app.command
def ddl(
    *,
    bucket: str = "BUCKET",
    database: str = "tallybrook",
    table: str | None = None,
) -> None:
    """Print the statements that make the tables in Athena.

    Parameters
    ----------
    bucket
        The stack's bucket.
    database
        The database of the Glue catalog.
    table
        Only this one.
    """
    from tallybrook.entrypoints.cli.laking import print_ddl

    print_ddl(bucket, database, table)


@app.command
def compact(*, dry_run: DryRun = False, json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Merge small files of every partition. The files they were stay ten minutes for who reads
    them.
    """
    from tallybrook.entrypoints.cli.laking import run

    run(data, json, op="compact", dry_run=dry_run)


@app.command
def expire(*, dry_run: DryRun = False, json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Delete the files that were replaced ten minutes ago or more. A product does it by itself."""
    from tallybrook.entrypoints.cli.laking import run

    run(data, json, op="expire", dry_run=dry_run)


@app.command
def retention(
    *days: str, dry_run: DryRun = False, json: AsJson = False, data: Data = DEFAULT_DATA
) -> None:
    """Let go rows that are older than whole UTC days, in every account.

    Parameters
    ----------
    days
        Tables and days, as events=400; those of TALLYBROOK_LAKE_RETENTION where none are given.
    """
    from tallybrook.entrypoints.cli.laking import retain

    retain(data, json, days, dry_run)


@app.command
def refresh(*, dry_run: DryRun = False, json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Make user_engagement and industry_benchmarks again where their sources have changed."""
    from tallybrook.entrypoints.cli.laking import run

    run(data, json, op="refresh", dry_run=dry_run)


@app.command(name="erase-user")
def erase_user(
    user: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    also: tuple[str, ...] = (),
    account: Annotated[str, Parameter(help="The account the user is in.")] = "default",
    dry_run: DryRun = False,
    json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Take a user's rows out of every file of every table, under their id and their pseudonyms.

    What came so far goes, also what is in the log alone; the log itself, counters and scores are
    not touched. Do it before `tallybrook privacy forget`, which loses the pseudonyms.

    Parameters
    ----------
    user
        The user's id, or - to read it from standard input, which leaves no trace in a history.
    also
        Further ids of the same person: anonymous ids, pseudonyms.
    """
    from tallybrook.entrypoints.cli.laking import erase

    erase(data, json, account, user, also, dry_run)
