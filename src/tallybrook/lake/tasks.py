"""Something to do to a lake once: what is asked of whoever writes it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

Op = Literal["compact", "expire", "retention", "refresh", "erase", "result"]


class Task(Struct, kw_only=True, omit_defaults=True):
    """Something to do once. ``days`` is for retention (days by table); ``account_id``, ``names``
    and ``up_to`` (a log position) are for erasing, ``erasure_id`` where that is recorded;
    ``account_id`` and ``answer`` are for the answer of a saved query."""

    op: Op
    dry_run: bool = False
    days: Mapping[str, int] = {}
    account_id: str = ""
    names: Sequence[str] = ()
    up_to: int = 0
    erasure_id: str = ""
    answer: msgspec.Raw = msgspec.Raw(b"null")
