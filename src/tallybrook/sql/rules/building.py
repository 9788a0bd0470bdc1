"""What the rules build trees with."""

from collections.abc import Callable

from sqlglot import exp

from tallybrook.ports.sql import QueryRefusedError

Rule = Callable[[exp.Expr], exp.Expr]
"""Gives the node that takes the place of its argument: itself, changed or not, or another one."""


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """A function of DuckDB's, or a macro of ours, by its name."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def literal(value: str) -> exp.Literal:
    return exp.Literal.string(value)


def number(value: int) -> exp.Expr:
    return exp.Literal.number(value)


def cast(node: exp.Expr, to: str) -> exp.Cast:
    return exp.Cast(this=node, to=exp.DataType.build(to, dialect="duckdb"))


def plain_text(node: exp.Expr | None, what: str) -> str:
    """The value of a text literal, or a refusal that says ``what`` it has to be."""
    if isinstance(node, exp.Literal) and node.is_string:
        return str(node.name)
    raise QueryRefusedError(f"{what} has to be a plain text literal.")


def given(node: exp.Expr) -> set[str]:
    """The names of the arguments that a node has."""
    return {name for name, value in node.args.items() if value is not None and value is not False}
