"""``tallybrook ingest``: a file's rows as events, through the public HTTP API."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from tallybrook.entrypoints.cli.options import DEFAULT_URL, Key, Url

EXAMPLES = """Examples:
  tallybrook ingest events.ndjson
  tallybrook ingest shop.csv.gz --map event_type=event
  tallybrook ingest flights.csv --set event_type=flight --map user_id=tailnum \\
      --map timestamp=time_hour --rejects rejects.ndjson
  zcat events.ndjson.gz | tallybrook ingest -

Rows without an id get one made of their place and content, so the same file
sent twice counts once. Exit code 1 when a row was rejected."""


def ingest(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    url: Url = DEFAULT_URL,
    key: Key = None,
    format: Literal["csv", "ndjson", "json"] | None = None,
    map: Annotated[list[str] | None, Parameter(name="--map", n_tokens=1)] = None,
    set: Annotated[list[str] | None, Parameter(name="--set", n_tokens=1)] = None,
    batch: int = 500,
    source: str = "",
    text: bool = False,
    rejects: Path | None = None,
    retry_for: float = 120.0,
) -> int:
    """Send the rows of a CSV, NDJSON or JSON file, gzipped or not, as events.

    Streams: memory does not grow with the file. What the product refuses for the moment is
    retried; a row it rejects is named with its number and the others go on.

    Parameters
    ----------
    file
        The file, or - for standard input.
    format
        What the file is. Told by its name or its first bytes when not given.
    map
        FIELD=COLUMN, may be repeated: the event field and the column (or path.in.json) it comes
        from. Columns that are no event field become properties.
    set
        FIELD=VALUE, may be repeated: the same value for every row.
    batch
        Events a request, at most 500.
    source
        Mixed into the ids made for rows, for files that hold equal rows at equal places.
    text
        Keep CSV cells that look like numbers as text.
    rejects
        Write rejected rows there as NDJSON instead of naming them on stderr.
    retry_for
        Seconds to go on trying when the product is away or over its limits.
    """
    from tallybrook.entrypoints.cli.sending import Job, run

    return run(
        Job(
            file=file, url=url, key=key, fmt=format, maps=map or [], sets=set or [],
            batch=batch, source=source, text=text, rejects=rejects, patience_s=retry_for,
        )
    )  # fmt: skip
