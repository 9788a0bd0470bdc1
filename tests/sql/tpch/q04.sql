-- Orders of a quarter with something received late, by priority.
SELECT o_orderpriority, count(*) AS orders
FROM orders
WHERE o_orderdate >= date '1993-07-01'
  AND o_orderdate < [[date '1993-07-01' + interval '3' month || DATE '1993-07-01' + INTERVAL 3 MONTHS]]
  AND EXISTS (SELECT 1 FROM lineitem
              WHERE l_orderkey = o_orderkey
                AND [[date_diff('day', l_commitdate, l_receiptdate) > 0 || l_receiptdate > l_commitdate]])
GROUP BY o_orderpriority
ORDER BY o_orderpriority
