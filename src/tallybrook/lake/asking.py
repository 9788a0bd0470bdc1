"""Asking whoever writes the lake for a task, by way of state: another process is the writer.

A task is done before its answer is kept, and the answer before the task is taken away: a crash in
between has it done again, which changes nothing. An erasure waits on whatever goes wrong, and the
answer of a saved query while that may pass; of every other task the error is the answer.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.errors import InvalidError, RetryableError, StorageError, TallybrookError
from tallybrook.events.ids import new_ulid
from tallybrook.lake.tasks import Task
from tallybrook.ports.state import Put, State

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
    return wait(state, post(state, task), timeout_s)


def post(state: State, task: Task) -> str:
    """Have a task done; the name to ask by what became of it."""
    name = new_ulid(time.time_ns() // 1000)
    put = task_put(name, task)
    state.put(put.partition, put.key, put.value)
    return name


def task_put(name: str, task: Task) -> Put:
    """What has a task done once it is written. Names are ULIDs: the oldest is done first."""
    return Put(TASKS, name, msgspec.json.encode(task))


def wait(
    state: State, name: str, timeout_s: float, look: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """What became of a task, ``look`` being called between two looks. Raises as ``ask``."""
    until_s = time.monotonic() + timeout_s
    while True:
        if (found := state.get(ANSWERS, name)) is not None:
            state.delete(ANSWERS, name)
            return _told(_answer.decode(found.value))
        if time.monotonic() > until_s:
            raise StorageError("the writer of the lake did not answer; it does it when it can")
        look()
        if state.get(ANSWERS, name) is None:
            time.sleep(_LOOK_EVERY_S)


def _told(answer: Answer) -> dict[str, Any]:
    if answer.error:
        raise StorageError(answer.error)
    return answer.found


def answer_next(state: State, do: Callable[[Task], dict[str, Any]]) -> int:
    """Do the oldest task that waits; how many that was. Raises ``StorageError`` of the state, and
    what keeps a task that waits on from being done."""
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
        task = _task.decode(body)
    except msgspec.DecodeError:
        return Answer(error="that is no task")
    try:
        return Answer(found=do(task))
    except TallybrookError as error:
        if _waits_on(task, error):
            raise
        return Answer(error=error.detail)


def _waits_on(task: Task, error: TallybrookError) -> bool:
    if task.op == "erase" and not task.dry_run:
        return not isinstance(error, InvalidError)
    return task.op == "result" and isinstance(error, RetryableError)
