"""``cost_tracking``: what functions, queries and storage took, from the events ``cost_metrics``."""

from tallybrook.lake.tables.model import ACCOUNT, MONTH, SEQ, YEAR, Column, Table

EVENT_TYPE = "cost_metrics"

COST_TRACKING = Table(
    name="cost_tracking",
    description="One row for each event cost_metrics: what a function or service took in a while.",
    columns=(
        Column("timestamp", "TIMESTAMP", "Start of what was measured (UTC)."),
        Column("date", "DATE", "UTC day of timestamp."),
        Column("service", "VARCHAR", "lambda, athena, s3, dynamodb, …"),
        Column("function", "VARCHAR", "The function, query or store."),
        Column("invocations", "BIGINT", "How often it ran."),
        Column("avg_duration_ms", "DOUBLE", "Mean duration, in milliseconds."),
        Column("avg_memory_mb", "DOUBLE", "Mean memory used, in MiB."),
        Column("memory_mb", "DOUBLE", "Memory it is given, in MiB; this is what is billed."),
        Column("init_ms", "DOUBLE", "Billed initialisation in all, in milliseconds."),
        Column("bytes", "BIGINT", "Bytes scanned, stored or sent."),
        Column("estimated_cost_usd", "DOUBLE", "What it costs by the price table, in dollars."),
        Column("cost_per_invocation_usd", "DOUBLE", "The same for one run; null without a run."),
        Column("event_id", "VARCHAR", "Id of the event."),
        SEQ,
    ),
    partitions=(ACCOUNT, YEAR, MONTH),
    sort=("date", "service", "function", "timestamp", "seq"),
)
