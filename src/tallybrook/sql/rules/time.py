"""Dates and times: complete units, Monday as day 1, dates that stay dates, MySQL's patterns."""

import re

from sqlglot import exp

from tallybrook.ports.sql import QueryRefusedError
from tallybrook.sql.grammar import DATE_UNITS
from tallybrook.sql.rules.building import Rule, call, cast, given, literal, number, plain_text

_EXTRACT = {"DOW": "ISODOW", "DAY_OF_WEEK": "ISODOW", "DOY": "DOY", "DAY_OF_YEAR": "DOY"} | {
    "YEAR_OF_WEEK": "ISOYEAR",
    "YOW": "ISOYEAR",
    "DAY_OF_MONTH": "DAY",
    "WEEK_OF_YEAR": "WEEK",
}
_EXTRACTABLE = DATE_UNITS | set(_EXTRACT)

_LETTERS = {
    "%a": "%a", "%b": "%b", "%-m": "%-m", "%d": "%d", "%-d": "%-d", "%f": "%f", "%H": "%H",
    "%I": "%I", "%M": "%M", "%j": "%j", "%-H": "%-H", "%-I": "%-I", "%B": "%B", "%m": "%m",
    "%p": "%p", "%S": "%S", "%v": "%V", "%A": "%A", "%G": "%G", "%Y": "%Y", "%y": "%y", "%%": "%%",
}  # fmt: skip
"""What the parser makes of the letters that Trino has → DuckDB's; %v is the ISO week."""

_ONLY_WRITTEN = ("%v", "%G", "%y", "%j", "%A", "%a")
"""Letters of which the two engines read different dates from the same text."""

_LETTER = re.compile(r"%-?.|%$", re.DOTALL)


def _date_diff(node: exp.Expr) -> exp.Expr:
    """Complete units, not borders crossed."""
    unit = _unit(node)
    return call("DATE_SUB", literal(unit.lower()), node.expression, node.this)


def _date_add(node: exp.Expr) -> exp.Expr:
    """A date stays a date."""
    unit = _unit(node)
    amount = node.expression
    if unit == "QUARTER":
        unit, amount = "MONTH", exp.Mul(this=exp.Paren(this=amount), expression=number(3))
    interval = exp.Interval(this=exp.Paren(this=amount), unit=exp.Var(this=unit))
    return call("TB_SHIFT", node.this, interval)


def _truncate(node: exp.Expr) -> exp.Expr:
    return call("TB_TRUNCATE", literal(_unit(node).lower()), node.this)


def _unit(node: exp.Expr) -> str:
    unit = node.args.get("unit")
    name = unit.name.upper() if isinstance(unit, exp.Var | exp.Literal) else ""
    if name not in DATE_UNITS:
        raise QueryRefusedError(
            f"{name or 'That'} is no unit of time here.",
            f"Units are: {', '.join(sorted(DATE_UNITS)).lower()}.",
        )
    return name


def _plus_interval(node: exp.Expr) -> exp.Expr:
    """``x ± INTERVAL``: a date stays a date."""
    left, right = node.this, node.expression
    if isinstance(left, exp.Interval) and isinstance(node, exp.Add):
        left, right = right, left
    if not isinstance(right, exp.Interval) or isinstance(left, exp.Interval):
        return node
    amount = exp.Neg(this=exp.Paren(this=right.copy())) if isinstance(node, exp.Sub) else right
    return call("TB_SHIFT", left, amount)


def _interval(node: exp.Expr) -> exp.Expr:
    unit = node.args.get("unit")
    if not isinstance(unit, exp.Var) or unit.name.upper() not in DATE_UNITS:
        raise QueryRefusedError("An interval is written INTERVAL '1' DAY.")
    return node


def _extract(node: exp.Expr) -> exp.Expr:
    name = node.this.name.upper()
    if name not in _EXTRACTABLE:
        raise QueryRefusedError(f"EXTRACT cannot give {name}.")
    if name == "SECOND":
        return call("SECOND", node.expression)
    if name == "MILLISECOND":
        raise QueryRefusedError("EXTRACT cannot give MILLISECOND.", "Use date_format with %f.")
    node.set("this", exp.Var(this=_EXTRACT.get(name, name)))
    if name == "DOW" or name == "DAY_OF_WEEK":
        return call("ISODOW", node.expression)
    return node


def _date_format(node: exp.Expr) -> exp.Expr:
    return call("STRFTIME", node.this, literal(_pattern(node)))


def _date_parse(node: exp.Expr) -> exp.Expr:
    wanted = _pattern(node, without=_ONLY_WRITTEN)
    return cast(call("STRPTIME", node.this, literal(wanted)), "TIMESTAMP")


def _pattern(node: exp.Expr, without: tuple[str, ...] = ()) -> str:
    """The pattern in DuckDB's letters. Refuses those that mean something else there."""

    def letter(found: re.Match[str]) -> str:
        if found[0] in without or found[0] not in _LETTERS:
            raise QueryRefusedError(f"{found[0]} cannot be used in the pattern of a date here.")
        return _LETTERS[found[0]]

    return _LETTER.sub(letter, plain_text(node.args.get("format"), "The pattern of a date"))


def _from_unixtime(node: exp.Expr) -> exp.Expr:
    if len(given(node)) > 1:
        raise QueryRefusedError("from_unixtime takes one number of seconds here.")
    return cast(call("TO_TIMESTAMP", node.this), "TIMESTAMP")


RULES: dict[str, Rule] = {
    "DateDiff": _date_diff,
    "DateAdd": _date_add,
    "TimestampTrunc": _truncate,
    "DateTrunc": _truncate,
    "Add": _plus_interval,
    "Sub": _plus_interval,
    "Interval": _interval,
    "Extract": _extract,
    "TimeToStr": _date_format,
    "StrToTime": _date_parse,
    "UnixToTime": _from_unixtime,
}
