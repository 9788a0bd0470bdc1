-- id: ocean_percentiles
-- name: OCEAN percentiles by industry
-- category: personality
-- description: Percentiles of each domain by industry, of the latest score of each person and inventory.
-- refresh: daily
-- parameter: days integer = 365 | How many days back scores count
-- parameter: min_people integer = 10 | Industries with fewer people are left out
-- columns: industry varchar, domain varchar, people bigint, p10 double, p25 double, p50 double, p75 double, p90 double
WITH ranked AS (
    SELECT anonymous_user_id, industry,
           openness, conscientiousness, extraversion, agreeableness, neuroticism,
           row_number() OVER (PARTITION BY anonymous_user_id, assessment_type
                              ORDER BY timestamp DESC, content DESC) AS place
    FROM ocean_scores
    WHERE year >= year(date_add('day', -{{days}}, current_date))
      AND timestamp >= date_add('day', -{{days}}, localtimestamp)
)
SELECT r.industry,
       t.domain,
       count(DISTINCT r.anonymous_user_id) AS people,
       approx_percentile(t.score, 0.1) AS p10,
       approx_percentile(t.score, 0.25) AS p25,
       approx_percentile(t.score, 0.5) AS p50,
       approx_percentile(t.score, 0.75) AS p75,
       approx_percentile(t.score, 0.9) AS p90
FROM ranked AS r
CROSS JOIN UNNEST(
    ARRAY['openness', 'conscientiousness', 'extraversion', 'agreeableness', 'neuroticism'],
    ARRAY[r.openness, r.conscientiousness, r.extraversion, r.agreeableness, r.neuroticism]
) AS t(domain, score)
WHERE r.place = 1 AND t.score IS NOT NULL AND r.industry IS NOT NULL
GROUP BY r.industry, t.domain
HAVING count(DISTINCT r.anonymous_user_id) >= {{min_people}}
ORDER BY r.industry, t.domain
