-- id: daily_active_users
-- name: Daily active users
-- category: engagement
-- description: Different people with an event, and events, by UTC day; days without one are left out.
-- refresh: hourly
-- parameter: days integer = 30 | How many days, today included
-- columns: date date, users bigint, events bigint
SELECT date,
       approx_distinct(coalesce(user_id, anonymous_id)) AS users,
       count(*) AS events
FROM events
WHERE date > date_add('day', -{{days}}, current_date)
GROUP BY date
ORDER BY date
