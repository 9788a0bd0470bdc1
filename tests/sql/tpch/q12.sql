-- Late orders of a year by how they were shipped, urgent ones apart.
SELECT l_shipmode,
       [[count_if(o_orderpriority IN ('1-URGENT', '2-HIGH')) || count(*) FILTER (o_orderpriority IN ('1-URGENT', '2-HIGH'))]] AS urgent,
       [[count_if(split_part(o_orderpriority, '-', 1) NOT IN ('1', '2')) || count(*) FILTER (o_orderpriority[1] NOT IN ('1', '2'))]] AS others
FROM orders JOIN lineitem ON l_orderkey = o_orderkey
WHERE l_shipmode IN ('MAIL', 'SHIP')
  AND l_commitdate < l_receiptdate AND l_shipdate < l_commitdate
  AND l_receiptdate >= date '1994-01-01'
  AND l_receiptdate < [[date '1994-01-01' + interval '1' year || DATE '1994-01-01' + INTERVAL 1 YEAR]]
GROUP BY l_shipmode
ORDER BY l_shipmode
