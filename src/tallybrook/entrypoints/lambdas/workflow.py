"""A step of a run, as the state machine calls it.

What may pass is raised as it is, and the state machine calls again; what will fail again is raised
as ``StepRefusedError``, which it knows not to. ``fail`` ends a run whose step failed for good.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from tallybrook.entrypoints.lambdas import runtime
from tallybrook.errors import TerminalError

if TYPE_CHECKING:
    from tallybrook.workflows.advancing import Work


class StepRefusedError(Exception):
    """The step will fail again, however often it is called."""


@runtime.metered
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Do a step, or end a run: ``{account_id, run_id, step, error?}``."""
    from tallybrook.workflows.advancing import advance, fail
    from tallybrook.workflows.steps import ALL

    account_id, run_id, step = event["account_id"], event["run_id"], event["step"]
    if step == "fail":
        fail(work(), account_id, run_id, _said(event.get("error")))
        return {"run_id": run_id, "status": "failed"}
    try:
        advance(work(), ALL, account_id, run_id, step)
    except TerminalError as error:
        raise StepRefusedError(error.detail) from error
    return {"run_id": run_id, "step": step}


@cache
def work() -> "Work":
    """What steps work with; kept as long as the execution environment."""
    return _open.enter_context(_opened())


def forget() -> None:
    """Close it: the next step starts from the environment as it is by then."""
    _open.close()
    work.cache_clear()


_open = ExitStack()


@contextmanager
def _opened() -> "Iterator[Work]":
    from tallybrook.wiring.workflows import open_aws_work

    with open_aws_work(runtime.settings()) as found:
        yield found


def _said(error: Any) -> str:
    """The message out of what a state machine catches: a name, and a cause that is JSON or text."""
    if not isinstance(error, Mapping):
        return "it failed"
    cause = str(error.get("Cause", ""))
    try:
        found = msgspec.json.decode(cause, type=dict[str, Any])
    except msgspec.MsgspecError:
        return cause or str(error.get("Error", "it failed"))
    return str(found.get("errorMessage") or error.get("Error"))


runtime.prepare(work)
