-- Customers of some countries with money and without orders, by the country of their number.
WITH callers AS (
    SELECT [[substr(c_phone, 1, 2) || c_phone[1:2]]] AS country, c_custkey, c_acctbal
    FROM customer
    WHERE [[substring(c_phone FROM 1 FOR 2) || left(c_phone, 2)]] IN ('13', '31', '23', '29', '30', '18', '17')
)
SELECT country, count(*) AS customers, sum(c_acctbal) AS balance
FROM callers c
WHERE c_acctbal > (SELECT avg(c_acctbal) FROM callers WHERE c_acctbal > 0)
  AND NOT EXISTS (SELECT 1 FROM orders WHERE o_custkey = c.c_custkey)
GROUP BY country
ORDER BY country
