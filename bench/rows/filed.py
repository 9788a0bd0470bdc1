"""A long NDJSON file: how quick its rows are worked off, and in how much memory."""

from bench.files import measure
from bench.row import Goal, Options, Row, absolute


def files(options: Options) -> list[Row]:
    """A file of 300 MB (quick: 20 MB), one row in a thousand of which is broken."""
    size_mb = 20.0 if options.quick else 300.0
    found = measure(size_mb, options.scratch)
    if found.accepted + found.rejected != found.rows:
        raise RuntimeError(f"of {found.rows} rows {found.accepted + found.rejected} were taken in")
    name = f"{size_mb:g} MB of NDJSON"
    note = f"{found.rows} rows; the process that reads, checks and hands over rows"
    return [
        absolute(f"{name}, most memory", [found.peak_mb], "MB", Goal(128, "<=", " MB"), note),
        absolute(f"{name}, rows taken in", [found.rows / found.seconds], "/s"),
    ]
