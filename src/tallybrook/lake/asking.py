"""Asking whoever writes the lake for a task, by way of state: another process is the writer.

A task is done before its answer is kept, and the answer before the task is taken away: a crash in
between has it done again, which changes nothing.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.errors import StorageError, TallybrookError
from tallybrook.events.ids import new_ulid
from tallybrook.lake.chores import Task
from tallybrook.ports.state import State

TASKS, ANSWERS = "lake/tasks", "lake/answers"
_KEPT_S = 3600
_LOOK_EVERY_S = 0.2


class Answer(Struct):
    """What became of a task: ``found``, or the ``error`` why nothing did."""

    found: dict[str, Any] = {}
    error: str = ""


_task = msgspec.json.Decoder(Task)
_answer = msgspec.json.Decoder(Answer)


def ask(state: State, task: Task, timeout_s: float) -> dict[str, Any]:
    """Have a task done and wait for what became of it. Raises ``StorageError`` where nobody does
    it in time: it may be done later."""
    name = new_ulid(time.time_ns() // 1000)
    state.put(TASKS, name, msgspec.json.encode(task))
    until_s = time.monotonic() + timeout_s
    while time.monotonic() < until_s:
        if (found := state.get(ANSWERS, name)) is not None:
            state.delete(ANSWERS, name)
            return _told(_answer.decode(found.value))
        time.sleep(_LOOK_EVERY_S)
    raise StorageError("the writer of the lake did not answer; it does it when it can")


def _told(answer: Answer) -> dict[str, Any]:
    if answer.error:
        raise StorageError(answer.error)
    return answer.found


def answer_next(state: State, do: Callable[[Task], dict[str, Any]]) -> int:
    """Do the oldest task that waits; how many that was. Raises ``StorageError`` of the state."""
    waiting = state.query(TASKS, limit=1)
    for item in waiting:
        if item.value:
            answer, until_s = _done(item.value, do), int(time.time()) + _KEPT_S
            state.put(ANSWERS, item.key, msgspec.json.encode(answer), expires_at_s=until_s)
            # Overwritten first: a file keeps what is only deleted, and it may be a name.
            state.put(TASKS, item.key, b"")
        state.delete(TASKS, item.key)
    return len(waiting)


def _done(body: bytes, do: Callable[[Task], dict[str, Any]]) -> Answer:
    try:
        return Answer(found=do(_task.decode(body)))
    except msgspec.DecodeError:
        return Answer(error="that is no task")
    except TallybrookError as error:
        return Answer(error=error.detail)
