-- Revenue of a year where customer and supplier are of one nation of a region.
SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM region
JOIN nation ON n_regionkey = r_regionkey
JOIN customer ON c_nationkey = n_nationkey
JOIN orders ON o_custkey = c_custkey
JOIN lineitem ON l_orderkey = o_orderkey
JOIN supplier ON s_suppkey = l_suppkey AND s_nationkey = n_nationkey
WHERE r_name = 'ASIA'
  AND [[year(o_orderdate) = 1994 || date_part('year', o_orderdate) = 1994]]
GROUP BY n_name
ORDER BY revenue DESC
