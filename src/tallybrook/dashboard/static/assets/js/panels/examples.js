// Queries to begin with. Each one filters on date, because the table is partitioned by it.
export const EXAMPLES = [
  {
    name: "Events by type, 7 days",
    sql: `SELECT event_type, count(*) AS n
FROM events
WHERE date >= current_date - INTERVAL '7' DAY
GROUP BY 1
ORDER BY 2 DESC`,
  },
  {
    name: "Events by hour, 2 days",
    sql: `SELECT date_trunc('hour', timestamp) AS hour, count(*) AS n
FROM events
WHERE date >= current_date - INTERVAL '2' DAY
GROUP BY 1
ORDER BY 1 DESC
LIMIT 48`,
  },
  {
    name: "Users by day, 30 days",
    sql: `SELECT date, count(DISTINCT user_id) AS users, count(*) AS events
FROM events
WHERE date >= current_date - INTERVAL '30' DAY
GROUP BY 1
ORDER BY 1 DESC`,
  },
  {
    name: "Latest events of one type (parameter)",
    sql: `SELECT timestamp, event_id, user_id, properties
FROM events
WHERE date >= current_date - INTERVAL '7' DAY AND event_type = {{event_type}}
ORDER BY timestamp DESC
LIMIT 50`,
    parameters: { event_type: "page_view" },
  },
];
