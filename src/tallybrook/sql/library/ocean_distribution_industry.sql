-- id: ocean_distribution_industry
-- name: OCEAN distribution by industry
-- category: personality
-- description: Mean, spread and shares of low, middle and high scores by industry, where enough people are.
-- refresh: weekly
-- parameter: days integer = 365 | How many days back scores count
-- parameter: min_people integer = 100 | Industries with fewer people are left out
-- columns: industry varchar, domain varchar, people bigint, mean double, std_dev double, low double, middle double, high double
WITH ranked AS (
    SELECT anonymous_user_id, industry,
           openness, conscientiousness, extraversion, agreeableness, neuroticism,
           row_number() OVER (PARTITION BY anonymous_user_id
                              ORDER BY timestamp DESC, assessment_type, content DESC) AS place
    FROM ocean_scores
    WHERE year >= year(date_add('day', -{{days}}, current_date))
      AND timestamp >= date_add('day', -{{days}}, localtimestamp)
)
SELECT r.industry,
       t.domain,
       count(*) AS people,
       avg(t.score) AS mean,
       stddev_samp(t.score) AS std_dev,
       CAST(count_if(t.score < 40e0) AS double) / count(*) AS low,
       CAST(count_if(t.score >= 40e0 AND t.score <= 60e0) AS double) / count(*) AS middle,
       CAST(count_if(t.score > 60e0) AS double) / count(*) AS high
FROM ranked AS r
CROSS JOIN UNNEST(
    ARRAY['openness', 'conscientiousness', 'extraversion', 'agreeableness', 'neuroticism'],
    ARRAY[r.openness, r.conscientiousness, r.extraversion, r.agreeableness, r.neuroticism]
) AS t(domain, score)
WHERE r.place = 1 AND t.score IS NOT NULL AND r.industry IS NOT NULL
GROUP BY r.industry, t.domain
HAVING count(*) >= {{min_people}}
ORDER BY r.industry, t.domain
