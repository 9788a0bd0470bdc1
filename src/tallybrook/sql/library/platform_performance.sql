-- id: platform_performance
-- name: Platform performance
-- category: assessments
-- description: Assessments, people and the time they took, by platform and device.
-- refresh: daily
-- parameter: days integer = 30 | How many days, today included
-- columns: platform varchar, device varchar, assessments bigint, people bigint, median_seconds bigint, p90_seconds bigint, share double
WITH ranked AS (
    SELECT assessment_id, anonymous_user_id, platform, device, completion_time,
           row_number() OVER (PARTITION BY assessment_id
                              ORDER BY timestamp DESC, content DESC) AS place
    FROM assessment_events
    WHERE date >= date_format(date_add('day', 1 - {{days}}, current_date), '%Y/%m/%d')
)
SELECT platform,
       device,
       count(*) AS assessments,
       count(DISTINCT anonymous_user_id) AS people,
       approx_percentile(completion_time, 0.5) AS median_seconds,
       approx_percentile(completion_time, 0.9) AS p90_seconds,
       CAST(count(*) AS double) / sum(count(*)) OVER () AS share
FROM ranked
WHERE place = 1
GROUP BY platform, device
ORDER BY assessments DESC, platform, device
