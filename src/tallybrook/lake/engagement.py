"""``user_engagement``: a row for each user and UTC day, worked out of that day's events."""

from collections import defaultdict
from collections.abc import Iterator

from tallybrook.lake.refreshing import Part, source_of
from tallybrook.lake.scan import literal, select_files
from tallybrook.lake.tables import EVENTS, USER_ENGAGEMENT
from tallybrook.lake.tables.assessments import EVENT_TYPE as SCORED
from tallybrook.lake.tables.usage import EVENT_TYPE as COSTS
from tallybrook.lake.write import MERGE_LEVEL, copy
from tallybrook.lake.writing import Writer
from tallybrook.ports.lake import DataFile

QUIET = "INTERVAL 30 MINUTE"
"""What parts two sessions of events that name none, as web analytics has it."""

_OURS = f"({literal(SCORED)}, {literal(COSTS)})"
"""Events that tell of a person or a cost, and are nobody's doing."""

_QUERY = """
WITH mine AS (
    SELECT coalesce(user_id, anonymous_id) AS who, user_id IS NOT NULL AS is_known, session_id,
        event_type, "timestamp" AS came, seq
    FROM ({events})
    WHERE coalesce(user_id, anonymous_id) IS NOT NULL AND event_type NOT IN {ours}
), marked AS (
    SELECT *, CASE WHEN session_id IS NULL THEN coalesce(
        came - lag(came) OVER (PARTITION BY who, is_known, session_id ORDER BY came, seq)
            >= {quiet}, true)::INTEGER ELSE 0 END AS starts
    FROM mine
), numbered AS (
    SELECT *, sum(starts) OVER (
        PARTITION BY who, is_known, session_id ORDER BY came, seq ROWS UNBOUNDED PRECEDING) AS run
    FROM marked
), sessions AS (
    SELECT who, is_known, max(came) - min(came) AS lasted
    FROM numbered GROUP BY who, is_known, session_id, run
), by_session AS (
    SELECT who, is_known, count(*) AS sessions, sum(epoch_us(lasted)) / 1e6 AS session_s
    FROM sessions GROUP BY who, is_known
)
SELECT who AS user_id, is_known, any_value(sessions)::BIGINT AS sessions,
    count(*)::BIGINT AS events, count(DISTINCT event_type)::BIGINT AS event_types,
    (count(*) FILTER (event_type IN ('page_view', 'page', 'screen')))::BIGINT AS page_views,
    (count(*) FILTER (event_type IN ('assessment_started', 'assessment.started')))::BIGINT
        AS assessments_started,
    (count(*) FILTER (event_type IN ('assessment_completed', 'assessment.completed')))::BIGINT
        AS assessments_completed,
    count(DISTINCT date_trunc('minute', came))::BIGINT AS active_minutes,
    any_value(session_s)::DOUBLE AS session_s, min(came) AS first_at, max(came) AS last_at,
    {account} AS account_id, CAST({day} AS DATE) AS date
FROM mine JOIN by_session USING (who, is_known)
GROUP BY who, is_known
"""


class Engagement:
    """``Refreshable``: a part a day."""

    def parts(self, writer: Writer, account_id: str) -> Iterator[Part]:
        snapshot = writer.store.snapshot(account_id)
        old = _by_day(snapshot.of(USER_ENGAGEMENT.name))
        for day, files in _by_day(snapshot.of(EVENTS.name)).items():
            source = source_of(files)
            if [file.source for file in old[day]] != [source]:
                yield Part(account_id, day, source, files, old[day])

    def make(self, writer: Writer, part: Part) -> list[DataFile]:
        located = list(zip(part.files, writer.store.locate(part.files), strict=True))
        query = _QUERY.format(
            events=select_files(EVENTS, located), ours=_OURS, quiet=QUIET,
            account=literal(part.account_id), day=literal(part.name),
        )  # fmt: skip
        return copy(
            writer.engine, writer.store, f"SELECT * FROM ({query})", USER_ENGAGEMENT, MERGE_LEVEL,
            part.source,
        )  # fmt: skip


def _by_day(files: list[DataFile]) -> dict[str, list[DataFile]]:
    days: dict[str, list[DataFile]] = defaultdict(list)
    for file in files:
        days[file.values["date"]].append(file)
    return days
