-- id: user_journey
-- name: User journey
-- category: engagement
-- description: The events of one user in their order, with the time since the one before.
-- refresh: never
-- parameter: user varchar | The user_id or anonymous_id
-- parameter: days integer = 30 | How many days, today included
-- columns: step bigint, timestamp timestamp, event_type varchar, session_id varchar, seconds_since bigint, visit bigint
WITH mine AS (
    SELECT timestamp,
           seq,
           event_type,
           session_id,
           date_diff('second', lag(timestamp) OVER (ORDER BY timestamp, seq), timestamp) AS seconds_since
    FROM events
    WHERE date > date_add('day', -{{days}}, current_date)
      AND (user_id = {{user}} OR anonymous_id = {{user}})
)
SELECT row_number() OVER (ORDER BY timestamp, seq) AS step,
       timestamp,
       event_type,
       session_id,
       seconds_since,
       sum(if(seconds_since IS NULL OR seconds_since > 1800, 1, 0)) OVER (ORDER BY timestamp, seq) AS visit
FROM mine
ORDER BY step
