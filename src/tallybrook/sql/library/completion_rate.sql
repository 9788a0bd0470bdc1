-- id: completion_rate
-- name: Completion rate
-- category: assessments
-- description: Of the assessments that were started, how many were completed, by device and type.
-- refresh: hourly
-- parameter: days integer = 7 | How many days back they were started, today included
-- columns: device varchar, assessment_type varchar, started bigint, completed bigint, rate double
WITH steps AS (
    SELECT json_extract_scalar(properties, '$.assessment_id') AS assessment,
           replace(event_type, '.', '_') AS step,
           coalesce(json_extract_scalar(properties, '$.device'), 'unknown') AS device,
           coalesce(json_extract_scalar(properties, '$.assessment_type'), 'unknown') AS kind
    FROM events
    WHERE date > date_add('day', -{{days}}, current_date)
      AND event_type IN ('assessment.started', 'assessment_started',
                         'assessment.completed', 'assessment_completed')
),
each_one AS (
    SELECT assessment,
           max(if(step = 'assessment_started', device)) AS device,
           max(if(step = 'assessment_started', kind)) AS kind,
           count_if(step = 'assessment_completed') > 0 AS completed
    FROM steps
    WHERE assessment IS NOT NULL
    GROUP BY assessment
    HAVING count_if(step = 'assessment_started') > 0
)
SELECT device,
       kind AS assessment_type,
       count(*) AS started,
       count_if(completed) AS completed,
       CAST(count_if(completed) AS double) / count(*) AS rate
FROM each_one
GROUP BY device, kind
ORDER BY started DESC, device, kind
