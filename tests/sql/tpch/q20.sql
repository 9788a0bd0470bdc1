-- Suppliers of a nation with more of some parts in stock than half a year needs.
SELECT s_name, s_address
FROM supplier JOIN nation ON n_nationkey = s_nationkey
WHERE n_name = 'CANADA'
  AND s_suppkey IN (
    SELECT ps_suppkey
    FROM partsupp
    WHERE ps_partkey IN (SELECT p_partkey FROM part
                         WHERE [[regexp_extract(p_name, '^[a-z]+') = 'forest' || p_name LIKE 'forest %']])
      AND ps_availqty > (
        SELECT 0.5 * sum(l_quantity) FROM lineitem
        WHERE l_partkey = ps_partkey AND l_suppkey = ps_suppkey
          AND l_shipdate >= date '1994-01-01'
          AND l_shipdate < [[date_add('year', 1, date '1994-01-01') || DATE '1995-01-01']]))
ORDER BY s_name
