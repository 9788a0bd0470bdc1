"""The lake: events as partitioned Parquet, seconds behind the log."""
