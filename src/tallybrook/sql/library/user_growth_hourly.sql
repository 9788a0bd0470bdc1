-- id: user_growth_hourly
-- name: User growth by hour
-- category: growth
-- description: People by the hour of their first event, and all there were by its end.
-- refresh: hourly
-- parameter: hours integer = 48 | How many hours are shown, the present one included
-- parameter: known_days integer = 90 | Who had an event in so many days is not new
-- columns: hour timestamp, new_users bigint, total_users bigint
WITH firsts AS (
    SELECT coalesce(user_id, anonymous_id) AS person,
           min(timestamp) AS first_at
    FROM events
    WHERE date > date_add('day', -{{known_days}}, current_date)
      AND coalesce(user_id, anonymous_id) IS NOT NULL
    GROUP BY coalesce(user_id, anonymous_id)
),
by_hour AS (
    SELECT date_trunc('hour', first_at) AS hour, count(*) AS new_users
    FROM firsts
    GROUP BY date_trunc('hour', first_at)
),
running AS (
    SELECT hour, new_users, sum(new_users) OVER (ORDER BY hour) AS total_users
    FROM by_hour
)
SELECT hour, new_users, total_users
FROM running
WHERE hour > date_add('hour', -{{hours}}, localtimestamp)
ORDER BY hour
