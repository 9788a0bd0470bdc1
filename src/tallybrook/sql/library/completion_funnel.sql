-- id: completion_funnel
-- name: Completion funnel
-- category: assessments
-- description: People who started, completed and got a report, each step after the one before.
-- refresh: hourly
-- parameter: days integer = 30 | How many days, today included
-- columns: step_number integer, step varchar, people bigint, share_of_first double, share_of_previous double
WITH steps AS (
    SELECT coalesce(user_id, anonymous_id) AS person,
           timestamp,
           seq,
           event_type IN ('assessment.started', 'assessment_started') AS starts,
           event_type IN ('assessment.completed', 'assessment_completed') AS completes,
           event_type IN ('report.generated', 'report_generated') AS reports
    FROM events
    WHERE date > date_add('day', -{{days}}, current_date)
      AND coalesce(user_id, anonymous_id) IS NOT NULL
),
after_start AS (
    SELECT person, timestamp, seq, starts, reports,
           completes AND bool_or(starts) OVER (PARTITION BY person ORDER BY timestamp, seq) AS completed
    FROM steps
),
after_completion AS (
    SELECT person, starts, completed,
           reports AND bool_or(completed) OVER (PARTITION BY person ORDER BY timestamp, seq) AS reported
    FROM after_start
),
people AS (
    SELECT bool_or(starts) AS started, bool_or(completed) AS completed, bool_or(reported) AS reported
    FROM after_completion
    GROUP BY person
),
counts AS (
    SELECT count(*) AS seen,
           count_if(started) AS started,
           count_if(completed) AS completed,
           count_if(reported) AS reported
    FROM people
)
SELECT t.step_number,
       t.step,
       t.people,
       CAST(t.people AS double) / nullif(c.seen, 0) AS share_of_first,
       CAST(t.people AS double) / nullif(lag(t.people) OVER (ORDER BY t.step_number), 0) AS share_of_previous
FROM counts AS c
CROSS JOIN UNNEST(
    ARRAY[1, 2, 3, 4],
    ARRAY['seen', 'started', 'completed', 'reported'],
    ARRAY[c.seen, c.started, c.completed, c.reported]
) AS t(step_number, step, people)
ORDER BY t.step_number
