-- A nation's share of a region's market for one kind of part, by year.
SELECT year_, sum([[if(nation = 'BRAZIL', volume, 0) || CASE WHEN nation = 'BRAZIL' THEN volume ELSE 0 END]])
              / sum(volume) AS share
FROM (
    SELECT year(o_orderdate) AS year_, l_extendedprice * (1 - l_discount) AS volume,
           theirs.n_name AS nation
    FROM part
    JOIN lineitem ON l_partkey = p_partkey
    JOIN supplier ON s_suppkey = l_suppkey
    JOIN orders ON o_orderkey = l_orderkey
    JOIN customer ON c_custkey = o_custkey
    JOIN nation ours ON ours.n_nationkey = c_nationkey
    JOIN region ON r_regionkey = ours.n_regionkey
    JOIN nation theirs ON theirs.n_nationkey = s_nationkey
    WHERE r_name = 'AMERICA' AND p_type = 'ECONOMY ANODIZED STEEL'
      AND o_orderdate BETWEEN date '1995-01-01' AND date '1996-12-31'
) AS market
GROUP BY year_
ORDER BY year_
