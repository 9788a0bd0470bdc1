"""Query parameters: read, checked, and refused with the name of the one that is wrong."""

from collections.abc import Mapping

from tallybrook.errors import InvalidError
from tallybrook.events.instants import DAY_US, parse_instant


def instant(query: Mapping[str, str], name: str) -> int | None:
    """The instant of a parameter in microseconds, None when absent."""
    text = query.get(name)
    if text is None:
        return None
    # A plus sign in a query string is a space; an offset has no space in it.
    found = parse_instant(text.replace(" ", "+") if text.count(" ") == 1 and "T" in text else text)
    if found is None:
        raise InvalidError.of(f"/{name}", "is not an instant or a date")
    return found


def range_end(query: Mapping[str, str], name: str) -> int | None:
    """The exclusive end of a range: a date names a whole day, an instant itself."""
    found = instant(query, name)
    return found + DAY_US if found is not None and is_date(query[name]) else found


def span(query: Mapping[str, str]) -> tuple[int | None, int | None]:
    """``start`` and the exclusive ``end`` of a range in microseconds, None where absent.

    The order is checked of what was given: two dates in the wrong order are not an empty range.
    """
    start, end = instant(query, "start"), instant(query, "end")
    if start is not None and end is not None and start > end:
        raise InvalidError.of("/start", "must not be after end")
    return start, range_end(query, "end")


def is_date(text: str) -> bool:
    return len(text.strip()) == len("2026-01-31")


def integer(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """A whole number within bounds."""
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 19):
        raise InvalidError.of(f"/{name}", "must be a whole number")
    value = int(text)
    if not low <= value <= high:
        raise InvalidError.of(f"/{name}", f"must be from {low} to {high}")
    return value
