"""The guard: text → a statement that may run, or the reason why not. Pure.

Nothing is decided by looking for words: the statement is parsed, and what its tree contains must
be on the allow-list.
"""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct
from sqlglot import ErrorLevel, exp, parse
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from tallybrook.lake.tables import TABLES, Table, Tables
from tallybrook.ports.sql import Parameter, QueryRefusedError
from tallybrook.sql import names, parameters, pruning, shape, touched
from tallybrook.sql.dialect import Statements
from tallybrook.sql.grammar import ADVICE, FUNCTIONS, NAMED_FUNCTIONS, STRUCTURE, TYPES
from tallybrook.sql.hints import hints
from tallybrook.sql.translate import duckdb_text, exact_text, translate

MAX_CHARACTERS = 32_768
MAX_TOKENS = 8_000
MAX_BRACKETS = 64
MAX_DEPTH = 160
MAX_SCANS = 16

_OPEN = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE}
_CLOSE = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END}
_ONLY = "Only one SELECT, WITH, SHOW TABLES, DESCRIBE or EXPLAIN can run."


class Scan(Struct, frozen=True):
    """One place that reads a table: the view's name, what it says about time, and the columns
    that may be touched there."""

    view: str
    table: str
    need: pruning.Need
    columns: frozenset[str] = frozenset()


class Terms(Struct, frozen=True):
    """What the statement is judged under."""

    now_us: int
    full_scan: bool
    max_rows: int
    tables: Tables


class Statement(Struct, frozen=True):
    """A statement that may run. ``sql`` is DuckDB's; ``rows`` is the answer where no data is read.

    ``exact_sql`` is the same with exact counts where ``sql`` has approximate ones. ``columns`` are
    those that may be touched, of any table.
    """

    kind: Literal["select", "explain", "static"]
    sql: str = ""
    exact_sql: str = ""
    parameters: dict[str, Parameter] = {}
    scans: tuple[Scan, ...] = ()
    columns: frozenset[str] = frozenset()
    hints: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def guard(
    sql: str,
    given: Mapping[str, Parameter] | None = None,
    *,
    now_us: int,
    full_scan: bool = False,
    max_rows: int = 1_000_000,
    tables: Tables = TABLES,
) -> Statement:
    """Check and translate one Trino statement, or raise ``QueryRefusedError``.

    ``tables`` are all that it may read: those of everybody, and the account's tables of results.
    Where the statement sets no limit itself it gets ``max_rows`` + 1: enough to tell a cut answer.
    """
    try:
        return _guard(sql, given or {}, Terms(now_us, full_scan, max_rows, tables))
    except RecursionError:
        raise QueryRefusedError("The statement is nested too deeply.", "Use WITH.") from None
    except SqlglotError as error:
        raise QueryRefusedError(f"The statement cannot be read: {_first_line(error)}") from None


def _guard(sql: str, given: Mapping[str, Parameter], terms: Terms) -> Statement:
    if len(sql) > MAX_CHARACTERS:
        raise QueryRefusedError(f"The statement is over {MAX_CHARACTERS} characters.")
    if "\0" in sql:
        raise QueryRefusedError("The statement has a zero character.")
    tokens = _tokens(sql)
    first = tokens[0].text.upper()
    if first in ("SHOW", "DESCRIBE", "DESC"):
        parameters.bind([], given)
        return _static(tokens, terms.tables)
    if first == "EXPLAIN":
        sql = sql[tokens[0].end + 1 :]
        return _query(sql, _tokens(sql), given, terms, "explain")
    return _query(sql, tokens, given, terms, "select")


def _query(
    sql: str,
    tokens: list[Any],
    given: Mapping[str, Parameter],
    terms: Terms,
    kind: Literal["select", "explain"],
) -> Statement:
    if tokens[0].text.upper() not in ("SELECT", "WITH", "("):
        raise QueryRefusedError("That is no query.", _ONLY)
    text, found = parameters.replace(sql[: tokens[-1].end + 1], tokens)
    return _select(text, parameters.bind(found, given), terms, kind)


def _tokens(sql: str) -> list[Any]:
    """Tokens without the closing semicolon; refuses a second statement and deep brackets."""
    tokens = Statements().tokenize(sql)
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise QueryRefusedError("There is no statement.", _ONLY)
    if len(tokens) > MAX_TOKENS:
        raise QueryRefusedError(f"The statement has over {MAX_TOKENS} words.")
    if any(token.token_type == TokenType.SEMICOLON for token in tokens):
        raise QueryRefusedError("There is more than one statement.", _ONLY)
    depth = deepest = 0
    for token in tokens:
        depth += (token.token_type in _OPEN) - (token.token_type in _CLOSE)
        deepest = max(deepest, depth)
    if deepest > MAX_BRACKETS:
        raise QueryRefusedError(f"Brackets are nested over {MAX_BRACKETS} deep.", "Use WITH.")
    return tokens


def _static(tokens: list[Any], tables: Tables) -> Statement:
    words = " ".join(token.text for token in tokens).upper().split()
    if words == ["SHOW", "TABLES"]:
        rows = tuple((table.name,) for table in tables.values())
        return Statement(kind="static", headings=("Table",), rows=rows)
    if (words[:-1] in (["DESCRIBE"], ["DESC"]) or words[:-1] == ["SHOW", "COLUMNS", "FROM"]) and (
        table := tables.get(words[-1].lower())
    ):
        keys = {column.name for column in table.partitions}
        described = tuple(
            (c.name, c.trino_type, "partition key" if c.name in keys else "", c.description)
            for c in table.all_columns
        )
        headings = ("Column", "Type", "Extra", "Comment")
        return Statement(kind="static", headings=headings, rows=described)
    raise QueryRefusedError("That cannot be shown.", "SHOW TABLES and DESCRIBE a table can.")


def _select(
    sql: str,
    values: dict[str, Parameter],
    terms: Terms,
    kind: Literal["select", "explain"],
) -> Statement:
    statements = parse(sql, dialect=Statements, error_level=ErrorLevel.RAISE)
    tree = statements[0] if len(statements) == 1 else None
    if not isinstance(tree, exp.Select | exp.SetOperation | exp.Subquery):
        raise QueryRefusedError("That is no query.", _ONLY)
    _check_depth(tree)
    _check_nodes(tree, values)
    shape.check(tree)
    names.check(tree, terms.tables)
    advice = hints(tree)
    _name_columns(tree)
    bases = touched.bases(tree, terms.tables)
    tree = translate(tree, terms.now_us)
    scans = _scans(bases)
    if not terms.full_scan:
        _check_filters(scans, terms.tables)
    _limit_rows(tree, terms.max_rows)
    text = duckdb_text(tree)
    return Statement(
        kind=kind,
        sql=text,
        exact_sql=exact_text(tree, text),
        parameters=values,
        scans=scans,
        columns=frozenset(name for scan in scans for name in scan.columns),
        hints=advice,
    )


def _check_depth(tree: exp.Expr) -> None:
    """Walked without recursion, before anything that recurses sees the tree."""
    level: list[exp.Expr] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in node.iter_expressions()]
        if not level:
            return
    raise QueryRefusedError("The statement is nested too deeply.", "Use WITH or IN (…).")


def _check_nodes(tree: exp.Expr, values: dict[str, Parameter]) -> None:
    for node in tree.walk():
        kind = type(node).__name__
        if isinstance(node, exp.Anonymous):
            _check_named(node)
        elif kind not in STRUCTURE and kind not in FUNCTIONS:
            word = node.sql_name().lower() if isinstance(node, exp.Func) else kind
            raise QueryRefusedError(f"{word} is not allowed here.", ADVICE.get(kind, ""))
        if isinstance(node, exp.With) and node.args.get("recursive"):
            raise QueryRefusedError("WITH RECURSIVE is not allowed here.")
        if isinstance(node, exp.Placeholder) and node.name not in values:
            raise QueryRefusedError("A parameter is written {{name}}.")
        if isinstance(node, exp.Alias) and not isinstance(node.args["alias"], exp.Identifier):
            raise QueryRefusedError("A parameter cannot be a name.")
        if isinstance(node, exp.Select) and not node.expressions:
            raise QueryRefusedError("SELECT has no columns.")
        if isinstance(node, exp.DataType) and node.this.name not in TYPES:
            raise QueryRefusedError(f"The type {node.this.name} is not allowed here.")


def _check_named(node: exp.Anonymous) -> None:
    name = node.name.lower()
    if name not in NAMED_FUNCTIONS:
        allowed = "It reads nothing outside the tables." if name.startswith("read_") else ""
        raise QueryRefusedError(
            f"The function {name} is not allowed here.", ADVICE.get(name, allowed)
        )


def _name_columns(tree: exp.Expr) -> None:
    """A column without a name is called by its place, as Athena does."""
    first: exp.Expr | None = tree
    while isinstance(first, exp.SetOperation | exp.Subquery):
        first = first.this
    if not isinstance(first, exp.Select):
        return
    for place, column in enumerate(first.expressions):
        if not isinstance(column, exp.Alias | exp.Column | exp.Star):
            column.replace(exp.alias_(column.copy(), f"_col{place}"))


def _limit_rows(tree: exp.Expr, max_rows: int) -> None:
    """No more rows are made than will be shown, and one to tell that there were more."""
    if isinstance(tree, exp.Select | exp.SetOperation) and tree.args.get("limit") is None:
        tree.set("limit", exp.Limit(expression=exp.Literal.number(max_rows + 1)))


def _scans(bases: list[touched.Base]) -> tuple[Scan, ...]:
    """Give every place that reads a table a view of its own, so that each is pruned by itself."""
    if len(bases) > MAX_SCANS:
        raise QueryRefusedError(f"The tables are read in over {MAX_SCANS} places.", "Use WITH.")
    scans: list[Scan] = []
    for base in bases:
        table = base.node
        view = f"tb_scan_{len(scans)}"
        scans.append(Scan(view, base.table.name, pruning.need(table, base.table), base.columns))
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
        table.set("this", exp.to_identifier(view))
    return tuple(scans)


def _check_filters(scans: tuple[Scan, ...], tables: Tables) -> None:
    for scan in scans:
        table = tables[scan.table]
        if not scan.need and table.filters:
            names_ = [p.name for p in table.partitions if p.name in table.filters]
            raise QueryRefusedError(
                f"{scan.table} is partitioned by {' and '.join(names_)} and this reads all of it.",
                f"Filter each place that reads it on {' or '.join(table.filters)} with a constant"
                f" (qualify the column where tables are joined), for example {_example(table)}, or"
                " ask for a full scan.",
            )


def _example(table: Table) -> str:
    kinds = {partition.kind for partition in table.partitions}
    if "day" in kinds:
        return "WHERE date >= date_add('day', -7, current_date)"
    if "day_text" in kinds:
        return "WHERE date >= date_format(date_add('day', -7, current_date), '%Y/%m/%d')"
    return "WHERE year = year(current_date) AND month = month(current_date)"


def _first_line(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else "syntax error"
    return text.replace("\x1b[4m", "").replace("\x1b[0m", "")[:200]
