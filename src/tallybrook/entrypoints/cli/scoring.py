"""The work of ``tallybrook score``: a line in, a line out, whatever is in it."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.assessments.inventories import Inventory
from tallybrook.assessments.library import inventory, read_inventory
from tallybrook.assessments.scoring import Result, score
from tallybrook.entrypoints.cli.output import complain
from tallybrook.errors import InvalidError, MalformedError, TallybrookError, TooLargeError
from tallybrook.files.rows import MAX_ROW_BYTES
from tallybrook.files.source import lines, open_source

Choose = Callable[[Mapping[str, Any]], Inventory]
DEFAULT_INVENTORY = "ocean-120"


class Refused(Struct, omit_defaults=True):
    """What comes out for a line that cannot be scored."""

    line: int
    error: dict[str, Any]
    assessmentId: str | None = None  # noqa: N815 - the name in the file format


def run(file: str, named: str | None, own: Path | None, indicators: bool) -> int:
    """Score every line; 1 when one of them could not be."""
    choose = _chooser(named, own)
    source = open_source(file)
    read = refused = 0
    for line in lines(source.stream):
        if not line.text.strip():
            continue
        read += 1
        if line.cut:
            too_large = TooLargeError(f"a line is at most {MAX_ROW_BYTES} bytes")
            result: Result | Refused = Refused(line.number, problem(too_large))
        else:
            result = _scored(line.text, line.number, choose, indicators)
        refused += isinstance(result, Refused)
        sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
    sys.stdout.buffer.flush()
    if refused:
        complain(f"{refused} of {read} assessments cannot be scored; see their error")
    return 1 if refused else 0


def _chooser(named: str | None, own: Path | None) -> Choose:
    if own is not None:
        chosen = read_inventory(own)
        return lambda _assessment: chosen
    if named is not None:
        found = inventory(named)
        return lambda _assessment: found
    return lambda assessment: inventory(str(assessment.get("assessmentType") or DEFAULT_INVENTORY))


def _scored(text: bytes, number: int, choose: Choose, indicators: bool) -> Result | Refused:
    assessment: Any = {}
    try:
        assessment = _decoded(text)
        return score(assessment, choose(assessment), with_indicators=indicators)
    except TallybrookError as error:
        name = assessment.get("assessmentId")
        return Refused(number, problem(error), None if name is None else str(name))


def _decoded(text: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedError(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidError("an assessment is a JSON object")
    return found


def problem(error: TallybrookError) -> dict[str, Any]:
    """What is wrong, as a line of output tells it."""
    faults = [{"pointer": fault.pointer, "detail": fault.detail} for fault in error.errors]
    return {"type": error.slug, "title": error.title, "detail": error.detail, "errors": faults}
