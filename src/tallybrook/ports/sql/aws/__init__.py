"""The SQL engines of a stack: DuckDB inside a function, and Athena before it in higher tiers."""

from tallybrook.ports.sql.aws.duck import (
    SMALLEST_QUERY_BYTES,
    aws_source,
    limits_of,
    open_engine,
)

__all__ = ["SMALLEST_QUERY_BYTES", "aws_source", "limits_of", "open_engine"]
