"""Reading measurements: one assessment's, and those of a window."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from tallybrook.assessments.agreement.measure import Measurement
from tallybrook.assessments.dual_ai.places import (
    assessment_partition,
    instant_of,
    newest_first,
    results_partition,
)
from tallybrook.ports.state import State, Stored

MAX_MESSAGES = 10_000
"""Read for one window: its newest."""

_decoder = msgspec.msgpack.Decoder(Measurement)


class Held(Struct):
    """Messages of a window, oldest first; ``complete`` unless there were more before them."""

    measured: list[Measurement]
    complete: bool


def decode(value: bytes) -> Measurement:
    return _decoder.decode(value)


def is_kept(state: State, account_id: str, key: str) -> bool:
    """Whether the message of a result's key was measured."""
    return state.get(results_partition(account_id), key) is not None


def of_assessment(
    state: State, account_id: str, assessment_id: str, limit: int = 100
) -> list[Measurement]:
    """The measurements of an assessment, newest first: one for each content that was sent."""
    keys = state.query(assessment_partition(account_id, assessment_id), limit=limit)
    found = (state.get(results_partition(account_id), one.key) for one in keys)
    return [decode(one.value) for one in found if one is not None]


def in_window(
    state: State, account_id: str, start: int, end: int, most: int = MAX_MESSAGES
) -> Held:
    """The messages of ``[start, end)``, in microseconds; the newest of them if they are too many.
    Work and memory are bounded by ``most``."""
    found: list[Measurement] = []
    for one in before(state, account_id, end):
        if instant_of(one.key) < start:
            break
        if len(found) == most:
            return Held(found[::-1], complete=False)
        found.append(decode(one.value))
    return Held(found[::-1], complete=True)


def before(state: State, account_id: str, end: int, page_size: int = 1000) -> Iterator[Stored]:
    """Stored measurements of messages before ``end``, newest first, read page by page."""
    # Keys of the instant ``end`` itself begin with its text: the tilde lies past them.
    after = newest_first(end) + "~"
    while True:
        page = state.query(results_partition(account_id), after=after, limit=page_size)
        yield from page
        if len(page) < page_size:
            return
        after = page[-1].key
