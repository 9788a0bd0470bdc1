"""What the queue of assessments holds: which object is next. Pure.

A task names objects and pseudonyms, never what is in them.
"""

import msgspec
from msgspec import Struct

from tallybrook.errors import InvalidError


class Task(Struct, frozen=True, omit_defaults=True):
    """An object to work on: a raw one is anonymised, an anonymised one is scored.

    ``assessment_id`` is the pseudonym that was made when it was received, None for an object that
    came another way.
    """

    object: str
    assessment_id: str | None = None


_decoder = msgspec.json.Decoder(Task)


def encode(task: Task) -> str:
    return msgspec.json.encode(task).decode()


def decode(body: bytes) -> Task:
    """Raises ``InvalidError``, which quotes nothing."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise InvalidError("is no task of assessments") from None
