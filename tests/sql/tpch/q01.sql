-- Pricing summary of what was shipped up to 90 days before a date.
SELECT l_returnflag, l_linestatus,
       sum(l_quantity) AS quantity,
       sum(l_extendedprice) AS base_price,
       sum(l_extendedprice * (1 - l_discount)) AS discounted,
       sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS charged,
       avg(l_quantity) AS mean_quantity, avg(l_extendedprice) AS mean_price,
       avg(l_discount) AS mean_discount, count(*) AS orders
FROM lineitem
WHERE l_shipdate <= [[date_add('day', -90, date '1998-12-01') || DATE '1998-12-01' - INTERVAL 90 DAYS]]
GROUP BY l_returnflag, l_linestatus
ORDER BY l_returnflag, l_linestatus
