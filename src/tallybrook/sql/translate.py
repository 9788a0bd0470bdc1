"""Trino → DuckDB: the places where the same text would silently mean something else.

What the transpiler gets right is left to it. Integer division and division by zero are settled
by the engine's own settings (see ``tallybrook.sql.session``).
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlglot import exp

from tallybrook.ports.sql import QueryRefusedError
from tallybrook.sql.grammar import DATE_UNITS, NAMED_FUNCTIONS

Rule = Callable[[exp.Expr], exp.Expr]

_SPACED_OFFSET = re.compile(r"\s+([+-]\d\d?:\d\d)$")

_EXTRACT = {"DOW": "ISODOW", "DAY_OF_WEEK": "ISODOW", "DOY": "DOY", "DAY_OF_YEAR": "DOY"} | {
    "YEAR_OF_WEEK": "ISOYEAR",
    "YOW": "ISOYEAR",
    "DAY_OF_MONTH": "DAY",
    "WEEK_OF_YEAR": "WEEK",
}
_EXTRACTABLE = DATE_UNITS | set(_EXTRACT)


def translate(tree: exp.Expr, now_us: int) -> exp.Expr:
    """Rewrite in place, inner nodes first. The present is ``now_us`` throughout the statement."""
    rules = _RULES | _present(now_us)
    for node in reversed(list(tree.walk())):
        rule = rules.get(type(node).__name__)
        if rule is not None:
            new = rule(node)
            if new is not node:
                tree = new if node is tree else tree
                node.replace(new)
    return tree


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _text(value: str) -> exp.Literal:
    return exp.Literal.string(value)


def _cast(node: exp.Expr, to: str) -> exp.Cast:
    return exp.Cast(this=node, to=exp.DataType.build(to, dialect="duckdb"))


def _present(now_us: int) -> dict[str, Rule]:
    """One instant for the whole statement, so that pruning and filtering cannot disagree."""
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now_us)
    stamp = now.strftime("%Y-%m-%d %H:%M:%S.%f")

    def timestamp(_node: exp.Expr) -> exp.Expr:
        return _cast(_text(stamp), "TIMESTAMP")

    def date(_node: exp.Expr) -> exp.Expr:
        return _cast(_text(stamp[:10]), "DATE")

    return {"CurrentTimestamp": timestamp, "Localtimestamp": timestamp, "CurrentDate": date}


def _date_diff(node: exp.Expr) -> exp.Expr:
    """Complete units, not borders crossed."""
    unit = _unit(node)
    return _call("DATE_SUB", _text(unit.lower()), node.expression, node.this)


def _date_add(node: exp.Expr) -> exp.Expr:
    _unit(node)
    return node


def _unit(node: exp.Expr) -> str:
    unit = node.args.get("unit")
    name = unit.name.upper() if isinstance(unit, exp.Var | exp.Literal) else ""
    if name not in DATE_UNITS:
        raise QueryRefusedError(
            f"{name or 'That'} is no unit of time here.",
            f"Units are: {', '.join(sorted(DATE_UNITS)).lower()}.",
        )
    return name


def _extract(node: exp.Expr) -> exp.Expr:
    name = node.this.name.upper()
    if name not in _EXTRACTABLE:
        raise QueryRefusedError(f"EXTRACT cannot give {name}.")
    node.set("this", exp.Var(this=_EXTRACT.get(name, name)))
    if name == "DOW" or name == "DAY_OF_WEEK":
        return _call("ISODOW", node.expression)
    return node


def _split_part(node: exp.Expr) -> exp.Expr:
    """A part that is not there is NULL."""
    index = node.args["part_index"]
    if isinstance(index, exp.Neg) or index.name == "0":
        raise QueryRefusedError("split_part counts parts from 1.")
    if not isinstance(index, exp.Literal):
        index = _call("GREATEST", index, exp.Literal.number(0))
    return _call("LIST_EXTRACT", _call("STRING_SPLIT", node.this, node.args["delimiter"]), index)


def _regexp_extract(node: exp.Expr) -> exp.Expr:
    """No match is NULL."""
    arguments = [node.this, node.expression]
    if node.args.get("group") is not None:
        arguments.append(node.args["group"])
    matches = _call("REGEXP_EXTRACT_ALL", *arguments)
    return _call("LIST_EXTRACT", matches, exp.Literal.number(1))


def _regexp_replace(node: exp.Expr) -> exp.Expr:
    """Groups in the replacement are ``$1`` in Trino."""
    replacement = node.args.get("replacement")
    if not isinstance(replacement, exp.Literal):
        raise QueryRefusedError("regexp_replace needs its replacement as a plain text literal.")
    text = replacement.name.replace("\\", "\\\\")
    for number in range(10):
        text = text.replace(f"${number}", f"\\{number}")
    node.set("replacement", _text(text))
    return node


def _json_path(node: exp.Expr) -> exp.Literal:
    """The path in DuckDB's form; it must be a literal of keys and indexes."""
    path = node.expression
    if not isinstance(path, exp.JSONPath):
        raise QueryRefusedError("A JSON path must be a literal.", "For example '$.plan.name'.")
    steps = ["$"]
    for part in path.expressions[1:]:
        key = part.this
        if isinstance(part, exp.JSONPathSubscript) and isinstance(key, int) and key >= 0:
            steps.append(f"[{key}]")
        elif isinstance(part, exp.JSONPathKey) and isinstance(key, str) and '"' not in key:
            steps.append(f'."{key}"')
        else:
            raise QueryRefusedError("A JSON path here has only keys and indexes.")
    return _text("".join(steps))


def _json_extract_scalar(node: exp.Expr) -> exp.Expr:
    """Text that is no JSON, and an object or list, are NULL."""
    return _call("TB_JSON_SCALAR", node.this, _json_path(node))


def _json_extract(node: exp.Expr) -> exp.Expr:
    return _call("TRY", _call("JSON_EXTRACT", node.this, _json_path(node)))


def _cast_rule(node: exp.Expr) -> exp.Expr:
    """Text is cut to its declared length; a timestamp's precision is microseconds."""
    to = node.args["to"]
    kind = to.this.name
    if kind in ("VARCHAR", "TEXT"):
        _json_to_text(node)
        if to.expressions:
            length = to.expressions[0].this
            node.set("to", exp.DataType.build("TEXT"))
            return _call("LEFT", node.copy(), length)
    elif kind == "TIMESTAMPTZ" and isinstance(node.this, exp.Literal):
        node.set("this", _text(_SPACED_OFFSET.sub(r"\1", node.this.name)))
    elif to.expressions and kind != "DECIMAL":
        node.set("to", exp.DataType.build(kind))
    return node


def _json_to_text(node: exp.Expr) -> None:
    """A JSON text as VARCHAR is its content, without the quotes."""
    inner = node.this
    if isinstance(inner, exp.Anonymous) and inner.name == "TRY":
        call = inner.expressions[0]
        if isinstance(call, exp.Anonymous) and call.name == "JSON_EXTRACT":
            node.set("this", _call("TB_JSON_SCALAR", *call.expressions))


def _from_unixtime(node: exp.Expr) -> exp.Expr:
    if len([v for v in node.args.values() if v is not None]) > 1:
        raise QueryRefusedError("from_unixtime takes one number of seconds here.")
    return _cast(_call("TO_TIMESTAMP", node.this), "TIMESTAMP")


def _approx_percentile(node: exp.Expr) -> exp.Expr:
    """The exact one: it costs less here than the approximation."""
    return _call("QUANTILE_DISC", node.this, node.args["quantile"])


def _substring(node: exp.Expr) -> exp.Expr:
    start = node.args.get("start")
    if isinstance(start, exp.Literal) and start.name == "0":
        raise QueryRefusedError("substr counts from 1.")
    return node


def _sequence(node: exp.Expr) -> exp.Expr:
    """A sequence of dates is one of dates, a day apart unless told otherwise."""
    if not _is_date(node.args["start"]):
        return node
    if node.args.get("step") is None:
        node.set("step", exp.Interval(this=_text("1"), unit=exp.Var(this="DAY")))
    return _cast(node.copy(), "DATE[]")


def _is_date(node: exp.Expr) -> bool:
    if isinstance(node, exp.Cast):
        return bool(node.to.this == exp.DataType.Type.DATE)
    if isinstance(node, exp.DateAdd | exp.Add | exp.Sub):
        return _is_date(node.this)
    return isinstance(node, exp.Date | exp.TsOrDsToDate | exp.CurrentDate)


def _named(node: exp.Expr) -> exp.Expr:
    node.set("this", NAMED_FUNCTIONS.get(node.name.lower(), node.name))
    return node


_RULES: dict[str, Rule] = {
    "DateDiff": _date_diff,
    "DateAdd": _date_add,
    "TimestampTrunc": _date_add,
    "DateTrunc": _date_add,
    "Extract": _extract,
    "SplitPart": _split_part,
    "RegexpExtract": _regexp_extract,
    "RegexpReplace": _regexp_replace,
    "JSONExtractScalar": _json_extract_scalar,
    "JSONExtract": _json_extract,
    "Cast": _cast_rule,
    "TryCast": _cast_rule,
    "UnixToTime": _from_unixtime,
    "ApproxQuantile": _approx_percentile,
    "Substring": _substring,
    "GenerateSeries": _sequence,
    "Anonymous": _named,
}
