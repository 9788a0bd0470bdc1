"""``user_engagement`` and ``industry_benchmarks``: worked out of other tables, and refreshed."""

from tallybrook.lake.tables.assessments import INVENTORY
from tallybrook.lake.tables.model import ACCOUNT, DAY, Column, Person, Table

USER_ENGAGEMENT = Table(
    name="user_engagement",
    description="One row for each user and UTC day with an event, refreshed from events.",
    columns=(
        Column("user_id", "VARCHAR", "user_id of the events, else their anonymous_id."),
        Column("is_known", "BOOLEAN", "Whether it is a user_id."),
        Column("sessions", "BIGINT", "Sessions: by session_id, else parted by 30 quiet minutes."),
        Column("events", "BIGINT", "Events."),
        Column("event_types", "BIGINT", "Different event types."),
        Column("page_views", "BIGINT", "Events page_view, page and screen."),
        Column(
            "assessments_started", "BIGINT", "Events `assessment.started` or `assessment_started`."
        ),
        Column(
            "assessments_completed",
            "BIGINT",
            "Events `assessment.completed` or `assessment_completed`.",
        ),
        Column("active_minutes", "BIGINT", "Minutes of the day with an event."),
        Column("session_s", "DOUBLE", "Seconds from first to last event, over the sessions."),
        Column("first_at", "TIMESTAMP", "The first event (UTC)."),
        Column("last_at", "TIMESTAMP", "The last event (UTC)."),
    ),
    partitions=(ACCOUNT, DAY),
    sort=("user_id",),
    time=None,
    person=Person(("user_id",)),
    source="refresh",
)

INDUSTRY_BENCHMARKS = Table(
    name="industry_benchmarks",
    description="How scores are spread in each industry, by the latest score of each person and"
    " inventory. Refreshed; industries with too few people are left out.",
    columns=(
        Column("industry", "VARCHAR", "Industry, one of a list or other."),
        Column("domain", "VARCHAR", "openness, conscientiousness, extraversion, …"),
        Column("people", "BIGINT", "People with a score."),
        Column("mean", "DOUBLE", "Mean score, 0 to 100."),
        Column("std_dev", "DOUBLE", "Standard deviation (n − 1), in points."),
        Column("min_people", "BIGINT", "Fewest people behind a row when it was made."),
        Column("refreshed_at", "TIMESTAMP", "When it was made (UTC)."),
    ),
    partitions=(
        ACCOUNT,
        INVENTORY,
    ),
    sort=("domain", "industry"),
    time=None,
    source="refresh",
)
