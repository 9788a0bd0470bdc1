-- Suppliers of a nation that alone kept an order of several waiting.
SELECT s_name, count(*) AS kept_waiting
FROM supplier
JOIN lineitem late ON late.l_suppkey = s_suppkey
JOIN orders ON o_orderkey = late.l_orderkey
JOIN nation ON n_nationkey = s_nationkey
WHERE o_orderstatus = 'F' AND n_name = 'SAUDI ARABIA'
  AND [[date_diff('day', late.l_commitdate, late.l_receiptdate) >= 1 || late.l_receiptdate > late.l_commitdate]]
  AND EXISTS (SELECT 1 FROM lineitem o
              WHERE o.l_orderkey = late.l_orderkey AND o.l_suppkey <> late.l_suppkey)
  AND NOT EXISTS (SELECT 1 FROM lineitem o
                  WHERE o.l_orderkey = late.l_orderkey AND o.l_suppkey <> late.l_suppkey
                    AND o.l_receiptdate > o.l_commitdate)
GROUP BY s_name
ORDER BY kept_waiting DESC, s_name
LIMIT 100
