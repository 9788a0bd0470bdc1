"""Scores and standings into the state: each content once, whatever the order.

Of several contents of an assessment the one with the later ``timestamp`` counts, of those with
the same the one with the greater digest; of a person's assessments the latest by the same rule.
Both are maxima, so they come out the same in whatever order contents arrive.
"""

import random
import time
from collections.abc import Sequence
from functools import partial

import msgspec

from tallybrook.assessments.flow.places import (
    EVENTS,
    people_partition,
    person_key,
    person_partition,
    score_key,
    scores_partition,
    standings_partition,
)
from tallybrook.assessments.flow.scored import canonical
from tallybrook.assessments.flow.shapes import Latest, Scored, Standing
from tallybrook.assessments.flow.telling import event_of
from tallybrook.errors import ConflictError, StorageError
from tallybrook.ports.state import ABSENT, MAX_CHANGES, Change, Put, State
from tallybrook.ports.state.updating import ATTEMPTS, update

_FIRST_S = 0.005

_standing = msgspec.msgpack.Decoder(Standing)
_latest = msgspec.msgpack.Decoder(Latest)
decode_standing, decode_latest = _standing.decode, _latest.decode


def is_scored(state: State, account_id: str, assessment_id: str, content: str) -> bool:
    """Whether this very content was scored."""
    key = score_key(assessment_id, content)
    return state.get(scores_partition(account_id), key) is not None


def keep(state: State, account_id: str, scored: Scored, latest: Latest, now_us: int) -> bool:
    """Store a score with everything that follows from it, in one write; False where it was stored
    before. Raises ``StorageError``: it may be stored, and can be sent again."""
    for attempt in range(ATTEMPTS):
        if is_scored(state, account_id, scored.assessment_id, scored.content):
            return False
        try:
            state.write(_changes(state, account_id, scored, latest, now_us))
        except ConflictError:  # another content of it, or of the person, was faster
            time.sleep(random.uniform(0, _FIRST_S * 2**attempt))
        else:
            return True
    raise StorageError(f"a score: others were faster {ATTEMPTS} times")


def _changes(
    state: State, account_id: str, scored: Scored, latest: Latest, now_us: int
) -> list[Change]:
    name, content = scored.assessment_id, scored.content
    event = event_of(account_id, scored, now_us)
    index = person_partition(account_id, scored.anonymous_user_id)
    return [
        Put(scores_partition(account_id), score_key(name, content), canonical(scored), ABSENT),
        Put(index, person_key(scored.timestamp, name, content), b"1"),
        Put(EVENTS, event.event_id, msgspec.json.encode(event)),
        *_standing_changes(state, account_id, scored, now_us),
        *_person_changes(state, account_id, scored.anonymous_user_id, latest),
    ]


def _standing_changes(state: State, account_id: str, scored: Scored, now_us: int) -> list[Change]:
    partition, name = standings_partition(account_id), scored.assessment_id
    held = state.get(partition, name)
    before = _standing.decode(held.value) if held else None
    if before and _place(before) > (scored.timestamp, scored.content):
        return []
    received_at = before.received_at if before else now_us
    after = Standing(
        status="scored", received_at=received_at, timestamp=scored.timestamp,
        content=scored.content,
    )  # fmt: skip
    version = held.version if held else ABSENT
    return [Put(partition, name, msgspec.msgpack.encode(after), version)]


def _place(standing: Standing) -> tuple[str, str]:
    return standing.timestamp, standing.content or ""


def _person_changes(
    state: State, account_id: str, anonymous_user_id: str, latest: Latest
) -> list[Change]:
    partition = people_partition(account_id)
    held = state.get(partition, anonymous_user_id)
    if held is not None and _rank(_latest.decode(held.value)) > _rank(latest):
        return []
    version = held.version if held else ABSENT
    return [Put(partition, anonymous_user_id, msgspec.msgpack.encode(latest), version)]


def _rank(one: Latest) -> tuple[str, str, str]:
    return one.timestamp, one.assessment_id, one.content


def mark_received(
    state: State, account_id: str, assessment_ids: Sequence[str], now_us: int
) -> None:
    """Remember that assessments came, but for those that have a score or wait already."""
    partition, names = standings_partition(account_id), list(dict.fromkeys(assessment_ids))
    fresh = msgspec.msgpack.encode(Standing(status="received", received_at=now_us))
    for at in range(0, len(names), MAX_CHANGES):
        some = names[at : at + MAX_CHANGES]
        try:
            state.write([Put(partition, name, fresh, ABSENT) for name in some])
        except ConflictError:  # of some there is something
            for name in some:
                update(state, partition, name, partial(_received, fresh=fresh))


def _received(value: bytes | None, fresh: bytes) -> bytes:
    if value is not None and _standing.decode(value).status != "failed":
        return value
    return fresh


def mark_failed(
    state: State, account_id: str, assessment_id: str, reason: str, failed_id: str, now_us: int
) -> None:
    """Remember why an assessment has no score, unless it has one."""

    def failed(value: bytes | None) -> bytes:
        before = _standing.decode(value) if value is not None else None
        if before is not None and before.status == "scored":
            return msgspec.msgpack.encode(before)
        received_at = before.received_at if before else now_us
        after = Standing(
            status="failed", received_at=received_at, reason=reason, failed_id=failed_id
        )
        return msgspec.msgpack.encode(after)

    update(state, standings_partition(account_id), assessment_id, failed)
