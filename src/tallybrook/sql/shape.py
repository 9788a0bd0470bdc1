"""Parts of a statement that the parser reads and Athena does not, or that mean two things. Pure."""

from sqlglot import exp

from tallybrook.ports.sql import QueryRefusedError


def check(tree: exp.Expr) -> None:
    """Refuse other dialects' extras: what is read in silence would be wrong in silence."""
    for node in tree.walk():
        found = _CHECKS.get(type(node).__name__)
        if found is not None:
            found(node)


def _refuse_if(condition: object, what: str, instead: str = "") -> None:
    if condition:
        raise QueryRefusedError(f"{what} is not allowed here.", instead)


def _star(node: exp.Expr) -> None:
    extra = any(node.args.get(name) for name in ("except_", "replace", "rename", "ilike"))
    _refuse_if(extra or node.args.get("except"), "* with EXCEPT or REPLACE", "Name the columns.")


def _distinct(node: exp.Expr) -> None:
    _refuse_if(node.args.get("on"), "DISTINCT ON", "Use row_number() and a filter on it.")


def _limit(node: exp.Expr) -> None:
    _refuse_if(node.expressions, "LIMIT BY", "Use row_number() and a filter on it.")


def _limit_options(node: exp.Expr) -> None:
    options = (name for name in ("percent", "with_ties") if node.args.get(name))
    _refuse_if(next(options, None), "WITH TIES or PERCENT", "Use rank() and a filter on it.")


def _join(node: exp.Expr) -> None:
    kind = str(node.args.get("kind") or "").upper()
    method = str(node.args.get("method") or "").upper()
    _refuse_if(
        method or kind not in ("", "INNER", "OUTER", "CROSS"),
        f"A {method or kind} join",
        "Joins are INNER, LEFT, RIGHT, FULL and CROSS.",
    )


def _group(node: exp.Expr) -> None:
    _refuse_if(node.args.get("all") or node.args.get("totals"), "GROUP BY ALL", "Name them.")


def _select(node: exp.Expr) -> None:
    _refuse_if(node.args.get("qualify"), "QUALIFY", "Use a subquery and a filter on it.")
    _refuse_if(node.args.get("hint") or node.args.get("kind"), "That form of SELECT")
    order = node.args.get("order")
    if order is None:
        return
    aliases = {
        alias.alias.lower()
        for alias in node.expressions
        if isinstance(alias, exp.Alias) and alias.alias.lower() != _own_name(alias.this)
    }
    for ordered in order.expressions:
        if isinstance(ordered.this, exp.Column):
            continue
        clash = {c.name.lower() for c in ordered.find_all(exp.Column) if not c.table} & aliases
        _refuse_if(
            any(_is_source(node, name) for name in clash),
            f"ORDER BY with a computation of {', '.join(sorted(clash))}, which is both a column and"
            " a name of the answer,",
            "Give the name to something else.",
        )


def _own_name(node: exp.Expr) -> str:
    return node.name.lower() if isinstance(node, exp.Column) else ""


def _is_source(select: exp.Expr, name: str) -> bool:
    """Whether the select list also reads a column of that name (so that one hides the other)."""
    return any(
        column.name.lower() == name for item in select.expressions
        for column in item.find_all(exp.Column)
    )  # fmt: skip


_CHECKS = {
    "Star": _star,
    "Distinct": _distinct,
    "Limit": _limit,
    "LimitOptions": _limit_options,
    "Join": _join,
    "Group": _group,
    "Select": _select,
}
