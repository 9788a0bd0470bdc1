"""Assessments by the file: each row is checked and stored as the door stores a single one."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from tallybrook.assessments.anonymised import decoded
from tallybrook.assessments.anonymising import FindInventory, clean, read_identity
from tallybrook.assessments.flow import tasks
from tallybrook.assessments.flow.places import MAX_BODY_BYTES, SOURCE, raw_key
from tallybrook.assessments.flow.tasks import Task
from tallybrook.errors import ConflictError, TerminalError, TooLargeError
from tallybrook.events.instants import DAY_US
from tallybrook.failed.keeping import failed_record
from tallybrook.ports.clock import Clock
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.objects import Objects
from tallybrook.privacy.vocabulary import Vocabulary

_TOLD = ("age", "gender", "country", "industry", "role", "yearsExperience")
_META = ("userAgent", "platform", "appVersion", "sessionId")
_GROUPS = {"demographics": _TOLD, "metadata": _META}
_ITEM = re.compile(r"(?:q|Q|item|answer)?[ _.]?(\d{1,3})", re.ASCII)
_MARK = "row"


class Bulk(Struct):
    """What rows are stored with. ``send`` queues tasks."""

    objects: Objects
    vocabulary: Vocabulary
    find_inventory: FindInventory
    clock: Clock
    send: Callable[[Sequence[str]], object]

    def take(self, body: bytes, account_id: str, mark: str, again: bool) -> tuple[bool, str]:
        """Check an assessment and store it; whether it was there before, and its task.

        ``mark`` names the row: with ``again``, what was stored under the same mark was stored by
        this very row. Raises ``TerminalError`` that quotes nothing, and ``StorageError``.
        """
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError(f"an assessment has at most {MAX_BODY_BYTES} bytes")
        raw = decoded(body)
        read_identity(raw)
        latest_us = self.clock() + DAY_US
        clean(raw, self.vocabulary, self.find_inventory, not_after_us=latest_us)
        known, key = self._store(body, account_id, mark, again)
        return known, tasks.encode(Task(key))

    def refuse(
        self, error: TerminalError, body: bytes, account_id: str, failed_id: str, now_us: int
    ) -> FailedRecord:
        """The failed record of a row: it names the object that holds it, and nothing of it."""
        _, key = self._store(body, account_id, failed_id, False)
        task = tasks.encode(Task(key)).encode()
        record = failed_record(error, task, account_id=account_id, source=SOURCE, now_us=now_us)
        record.failed_id = failed_id
        return record

    def _store(self, body: bytes, account_id: str, mark: str, again: bool) -> tuple[bool, str]:
        key = raw_key(account_id, body)
        try:
            self.objects.put(
                key, body, content_type="application/json", metadata={_MARK: mark},
                create_only=True,
            )  # fmt: skip
        except ConflictError:
            head = self.objects.head(key) if again else None
            return not (head and head.metadata.get(_MARK) == mark), key
        return False, key


def from_columns(row: Mapping[str, Raw]) -> bytes:
    """A row of a table as an assessment: answers are columns that are called by the item's number
    (``17``, ``q17``), or one column ``responses`` in JSON; an empty cell is no value.

    ``demographics`` and ``metadata`` are columns of their fields, with or without
    ``demographics.`` before them. Everything else goes in as it stands.
    """
    made: dict[str, Any] = {}
    responses: list[dict[str, Any]] = []
    for name, raw in row.items():
        value = msgspec.json.decode(raw)
        if value == "":
            continue
        item = _ITEM.fullmatch(name)
        if item:
            responses.append({"questionId": item[1].lstrip("0") or "0", "answer": value})
        else:
            _put(made, name, value)
    if responses:
        made["responses"] = responses
    return msgspec.json.encode(made)


def _put(made: dict[str, Any], name: str, value: Any) -> None:
    top, dot, rest = name.partition(".")
    group = next((group for group, fields in _GROUPS.items() if name in fields), None)
    if dot and top in _GROUPS:
        group, name = top, rest
    if group is not None:
        made.setdefault(group, {})[name] = value
    elif name == "responses" and isinstance(value, str):
        made[name] = _json(value)
    else:
        made[name] = str(value) if name in ("userId", "assessmentId", "version") else value


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
