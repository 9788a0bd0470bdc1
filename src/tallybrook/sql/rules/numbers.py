"""Casts and aggregates: how numbers become text and whole, and what is approximate."""

import re

from sqlglot import exp

from tallybrook.ports.sql import QueryRefusedError
from tallybrook.sql.grammar import NAMED_FUNCTIONS
from tallybrook.sql.rules.building import Rule, call, literal

_SPACED_OFFSET = re.compile(r"\s+([+-]\d\d?:\d\d)$")
_INTEGERS = frozenset(["TINYINT", "SMALLINT", "INT", "BIGINT"])


def _cast(node: exp.Expr) -> exp.Expr:
    """Text is cut to its declared length; a timestamp's precision is microseconds."""
    to = node.args["to"]
    kind = to.this.name
    if kind in ("VARCHAR", "TEXT"):
        return _to_text(node)
    if kind in _INTEGERS:
        node.set("this", _tried(node, call("TB_TO_INTEGER", node.this)))
    elif kind == "TIMESTAMPTZ" and isinstance(node.this, exp.Literal):
        node.set("this", literal(_SPACED_OFFSET.sub(r"\1", node.this.name)))
    elif to.expressions and kind != "DECIMAL":
        node.set("to", exp.DataType.build(kind))
    return node


def _tried(node: exp.Expr, value: exp.Expr) -> exp.Expr:
    return call("TRY", value) if isinstance(node, exp.TryCast) else value


def _to_text(node: exp.Expr) -> exp.Expr:
    to = node.args["to"]
    if isinstance(node.this, exp.Literal) and node.this.is_string:
        text: exp.Expr = node.this
    else:
        text = _json_text(node.this) or _tried(node, call("TB_TEXT", node.this))
    return call("LEFT", text, to.expressions[0].this) if to.expressions else text


def _json_text(inner: exp.Expr) -> exp.Expr | None:
    """A JSON text as VARCHAR is its content, without the quotes."""
    if isinstance(inner, exp.Anonymous) and inner.name == "TRY":
        found = inner.expressions[0]
        if isinstance(found, exp.Anonymous) and found.name == "JSON_EXTRACT":
            return call("TB_JSON_SCALAR", *found.expressions)
    return None


def _approx_percentile(node: exp.Expr) -> exp.Expr:
    """The exact one: it costs less here than the approximation."""
    if node.args.get("weight") is not None:
        raise QueryRefusedError("approx_percentile takes no weights here.")
    return call("QUANTILE_DISC", node.this, node.args["quantile"])


def _approx_distinct(node: exp.Expr) -> exp.Expr:
    if node.args.get("accuracy") is not None:
        raise QueryRefusedError("approx_distinct takes no accuracy here.", "Leave it out.")
    return node


def _named(node: exp.Expr) -> exp.Expr:
    node.set("this", NAMED_FUNCTIONS.get(node.name.lower(), node.name))
    return node


RULES: dict[str, Rule] = {
    "Cast": _cast,
    "TryCast": _cast,
    "ApproxQuantile": _approx_percentile,
    "ApproxDistinct": _approx_distinct,
    "Anonymous": _named,
}
