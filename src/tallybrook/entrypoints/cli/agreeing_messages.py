"""The work of ``tallybrook agreement --messages``: a line in, a line out, and one over all."""

import sys
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.accounts.keys import DEFAULT_ACCOUNT
from tallybrook.assessments.agreement.drift import Comparison, looks
from tallybrook.assessments.agreement.measure import Measurement, measure
from tallybrook.assessments.agreement.message import read_dual
from tallybrook.assessments.agreement.shapes import Window
from tallybrook.assessments.agreement.window import RESAMPLES, window
from tallybrook.assessments.dual_ai.showing import shown
from tallybrook.costs.tokens import TokenPrices, token_prices
from tallybrook.entrypoints.cli.output import complain
from tallybrook.entrypoints.cli.scoring import problem
from tallybrook.errors import TerminalError, TooLargeError, UsageError
from tallybrook.events.instants import format_instant
from tallybrook.files.rows import MAX_ROW_BYTES
from tallybrook.files.source import Line, lines, open_source


class Refused(Struct):
    """What comes out for a line that is no message."""

    line: int
    error: dict[str, Any]


class Drifted(Struct):
    """A look at 50 messages that found agreement fallen, or back."""

    at: str
    verdict: str
    comparison: Comparison | None


class Summary(Struct):
    """The last line. ``duplicate`` lines hold a message that came before; they count once."""

    window: Window
    drift: list[Drifted]
    duplicate: int
    refused: int


def run(file: str, resamples: int | None, seed: int, own_prices: str) -> int:
    """Measure every line; 1 when one of them could not be read."""
    wanted = RESAMPLES if resamples is None else resamples
    if wanted < 0:
        raise UsageError("--resamples must not be negative")
    prices = token_prices(own_prices)
    held: dict[str, Measurement] = {}
    read = refused = 0
    for line in lines(open_source(file).stream):
        if not line.text.strip():
            continue
        read += 1
        result = _result(line, prices)
        if isinstance(result, Refused):
            refused += 1
            _print(result)
        else:
            held[result.measurement_id] = result
            _print(shown(result))
    _print(_summary(list(held.values()), read, refused, wanted, seed))
    sys.stdout.buffer.flush()
    if refused:
        complain(f"{refused} of {read} messages cannot be read; see their error")
    return 1 if refused else 0


def _result(line: Line, prices: TokenPrices) -> Measurement | Refused:
    try:
        if line.cut:
            raise TooLargeError(f"a line is at most {MAX_ROW_BYTES} bytes")
        return measure(read_dual(line.text, DEFAULT_ACCOUNT), prices)
    except TerminalError as error:
        return Refused(line.number, problem(error))


def _summary(
    held: list[Measurement], read: int, refused: int, resamples: int, seed: int
) -> Summary:  # fmt: skip
    held.sort(key=lambda one: (one.at, one.measurement_id))
    drifted = [
        Drifted(format_instant(seen.block.last_at), seen.verdict, seen.comparison)
        for _, seen in looks(held)
        if seen.verdict not in ("steady", "too_early")
    ]
    whole = window(held, resamples, seed)
    return Summary(whole, drifted, read - refused - len(held), refused)


def _print(value: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
