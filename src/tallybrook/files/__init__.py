"""Reading files row by row: CSV, NDJSON and JSON, gzipped or not, with flat memory."""

from tallybrook.files.rows import Fields, Row

__all__ = ["Fields", "Row"]
