"""Events into the log from processes that do not write it.

Locally one process writes the log. Others put their events into a queue, durable when ``handing``
returns; the writer takes them from there. The log knows an event that comes twice by its id.
"""

import logging
import threading
from collections.abc import Callable, Sequence

import msgspec

from tallybrook.errors import TallybrookError
from tallybrook.events.model import Event
from tallybrook.ports.log import Log, Write
from tallybrook.ports.queue import Queue

QUEUE = "log"
LOOK_EVERY_S = 0.3
LONGEST_PAUSE_S = 10.0
_BATCH = 500
_VISIBILITY_S = 60

_event = msgspec.json.Decoder(Event)
_log = logging.getLogger("tallybrook.server")


def handing(queue: Queue) -> Callable[[Sequence[Event]], None]:
    """What hands events over. Raises ``StorageError``: hand them over again."""

    def hand(events: Sequence[Event]) -> None:
        queue.send([_body(event) for event in events])

    return hand


def _body(event: Event) -> str:
    """One event as a queue takes it: without the two characters that JSON may hold and XML not."""
    text = msgspec.json.encode(event).decode()
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def take_over(queue: Queue, log: Log) -> int:
    """Write what was handed over, how many events. They leave the queue when they are durable; a
    crash in between writes duplicates. Raises ``RetryableError`` while the log refuses."""
    messages = queue.receive(_BATCH, visibility_s=_VISIBILITY_S)
    if messages:
        log.write(Write([_event.decode(one.body) for one in messages]))
        queue.acknowledge([one.receipt for one in messages])
    return len(messages)


class Relay:
    """Takes over in a thread until it is stopped; what it has in hand then is finished."""

    def __init__(self, queue: Queue, log: Log) -> None:
        self._queue, self._log = queue, log
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay")
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        pause_s = LOOK_EVERY_S
        while not self._stop.wait(pause_s):
            try:
                while take_over(self._queue, self._log) and not self._stop.is_set():
                    pass
                pause_s = LOOK_EVERY_S
            except TallybrookError as error:
                _log.error("events of other processes: %s; trying again", error.detail)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
