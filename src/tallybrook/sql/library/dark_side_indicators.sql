-- id: dark_side_indicators
-- name: Indicators
-- category: personality
-- description: Mean and spread of each indicator, of the latest score of each person. No diagnosis, no cut-offs.
-- refresh: weekly
-- parameter: days integer = 365 | How many days back scores count
-- parameter: min_people integer = 10 | Indicators of fewer people are left out
-- columns: indicator varchar, people bigint, mean double, std_dev double, p50 double, p90 double
WITH ranked AS (
    SELECT anonymous_user_id, dark_side_indicators,
           row_number() OVER (PARTITION BY anonymous_user_id
                              ORDER BY timestamp DESC, assessment_type, content DESC) AS place
    FROM ocean_scores
    WHERE year >= year(date_add('day', -{{days}}, current_date))
      AND timestamp >= date_add('day', -{{days}}, localtimestamp)
      AND cardinality(dark_side_indicators) > 0
)
SELECT t.indicator,
       count(*) AS people,
       avg(t.score) AS mean,
       stddev_samp(t.score) AS std_dev,
       approx_percentile(t.score, 0.5) AS p50,
       approx_percentile(t.score, 0.9) AS p90
FROM ranked AS r
CROSS JOIN UNNEST(r.dark_side_indicators) AS t(indicator, score)
WHERE r.place = 1 AND t.score IS NOT NULL
GROUP BY t.indicator
HAVING count(*) >= {{min_people}}
ORDER BY t.indicator
