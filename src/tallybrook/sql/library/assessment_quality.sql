-- id: assessment_quality
-- name: Assessment quality
-- category: assessments
-- description: How complete and consistent assessments were, and how long they took, by type and version.
-- refresh: daily
-- parameter: days integer = 30 | How many days, today included
-- columns: assessment_type varchar, version varchar, assessments bigint, mean_completeness double, mean_consistency double, inconsistent double, unscored double, median_seconds bigint
WITH scores AS (
    SELECT assessment_id, assessment_type, version, completeness, consistency, openness,
           row_number() OVER (PARTITION BY assessment_id
                              ORDER BY timestamp DESC, content DESC) AS place
    FROM ocean_scores
    WHERE year >= year(date_add('day', 1 - {{days}}, current_date))
      AND timestamp >= date_add('day', 1 - {{days}}, current_date)
),
times AS (
    SELECT assessment_id, completion_time,
           row_number() OVER (PARTITION BY assessment_id
                              ORDER BY timestamp DESC, content DESC) AS place
    FROM assessment_events
    WHERE date >= date_format(date_add('day', 1 - {{days}}, current_date), '%Y/%m/%d')
)
SELECT s.assessment_type,
       s.version,
       count(*) AS assessments,
       avg(s.completeness) AS mean_completeness,
       avg(s.consistency) AS mean_consistency,
       CAST(count_if(s.consistency < 3e-1) AS double) / nullif(count(s.consistency), 0) AS inconsistent,
       CAST(count_if(s.openness IS NULL) AS double) / count(*) AS unscored,
       approx_percentile(t.completion_time, 0.5) AS median_seconds
FROM scores AS s
LEFT JOIN times AS t ON t.assessment_id = s.assessment_id AND t.place = 1
WHERE s.place = 1
GROUP BY s.assessment_type, s.version
ORDER BY assessments DESC, s.assessment_type, s.version
