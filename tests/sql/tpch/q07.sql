-- Trade between two nations, each way, by year.
SELECT supplying, buying, year_, sum(volume) AS revenue
FROM (
    SELECT s.n_name AS supplying, c.n_name AS buying,
           [[EXTRACT(YEAR FROM l_shipdate) || year(l_shipdate)]] AS year_,
           l_extendedprice * (1 - l_discount) AS volume
    FROM lineitem
    JOIN supplier ON s_suppkey = l_suppkey
    JOIN orders ON o_orderkey = l_orderkey
    JOIN customer ON c_custkey = o_custkey
    JOIN nation s ON s.n_nationkey = s_nationkey
    JOIN nation c ON c.n_nationkey = c_nationkey
    WHERE ((s.n_name = 'FRANCE' AND c.n_name = 'GERMANY')
        OR (s.n_name = 'GERMANY' AND c.n_name = 'FRANCE'))
      AND l_shipdate BETWEEN date '1995-01-01' AND date '1996-12-31'
) AS trade
GROUP BY supplying, buying, year_
ORDER BY supplying, buying, year_
