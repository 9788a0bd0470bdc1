"""``events``: everything that was accepted."""

from tallybrook.lake.tables.model import ACCOUNT, DAY, SEQ, Column, Partition, Person, Table

EVENTS = Table(
    name="events",
    description="One row for each accepted event.",
    columns=(
        Column("event_id", "VARCHAR", "The client's id, or a ULID given on arrival."),
        Column("event_type", "VARCHAR", "What happened."),
        Column("timestamp", "TIMESTAMP", "When it happened (UTC)."),
        Column("ingested_at", "TIMESTAMP", "When it arrived (UTC)."),
        Column("time_source", "VARCHAR", "Where timestamp is from: event, payload or arrival."),
        Column("user_id", "VARCHAR", "The known user, if any."),
        Column("anonymous_id", "VARCHAR", "The unknown visitor, if any."),
        Column("session_id", "VARCHAR", "The session, if any."),
        Column("properties", "VARCHAR", "JSON object, the text as received."),
        Column("context", "VARCHAR", "JSON object, the text as received."),
        SEQ,
    ),
    partitions=(
        ACCOUNT,
        Partition("date", DAY.type, "UTC day of timestamp; the partition to filter on.", "day"),
    ),
    sort=("event_type", "timestamp", "seq"),
    person=Person(("user_id", "anonymous_id")),
)
