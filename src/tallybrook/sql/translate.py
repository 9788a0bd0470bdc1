"""Trino → DuckDB: the places where the same text would silently mean something else.

What the transpiler gets right is left to it. Integer division and division by zero are settled
by the engine's own settings (see ``tallybrook.sql.connection``).
"""

from datetime import UTC, datetime, timedelta

from sqlglot import ErrorLevel, exp
from sqlglot.errors import UnsupportedError

from tallybrook.ports.sql import QueryRefusedError
from tallybrook.sql.rules import RULES
from tallybrook.sql.rules.building import Rule, cast, literal

__all__ = ["duckdb_text", "exact_text", "translate"]


def translate(tree: exp.Expr, now_us: int) -> exp.Expr:
    """Rewrite in place, inner nodes first. The present is ``now_us`` throughout the statement."""
    rules = RULES | _present(now_us)
    for node in reversed(list(tree.walk())):
        rule = rules.get(type(node).__name__)
        if rule is not None:
            new = rule(node)
            if new is not node:
                tree = new if node is tree else tree
                node.replace(new)
    return tree


def duckdb_text(tree: exp.Expr) -> str:
    """The statement for DuckDB. What it has no words for is refused, not left out."""
    try:
        return tree.sql(dialect="duckdb", comments=False, unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise QueryRefusedError(f"That cannot be translated: {error}") from None


def exact_text(tree: exp.Expr, text: str) -> str:
    """The same with ``count(DISTINCT x)`` for ``approx_distinct(x)``; ``text`` where there is
    none. Changes the tree."""
    found = list(tree.find_all(exp.ApproxDistinct))
    for node in found:
        distinct = exp.Distinct(expressions=[node.this.copy()])
        node.replace(exp.Count(this=distinct))
    return duckdb_text(tree) if found else text


def _present(now_us: int) -> dict[str, Rule]:
    """One instant for the whole statement, so that pruning and filtering cannot disagree."""
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now_us)
    stamp = now.strftime("%Y-%m-%d %H:%M:%S.%f")

    def timestamp(_node: exp.Expr) -> exp.Expr:
        return cast(literal(stamp), "TIMESTAMP")

    def date(_node: exp.Expr) -> exp.Expr:
        return cast(literal(stamp[:10]), "DATE")

    return {"CurrentTimestamp": timestamp, "Localtimestamp": timestamp, "CurrentDate": date}
