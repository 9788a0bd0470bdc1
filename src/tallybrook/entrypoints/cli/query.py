"""``tallybrook query``: SQL over the lake, through the public HTTP API."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from cyclopts import Parameter

from tallybrook.entrypoints.cli.options import DEFAULT_URL, Key, Url
from tallybrook.entrypoints.cli.output import note, print_rows
from tallybrook.errors import UsageError

EXAMPLES = """Examples:
  tallybrook query --full-scan "SELECT event_type, count(*) FROM events GROUP BY 1"
  tallybrook query "SELECT user_id, event_type FROM events
      WHERE date >= date_add('day', -7, current_date) AND user_id = {{user}}
      LIMIT 10" --param user=user_0042
  tallybrook query - --format csv < report.sql > report.csv
  tallybrook query --saved daily_active_users --param days=7
  tallybrook query --saved ocean_percentiles --output percentiles.xlsx

A parameter is bound, never pasted into the statement. With --output the server makes the file, of
all rows; its form is that of the name's ending (csv, ndjson, xlsx, parquet) or of --format."""

FORMATS = ("csv", "ndjson", "xlsx", "parquet")
QueryFormat = Literal["table", "json", "csv", "ndjson", "xlsx", "parquet"]


def query(
    sql: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    saved: str | None = None,
    param: Annotated[list[str] | None, Parameter(name="--param", n_tokens=1)] = None,
    format: QueryFormat | None = None,
    output: Path | None = None,
    limit: int | None = None,
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
    saved
        The id of a saved query to run instead of a statement (`tallybrook queries list`).
    param
        NAME=VALUE, may be repeated: the value of {{NAME}}. 12, 1.5, true and null are typed,
        everything else is text; "12" in double quotes is text too.
    format
        How the rows are printed: table unless said. xlsx and parquet are files.
    output
        A file to write all rows to.
    limit
        At most so many rows (10000 unless said; a file has all); it is said when there are more.
    dry_run
        Only say what it would scan and cost.
    full_scan
        Allow a statement without a filter on the partitions.
    """
    from tallybrook.entrypoints.cli.api import Api
    from tallybrook.entrypoints.cli.querying import ask, download

    path, asked = _asked(sql, saved)
    asked |= {"parameters": parameters(param or []), "limit": limit, "dry_run": dry_run}
    if full_scan and saved is None:
        asked["full_scan"] = True
    with Api(url, key, patience_s=10.0) as api:
        if not dry_run and (output is not None or format in ("xlsx", "parquet")):
            form, to = _file(format, output)
            metadata = download(api, path, asked | {"format": form}, to)
            for line in closing_lines(metadata["rows"] or 0, metadata, dry_run=False):
                note(line)
            return
        answer = ask(api, asked, path)
    names = [column["name"] for column in answer["columns"]]
    if not dry_run:
        print_rows(names, answer["rows"], format or "table")  # type: ignore[arg-type]
    for line in closing_lines(len(answer["rows"]), answer["metadata"], dry_run=dry_run):
        note(line)


def _asked(sql: str | None, saved: str | None) -> tuple[str, dict[str, Any]]:
    """Where to ask, and the question."""
    if (sql is None) == (saved is None):
        raise UsageError("give a statement, or --saved with the id of a saved query")
    if saved is not None:
        return f"/queries/{quote(saved, safe='')}/run", {}
    text = sys.stdin.read() if sql == "-" else sql or ""
    if not text.strip():
        raise UsageError("the statement is empty")
    return "/query", {"sql": text}


def _file(format: QueryFormat | None, output: Path | None) -> tuple[str, Path]:
    if output is None:
        raise UsageError(f"{format} is a file: give --output")
    form = format or output.suffix.lstrip(".").lower()
    if form not in FORMATS:
        raise UsageError(f"--output: the form is one of {', '.join(FORMATS)}")
    return form, output


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
        how = "from the cache" if metadata.get("from_cache") else f"{scanned:,} bytes scanned"
        yield f"{rows} rows, {metadata['execution_ms']:.0f} ms, {how}"
    if metadata.get("truncated"):
        yield f"there are more rows; these are the first {rows} (--limit)"
    for hint in metadata.get("hints") or ():
        yield f"hint: {hint}"
