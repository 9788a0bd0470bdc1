"""Recording an erasure: with the task that does it before anything is done, and when it is done.

Whatever dies when, somebody finds the task and does it to its end.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tallybrook.errors import InvalidError
from tallybrook.events.instants import format_instant
from tallybrook.lake.asking import task_put
from tallybrook.lake.erasures import (
    LAST,
    Certificate,
    Last,
    about,
    certificates_of,
    find,
    names_of,
    pending_of,
)
from tallybrook.lake.tasks import Task
from tallybrook.ports.lake import digest_of
from tallybrook.ports.state import Delete, Put, State

MAX_NAMES = 90
"""One write of state records them all."""


def request(
    state: State, erasure_id: str, account_id: str, names: Sequence[str], up_to: int, now_us: int
) -> Certificate:
    """Have somebody erased by whoever writes the lake. Recorded when this returns. Raises
    ``InvalidError`` for no name, an empty one, or more than ``MAX_NAMES``."""
    if not names or not all(names) or len(set(names)) > MAX_NAMES:
        raise InvalidError(f"whom to erase is said by 1 to {MAX_NAMES} ids, none of them empty")
    task = Task(op="erase", account_id=account_id, names=names, up_to=up_to, erasure_id=erasure_id)
    asked = Certificate(
        erasure_id=erasure_id, status="pending", requested_at=format_instant(now_us),
        names=len(set(names)), up_to=up_to,
    )  # fmt: skip
    state.write(
        [
            task_put(erasure_id, task),
            Put(pending_of(account_id), erasure_id, b""),
            Put(certificates_of(account_id), erasure_id, msgspec.json.encode(asked)),
            *(
                Put(names_of(account_id), digest_of(account_id, name), b"%d" % now_us)
                for name in set(names)
            ),
        ]
    )
    return asked


def finish(
    state: State, task: Task, found: Mapping[str, Any], last: Last, answers: int
) -> Certificate:
    """Record that an erasure is done; ``found`` is what the lake's writer told. Doing it twice
    keeps what was told first."""
    account_id = task.account_id
    certificate = find(state, account_id, task.erasure_id)
    if certificate.status == "pending":
        certificate.status = "done"
        certificate.finished_at = format_instant(last.at_us)
        certificate.tables, certificate.answers = found["tables"], answers
    state.write(
        [
            Put(certificates_of(account_id), task.erasure_id, msgspec.json.encode(certificate)),
            Put(about(account_id), LAST, msgspec.json.encode(last)),
            Delete(pending_of(account_id), task.erasure_id),
        ]
    )
    return certificate
