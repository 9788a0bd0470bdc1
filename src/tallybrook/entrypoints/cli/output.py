"""Saying things: complaints on stderr, results on stdout as a table or for programs."""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Literal

OutputFormat = Literal["table", "json", "csv", "ndjson"]
Rows = Sequence[Sequence[Any]]

_PIPED_WIDTH = 10_000
"""A table that nobody sees is read by a program or a pager: it is not folded."""


def complain(text: str) -> None:
    """One line on stderr."""
    print("tallybrook: " + " ".join(text.split()), file=sys.stderr)


def note(text: str = "") -> None:
    """A line about what is going on: stderr, so that stdout holds results alone."""
    print(text, file=sys.stderr, flush=True)


def print_rows(names: Sequence[str], rows: Rows, fmt: OutputFormat) -> None:
    """Write a result. ``table`` is for people; the others keep every digit and type they can."""
    if fmt == "table":
        _print_table(names, rows)
    elif fmt == "csv":
        _print_csv(names, rows)
    else:
        _print_json([dict(zip(names, row, strict=True)) for row in rows], fmt)


def _print_table(names: Sequence[str], rows: Rows) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for at, name in enumerate(names):
        numeric = any(_is_number(row[at]) for row in rows)
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell_text(value)) for value in row))
    console.print(table)


def _print_csv(names: Sequence[str], rows: Rows) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([cell_text(value) for value in row] for row in rows)


def _print_json(rows: Iterable[dict[str, Any]], fmt: OutputFormat) -> None:
    if fmt == "json":
        print(json.dumps(list(rows), ensure_ascii=False, indent=2))
        return
    for row in rows:
        print(json.dumps(row, ensure_ascii=False))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def cell_text(value: Any) -> str:
    """A value in a table or CSV cell: null is empty, an object is its JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
