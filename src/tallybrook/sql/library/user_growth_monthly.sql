-- id: user_growth_monthly
-- name: User growth by month
-- category: growth
-- description: People by the month of their first event, all there were by its end, and by how much they grew.
-- refresh: daily
-- parameter: months integer = 12 | How many months, the present one included; who had an event before is not known
-- columns: month date, new_users bigint, total_users bigint, growth double
WITH firsts AS (
    SELECT coalesce(user_id, anonymous_id) AS person,
           min(date) AS first_day
    FROM events
    WHERE date >= date_add('month', 1 - {{months}}, date_trunc('month', current_date))
      AND coalesce(user_id, anonymous_id) IS NOT NULL
    GROUP BY coalesce(user_id, anonymous_id)
),
by_month AS (
    SELECT date_trunc('month', first_day) AS month, count(*) AS new_users
    FROM firsts
    GROUP BY date_trunc('month', first_day)
)
SELECT month,
       new_users,
       sum(new_users) OVER (ORDER BY month) AS total_users,
       CAST(new_users AS double)
           / nullif(sum(new_users) OVER (ORDER BY month) - new_users, 0) AS growth
FROM by_month
ORDER BY month
