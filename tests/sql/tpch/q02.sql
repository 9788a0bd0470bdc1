-- For parts of a size and kind: the suppliers of a region that ask least.
WITH european AS (
    SELECT ps_partkey, ps_supplycost, s_acctbal, s_name, n_name, s_address, s_phone, s_comment
    FROM partsupp
    JOIN supplier ON s_suppkey = ps_suppkey
    JOIN nation ON n_nationkey = s_nationkey
    JOIN region ON r_regionkey = n_regionkey
    WHERE r_name = 'EUROPE'
)
SELECT e.s_acctbal, e.s_name, e.n_name, p_partkey, p_mfgr, e.s_address, e.s_phone, e.s_comment
FROM part JOIN european e ON e.ps_partkey = p_partkey
WHERE p_size = 15
  AND [[regexp_like(p_type, 'BRASS$') || p_type LIKE '%BRASS']]
  AND e.ps_supplycost = (SELECT min(c.ps_supplycost) FROM european c WHERE c.ps_partkey = p_partkey)
ORDER BY e.s_acctbal DESC, e.n_name, e.s_name, p_partkey
[[FETCH FIRST 100 ROWS ONLY || LIMIT 100]]
