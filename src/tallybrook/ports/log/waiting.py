"""What every log does around its own way of writing."""

import threading
from collections.abc import Callable

from tallybrook.errors import StorageError, TallybrookError
from tallybrook.ports.log import Done, Receipt, Write


def weight_of(write: Write) -> int:
    """Items a write counts for in a backlog."""
    return len(write.events) + len(write.records) + len(write.failed) + len(write.settle)


def write_and_wait(
    submit: Callable[[Write, Done], None], write: Write, timeout_s: float
) -> Receipt:
    """Hand over a write and wait for its receipt; raises what the log tells instead of one.

    ``StorageError`` when there is no answer in time: it may have been stored, and can be sent
    again.
    """
    results: list[Receipt | TallybrookError] = []
    finished = threading.Event()

    def done(result: Receipt | TallybrookError) -> None:
        results.append(result)
        finished.set()

    submit(write, done)
    if not finished.wait(timeout_s):
        raise StorageError(f"the log did not answer within {timeout_s} s")
    if isinstance(results[0], TallybrookError):
        raise results[0]
    return results[0]
