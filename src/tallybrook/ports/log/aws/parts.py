"""Parts that run side by side, and what follows when the last of them has ended."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

Part = Callable[[], None]
Then = Callable[[list[Exception]], None]


class _Countdown:
    """Counts the parts that have ended; the last one's thread goes on with what follows."""

    def __init__(self, count: int, then: Then) -> None:
        self._left = count
        self._then = then
        self._lock = threading.Lock()
        self._errors: list[Exception] = []

    def run(self, part: Part) -> None:
        try:
            part()
        except Exception as error:  # noqa: BLE001 - handed on to what follows
            with self._lock:
                self._errors.append(error)
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            self._then(self._errors)


def run_all(pool: Executor, parts: Sequence[Part], then: Then) -> None:
    """Run the parts on the pool, one of them on this thread, which has to be one of the pool's.

    No thread waits for another. ``then`` is given the errors of all parts, in no order, and must
    not raise.
    """
    if not parts:
        then([])
        return
    countdown = _Countdown(len(parts), then)
    for part in parts[1:]:
        pool.submit(countdown.run, part)
    countdown.run(parts[0])
