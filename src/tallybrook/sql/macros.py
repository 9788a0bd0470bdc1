"""Trino's functions that DuckDB has not, or has otherwise: macros of every query's connection.

Where the type of an argument decides, ``typeof`` and ``cast_to_type`` do so when the statement is
bound, at no cost for each row. Errors are raised by a failing CAST: unlike ``error()`` it may
stand inside TRY.
"""

import re
from collections.abc import Iterable

import duckdb

_JSON_SCALAR = """
CREATE MACRO tb_json_scalar(document, path) AS
CASE WHEN TRY(json_extract_string(document, path))[1] IN ('{', '[')
      AND TRY(json_type(document, path)) IN ('OBJECT', 'ARRAY') THEN NULL
     ELSE TRY(json_extract_string(document, path)) END
"""
"""One parse of the document for ordinary values; the type is asked only where it matters. TRY is
around each call: the engine may move a shared expression out of a TRY around the whole."""

_SHIFT = """
CREATE MACRO tb_shift(x, amount) AS
CASE WHEN typeof(x) = 'DATE' AND x + amount <> date_trunc('day', x + amount)
     THEN cast_to_type(CAST('a date cannot be moved by a part of a day' AS DATE), x)
     ELSE cast_to_type(x + amount, x) END
"""
"""A date moved by days, weeks, months or years is a date."""

_TRUNCATE = "CREATE MACRO tb_truncate(unit, x) AS cast_to_type(date_trunc(unit, x), x)"

_TO_INTEGER = r"""
CREATE MACRO tb_to_integer(x) AS
CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN CAST(round(CAST(x AS DOUBLE)) AS HUGEINT)
     WHEN typeof(x) = 'VARCHAR' AND regexp_matches(CAST(x AS VARCHAR), '[^0-9+\-\s]')
     THEN CAST('no integer: ' || CAST(x AS VARCHAR) AS HUGEINT)
     ELSE CAST(x AS HUGEINT) END
"""
"""Halves go away from zero; a text with anything but a sign and digits is no integer."""

_FIGURES = """
CREATE MACRO tb_figures(plain) AS replace(regexp_extract(plain, '^[0-9.]+'), '.', '')
"""

_SIGNIFICANT = """
CREATE MACRO tb_significant(plain) AS rtrim(ltrim(tb_figures(plain), '0'), '0')
"""

_EXPONENT = """
CREATE MACRO tb_exponent(plain) AS
coalesce(TRY_CAST(regexp_extract(plain, 'e([-+0-9]+)', 1) AS INTEGER), 0)
+ strpos(regexp_extract(plain, '^[0-9.]+') || '.', '.') - 2
- length(tb_figures(plain)) + length(ltrim(tb_figures(plain), '0'))
"""

_SCIENTIFIC = """
CREATE MACRO tb_scientific(plain, sign) AS sign ||
CASE WHEN tb_significant(plain) = '' THEN '0.0E0'
     ELSE tb_significant(plain)[1] || '.' || CASE WHEN length(tb_significant(plain)) = 1 THEN '0'
          ELSE substr(tb_significant(plain), 2) END || 'E' || CAST(tb_exponent(plain) AS VARCHAR)
END
"""
"""The shortest text of a number, without its sign, in the form 1.5E-7."""

_DOUBLE_TEXT = """
CREATE MACRO tb_double_text(plain) AS
CASE plain WHEN 'inf' THEN 'Infinity' WHEN '-inf' THEN '-Infinity'
     WHEN 'nan' THEN 'NaN' WHEN '-nan' THEN 'NaN'
     ELSE tb_scientific(ltrim(plain, '-'), CASE WHEN plain[1] = '-' THEN '-' ELSE '' END) END
"""

_TEXT = """
CREATE MACRO tb_text(x) AS
CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN tb_double_text(CAST(x AS VARCHAR))
     WHEN typeof(x) LIKE 'TIMESTAMP%' AND x IS NOT NULL
     THEN CAST(CAST('use date_format to make text of ' || CAST(x AS VARCHAR) AS BIGINT) AS VARCHAR)
     ELSE CAST(x AS VARCHAR) END
"""
"""Doubles as 1.5E0. How many digits a timestamp shows is its declared precision in Trino, which is
not known here."""

_ELEMENT = """
CREATE MACRO tb_element(list, place) AS
list[CASE WHEN place BETWEEN 1 AND len(list) THEN place
          WHEN list IS NULL OR place IS NULL THEN NULL
          ELSE CAST('no element ' || CAST(place AS VARCHAR) || ' in the array' AS BIGINT) END]
"""

_VALUE = """
CREATE MACRO tb_value(map, key) AS
CASE WHEN map IS NULL OR key IS NULL OR map_contains(map, key) THEN map[key]
     ELSE map_values(map)[CAST('no key ' || CAST(key AS VARCHAR) || ' in the map' AS BIGINT)] END
"""
"""A key that is not there is an error, as a place past the end of an array is."""

_ALL = (
    _JSON_SCALAR,
    _SHIFT,
    _TRUNCATE,
    _TO_INTEGER,
    _FIGURES,
    _SIGNIFICANT,
    _EXPONENT,
    _SCIENTIFIC,
    _DOUBLE_TEXT,
    _TEXT,
    _ELEMENT,
    _VALUE,
)

_NAME = re.compile(r"\btb_\w+(?=\()", re.IGNORECASE)


def _named(sql: str) -> set[str]:
    return {name.lower() for name in _NAME.findall(sql)}


_USED = {_NAME.findall(macro)[0]: (macro, _named(macro)) for macro in _ALL}
"""Each with the names in it: its own, and those that it uses."""


def define(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the macros known to a connection, all in one go."""
    connection.execute(";".join(_ALL))


def define_used(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Make those known that a statement uses: each takes a millisecond or two, and most statements
    use none. To a connection that knows none yet."""
    if needed := _closed(_named(sql)):
        connection.execute(";".join(macro for name, (macro, _) in _USED.items() if name in needed))


def _closed(names: Iterable[str]) -> set[str]:
    """Macros of these names, and those that they use."""
    found: set[str] = set()
    left = [name for name in names if name in _USED]
    while left:
        found.add(name := left.pop())
        left += _USED[name][1] - found
    return found
