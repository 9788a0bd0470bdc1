"""A statement for Athena: what the guard let by, over the rows of one account.

The guard judges, and its judgement is about the tree it parsed; so what Athena is sent is written
from that tree and never the text that came in (two parsers may disagree about a comment). Every
place that reads a table reads a query of its own in its stead, which names the account.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from sqlglot import ErrorLevel, exp, parse_one
from sqlglot.tokenizer_core import TokenType

from tallybrook.lake.tables import Table
from tallybrook.lake.tables.model import ACCOUNT
from tallybrook.lake.tables.results import PREFIX
from tallybrook.ports.lake import ACCOUNT_ID
from tallybrook.ports.sql import Parameter, QueryRefusedError
from tallybrook.sql import parameters, touched
from tallybrook.sql.dialect import Statements
from tallybrook.sql.guard import guard

MAX_BYTES = 262_144
"""The longest statement that Athena takes."""

_PRESENT = (exp.CurrentTimestamp, exp.Localtimestamp, exp.CurrentDate)


class AthenaStatement(Struct, frozen=True):
    """``sql`` is Athena's; "" where no data is read (``kind`` static). ``fixed`` says that the same
    data give the same answer: the statement does not ask what time it is."""

    kind: Literal["select", "explain", "static"]
    sql: str = ""
    fixed: bool = True


def athena(
    sql: str,
    given: Mapping[str, Parameter],
    *,
    account_id: str,
    database: str,
    now_us: int,
    full_scan: bool = False,
    max_rows: int = 1_000_000,
) -> AthenaStatement:
    """Check one statement and write it for Athena, with its parameters as typed literals.

    Raises ``QueryRefusedError`` like the guard. Where it has no limit it gets
    ``max_rows`` + 1.
    """
    if not ACCOUNT_ID.fullmatch(account_id):
        raise QueryRefusedError("That is no account id.", pointer="/account_id")
    checked = guard(sql, given, now_us=now_us, full_scan=full_scan, max_rows=max_rows)
    if checked.kind == "static":
        return AthenaStatement("static")
    tree = _tree(sql, given, explain=checked.kind == "explain")
    for base in touched.bases(tree):
        base.node.replace(_own_rows(base.node, base.table, account_id, database))
    if isinstance(tree, exp.Select | exp.SetOperation) and tree.args.get("limit") is None:
        tree.set("limit", exp.Limit(expression=exp.Literal.number(max_rows + 1)))
    prefix = "EXPLAIN " if checked.kind == "explain" else ""
    text = prefix + athena_text(tree)
    if len(text.encode()) > MAX_BYTES:
        raise QueryRefusedError(f"With its parameters it is over {MAX_BYTES} bytes.")
    fixed = not any(True for _ in tree.find_all(*_PRESENT))
    return AthenaStatement(checked.kind, text, fixed)


def may_read_results(sql: str) -> bool:
    """Whether a statement could read a table of results, which Athena does not have."""
    return PREFIX in sql.lower()


def as_json(sql: str, types: list[str]) -> str:
    """The same rows with what Athena shows ambiguously (lists, maps, rows) as JSON text. ``sql`` is
    a statement from ``athena``; ``types`` are those of its columns."""
    names = [f"c{place}" for place in range(len(types))]
    shown = ", ".join(
        f"json_format(CAST({name} AS json)) AS {name}" if is_nested(kind) else name
        for name, kind in zip(names, types, strict=True)
    )
    return f"SELECT {shown} FROM ({sql}) AS tb_result({', '.join(names)})"


def is_nested(kind: str) -> bool:
    """Whether a type of Athena's is one of several values."""
    return kind.lower().startswith(("array", "map", "row", "struct"))


def athena_text(tree: exp.Expr) -> str:
    return tree.sql(dialect=Statements, comments=False, unsupported_level=ErrorLevel.RAISE)


def _tree(sql: str, given: Mapping[str, Parameter], *, explain: bool) -> exp.Expr:
    """What the guard parsed, before it was translated, with values for its parameters."""
    tokens = Statements().tokenize(sql)
    while tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    sql = sql[: tokens[-1].end + 1]
    if explain:
        sql = sql[tokens[0].end + 1 :]
        tokens = Statements().tokenize(sql)
    text, found = parameters.replace(sql, tokens)
    values = parameters.bind(found, given)
    if any(isinstance(value, str) and "\0" in value for value in values.values()):
        raise QueryRefusedError("A parameter has a zero character.", pointer="/parameters")
    tree: exp.Expr = parse_one(text, dialect=Statements)
    for place in list(tree.find_all(exp.Placeholder)):
        place.replace(literal_of(values[place.name]))
    return tree


def literal_of(value: Parameter) -> exp.Expr:
    """A value as a literal of its own type; the generator quotes it."""
    if value is None:
        return exp.Null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, str):
        return exp.Literal.string(value)
    number: exp.Expr = exp.Literal.number(abs(value))
    if isinstance(value, float):
        number = exp.cast(exp.Literal.string(repr(abs(value))), "DOUBLE")
    return exp.Paren(this=exp.Neg(this=number)) if value < 0 else number


def _own_rows(node: exp.Table, table: Table, account_id: str, database: str) -> exp.Subquery:
    """The rows of one account, under the name by which the statement calls the table."""
    columns = [exp.column(exp.to_identifier(c.name, quoted=True)) for c in table.all_columns]
    read = exp.select(*columns).from_(exp.table_(table.name, db=database, quoted=True))
    account = exp.column(exp.to_identifier(ACCOUNT.name, quoted=True))
    own = read.where(exp.EQ(this=account, expression=exp.Literal.string(account_id)))
    alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name))
    return exp.Subquery(this=own, alias=alias.copy())
