-- id: revenue_by_cohort
-- name: Revenue by cohort
-- category: revenue
-- description: What users brought (usd of user.upgraded), by the month of their first event and months since.
-- refresh: daily
-- parameter: months integer = 12 | How many months, the present one included
-- columns: cohort date, month_number bigint, users bigint, payers bigint, usd double, usd_per_user double
WITH mine AS (
    SELECT user_id,
           date_trunc('month', date) AS month,
           min(date_trunc('month', date)) OVER (PARTITION BY user_id) AS cohort,
           if(event_type IN ('user.upgraded', 'user_upgraded'),
              TRY_CAST(json_extract_scalar(properties, '$.usd') AS double)) AS usd
    FROM events
    WHERE date >= date_add('month', 1 - {{months}}, date_trunc('month', current_date))
      AND user_id IS NOT NULL
),
sizes AS (
    SELECT cohort, count(DISTINCT user_id) AS users
    FROM mine
    GROUP BY cohort
)
SELECT m.cohort,
       date_diff('month', m.cohort, m.month) AS month_number,
       s.users,
       count(DISTINCT if(m.usd > 0, m.user_id)) AS payers,
       coalesce(sum(m.usd), 0) AS usd,
       coalesce(sum(m.usd), 0) / s.users AS usd_per_user
FROM mine AS m
JOIN sizes AS s ON s.cohort = m.cohort
GROUP BY m.cohort, m.month, s.users
ORDER BY m.cohort, month_number
