"""``tallybrook query``: SQL over the lake, through the public HTTP API."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import Parameter

from tallybrook.entrypoints.cli.options import DEFAULT_URL, Key, Url
from tallybrook.entrypoints.cli.output import OutputFormat, note, print_rows
from tallybrook.errors import UsageError

EXAMPLES = """Examples:
  tallybrook query --full-scan "SELECT event_type, count(*) FROM events GROUP BY 1"
  tallybrook query "SELECT user_id, event_type FROM events
      WHERE date >= date_add('day', -7, current_date) AND user_id = {{user}}
      LIMIT 10" --param user=user_0042
  tallybrook query - --format csv < report.sql > report.csv

A parameter is bound, never pasted into the statement."""


def query(
    sql: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    param: Annotated[list[str] | None, Parameter(name="--param", n_tokens=1)] = None,
    format: OutputFormat = "table",
    limit: int = 10_000,
    full_scan: bool = False,
    dry_run: bool = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Run one read-only SELECT and print its rows; what it scanned goes to stderr.

    Parameters
    ----------
    sql
        The statement, or - to read it from standard input.
    param
        NAME=VALUE, may be repeated: the value of {{NAME}}. 12, 1.5, true and null are typed,
        everything else is text; "12" in double quotes is text too.
    format
        How the rows are printed.
    limit
        At most so many rows; it is said when there are more.
    dry_run
        Only say what it would scan and cost.
    full_scan
        Allow a statement without a filter on the partitions.
    """
    from tallybrook.entrypoints.cli.api import Api
    from tallybrook.entrypoints.cli.querying import ask

    text = sys.stdin.read() if sql == "-" else sql
    if not text.strip():
        raise UsageError("the statement is empty")
    asked = {
        "sql": text,
        "parameters": parameters(param or []),
        "limit": limit,
        "full_scan": full_scan,
        "dry_run": dry_run,
    }
    with Api(url, key, patience_s=10.0) as api:
        answer = ask(api, asked)
    names = [column["name"] for column in answer["columns"]]
    if not dry_run:
        print_rows(names, answer["rows"], format)
    for line in closing_lines(len(answer["rows"]), answer["metadata"], dry_run=dry_run):
        note(line)


def parameters(given: list[str]) -> dict[str, Any]:
    """``NAME=VALUE`` pairs as typed values. Raises ``UsageError``."""
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--param {text}: write NAME=VALUE")
        pairs[name] = _typed(value)
    return pairs


def _typed(text: str) -> Any:
    import msgspec

    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return text if isinstance(value, dict | list) else value


def closing_lines(rows: int, metadata: dict[str, Any], *, dry_run: bool) -> Iterator[str]:
    """What a person wants to know beside the rows."""
    scanned, cost = metadata["scanned_bytes"], metadata["estimated_usd"]
    if dry_run:
        yield f"would scan {scanned:,} bytes, about ${cost:.6f} on Athena"
    else:
        yield f"{rows} rows, {metadata['execution_ms']:.0f} ms, {scanned:,} bytes scanned"
    if metadata.get("truncated"):
        yield f"there are more rows; these are the first {rows} (--limit)"
    for hint in metadata.get("hints") or ():
        yield f"hint: {hint}"
