-- id: facet_deep_dive
-- name: Facets
-- category: personality
-- description: Each facet's scores, of the latest score of each person and inventory.
-- refresh: weekly
-- parameter: days integer = 365 | How many days back scores count
-- parameter: min_people integer = 10 | Facets of fewer people are left out
-- columns: facet varchar, people bigint, mean double, std_dev double, p25 double, p50 double, p75 double, mean_responses double, mean_spread double
WITH ranked AS (
    SELECT anonymous_user_id, facets,
           row_number() OVER (PARTITION BY anonymous_user_id, assessment_type
                              ORDER BY timestamp DESC, content DESC) AS place
    FROM ocean_scores
    WHERE year >= year(date_add('day', -{{days}}, current_date))
      AND timestamp >= date_add('day', -{{days}}, localtimestamp)
),
each_one AS (
    SELECT r.anonymous_user_id,
           t.facet,
           t.detail.score AS score,
           t.detail.responses AS responses,
           t.detail.std_dev AS spread
    FROM ranked AS r
    CROSS JOIN UNNEST(r.facets) AS t(facet, detail)
    WHERE r.place = 1
)
SELECT facet,
       count(DISTINCT anonymous_user_id) AS people,
       avg(score) AS mean,
       stddev_samp(score) AS std_dev,
       approx_percentile(score, 0.25) AS p25,
       approx_percentile(score, 0.5) AS p50,
       approx_percentile(score, 0.75) AS p75,
       avg(responses) AS mean_responses,
       avg(spread) AS mean_spread
FROM each_one
WHERE score IS NOT NULL
GROUP BY facet
HAVING count(DISTINCT anonymous_user_id) >= {{min_people}}
ORDER BY facet
