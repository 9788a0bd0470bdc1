"""The work of ``tallybrook agreement``."""

from collections.abc import Iterator

import msgspec

from tallybrook.assessments.agreement.report import Options, Rating, report
from tallybrook.errors import MalformedError, UsageError
from tallybrook.files.source import lines, open_source

_RATING = msgspec.json.Decoder(Rating)


def run(
    file: str, categories: tuple[str, ...], tolerance: float | None, resamples: int, seed: int
) -> int:
    """Read all pairs and print the report. Raises ``MalformedError`` naming the line."""
    if len(set(categories)) != len(categories):
        raise UsageError("--categories names one of them twice")
    if resamples < 0:
        raise UsageError("--resamples must not be negative")
    found = report(_ratings(file), Options(categories, tolerance, resamples, seed))
    print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    return 0


def _ratings(file: str) -> Iterator[Rating]:
    for line in lines(open_source(file).stream):
        if not line.text.strip():
            continue
        try:
            yield _RATING.decode(line.text)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise MalformedError(f"line {line.number}: {error}") from None
