-- The share of a month's revenue that promotions brought.
SELECT 100.00 * sum(CASE WHEN [[substr(p_type, 1, 5) = 'PROMO' || p_type[:5] = 'PROMO']]
                         THEN l_extendedprice * (1 - l_discount) ELSE 0 END)
       / sum(l_extendedprice * (1 - l_discount)) AS promotion
FROM lineitem JOIN part ON p_partkey = l_partkey
WHERE l_shipdate >= date '1995-09-01'
  AND l_shipdate < [[date_add('month', 1, date '1995-09-01') || DATE '1995-10-01']]
