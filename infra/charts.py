"""What the QuickSight dashboard shows, and the statements that ask for it."""

from msgspec import Struct

from infra.settings import StackSettings
from tallybrook.lake.ddl import database_of
from tallybrook.sql.athena import athena


class Chart(Struct, frozen=True):
    """A data set and the chart of it: the sum of ``value`` by day, a line for each ``split``.

    ``columns`` are the statement's, with QuickSight's names of their types.
    """

    name: str
    title: str
    sql: str
    columns: tuple[tuple[str, str], ...]
    value: str
    split: str


CHARTS = (
    Chart(
        "events", "Events by day and type",
        "SELECT date AS day, event_type, count(*) AS events FROM events"
        " WHERE date > date_add('day', -90, current_date) GROUP BY 1, 2",
        (("day", "DATETIME"), ("event_type", "STRING"), ("events", "INTEGER")),
        "events", "event_type",
    ),
    Chart(
        "assessments", "Assessments by day and inventory",
        "SELECT CAST(date_trunc('day', timestamp) AS date) AS day, assessment_type,"
        " count(*) AS assessments FROM ocean_scores"
        " WHERE year >= year(current_date) - 1 GROUP BY 1, 2",
        (("day", "DATETIME"), ("assessment_type", "STRING"), ("assessments", "INTEGER")),
        "assessments", "assessment_type",
    ),
    Chart(
        "costs", "Estimated dollars by day and service",
        "SELECT CAST(date_trunc('day', timestamp) AS date) AS day, service,"
        " sum(estimated_cost_usd) AS usd FROM cost_tracking"
        " WHERE year >= year(current_date) - 1 GROUP BY 1, 2",
        (("day", "DATETIME"), ("service", "STRING"), ("usd", "DECIMAL")), "usd", "service",
    ),
)  # fmt: skip


def statement(chart: Chart, settings: StackSettings) -> str:
    """The chart's statement as Athena gets it: judged by the guard, of the named account alone."""
    return athena(
        chart.sql,
        {},
        account_id=settings.quicksight_account,
        database=database_of(settings.stack),
        now_us=0,
    ).sql
