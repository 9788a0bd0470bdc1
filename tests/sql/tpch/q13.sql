-- How many customers have how many orders, some complaints left out.
SELECT orders_, count(*) AS customers
FROM (
    SELECT c_custkey, count(o_orderkey) AS orders_
    FROM customer
    LEFT JOIN orders ON o_custkey = c_custkey
         AND [[NOT regexp_like(o_comment, 'special.*requests') || o_comment NOT LIKE '%special%requests%']]
    GROUP BY c_custkey
) AS each
GROUP BY orders_
ORDER BY customers DESC, orders_ DESC
