-- Profit on parts of a colour, by the supplier's nation and year.
SELECT n_name AS nation, [[EXTRACT(YEAR FROM o_orderdate) || date_part('year', o_orderdate)]] AS year_,
       sum(l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity) AS profit
FROM part
JOIN lineitem ON l_partkey = p_partkey
JOIN partsupp ON ps_partkey = l_partkey AND ps_suppkey = l_suppkey
JOIN supplier ON s_suppkey = l_suppkey
JOIN orders ON o_orderkey = l_orderkey
JOIN nation ON n_nationkey = s_nationkey
WHERE [[strpos(p_name, 'green') > 0 || contains(p_name, 'green')]]
GROUP BY 1, 2
ORDER BY 1, 2 DESC
