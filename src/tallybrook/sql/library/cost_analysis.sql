-- id: cost_analysis
-- name: Cost analysis
-- category: costs
-- description: What services cost by day, their share of the day, and whether the day was over twice the mean day.
-- refresh: daily
-- parameter: days integer = 30 | How many days, today included
-- columns: date date, service varchar, usd double, invocations bigint, share double, day_usd double, over_twice_the_mean boolean
WITH by_service AS (
    SELECT date,
           service,
           sum(estimated_cost_usd) AS usd,
           sum(invocations) AS invocations
    FROM cost_tracking
    WHERE year >= year(date_add('day', 1 - {{days}}, current_date))
      AND timestamp >= date_add('day', 1 - {{days}}, current_date)
    GROUP BY date, service
),
by_day AS (
    SELECT date, sum(usd) AS day_usd
    FROM by_service
    GROUP BY date
),
compared AS (
    SELECT date, day_usd, avg(day_usd) OVER () AS mean_usd
    FROM by_day
)
SELECT s.date,
       s.service,
       s.usd,
       s.invocations,
       s.usd / nullif(c.day_usd, 0e0) AS share,
       c.day_usd,
       c.day_usd > 2 * c.mean_usd AS over_twice_the_mean
FROM by_service AS s
JOIN compared AS c ON c.date = s.date
ORDER BY s.date, s.usd DESC, s.service
