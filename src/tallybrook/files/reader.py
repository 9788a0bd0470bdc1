"""The rows of an open source in its format."""

from tallybrook.files.csv_rows import csv_rows
from tallybrook.files.json_rows import json_rows, ndjson_rows
from tallybrook.files.rows import Rows
from tallybrook.files.source import Format, Source


def read_rows(source: Source, fmt: Format, *, numbers: bool = True) -> Rows:
    """Stream the rows, oldest first; memory does not grow with the file.

    ``numbers``: number-like CSV cells become JSON numbers. Raises ``MalformedError`` when the
    file as a whole cannot be read on (damaged gzip, a header that is none).
    """
    if fmt == "csv":
        return csv_rows(source.stream, numbers=numbers)
    return ndjson_rows(source.stream) if fmt == "ndjson" else json_rows(source.stream)
