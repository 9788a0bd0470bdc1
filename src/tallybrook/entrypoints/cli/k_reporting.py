"""The work of ``tallybrook privacy k-report``."""

from typing import Any, Literal

import msgspec

from tallybrook.entrypoints.cli.output import complain, note, print_rows
from tallybrook.errors import InvalidError, MalformedError, TerminalError, UsageError
from tallybrook.files.rows import MAX_ROW_BYTES
from tallybrook.files.source import Line, lines, open_source
from tallybrook.privacy.kanonymity import COLUMNS, KReport, Tally, anonymised_row, raw_row
from tallybrook.privacy.library import load
from tallybrook.settings import Settings

_COUNTS = ("rows", "people", "cells", "cells_below", "rows_below", "people_below")
_NUMBERS = ("k", "threshold", *_COUNTS)


def run(
    file: str, raw: bool, k: int, worst: int, check: bool, words: str | None,
    fmt: Literal["table", "json"],
) -> int:  # fmt: skip
    """Count every line and print the report; 1 for lines that could not be counted."""
    if k < 1 or worst < 0:
        raise UsageError("-k must be 1 or more, and --worst not negative")
    vocabulary = load(words if words is not None else Settings.from_env().privacy)
    tally, refused, first = Tally(), 0, ""
    for line in lines(open_source(file).stream):
        if not line.text.strip():
            continue
        try:
            read = raw_row if raw else anonymised_row
            tally.add(*read(_decoded(line), vocabulary))
        except TerminalError as error:
            refused += 1
            first = first or f"line {line.number}: {error.detail}"
    report = tally.report(k, worst)
    _print(report, fmt)
    if refused:
        complain(f"lines not counted: {refused}; the first: {first}")
    return 1 if refused or (check and report.cells_below) else 0


def _decoded(line: Line) -> dict[str, Any]:
    if line.cut:
        raise InvalidError(f"is over {MAX_ROW_BYTES} bytes")
    try:
        found = msgspec.json.decode(line.text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise MalformedError("is not JSON") from None
    if not isinstance(found, dict):
        raise InvalidError("is no JSON object")
    return found


def _print(report: KReport, fmt: str) -> None:
    if fmt == "json":
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
        return
    known = msgspec.structs.asdict(report)
    print_rows(("", "value"), [(name, known[name]) for name in _NUMBERS], "table")
    if report.worst:
        rows = [(*found.cell.values(), found.people, found.rows) for found in report.worst]
        print_rows((*COLUMNS, "people", "rows"), rows, "table")
    if report.reason:
        note(report.reason)
