"""Measurements into the state: each once, together with what it has to tell."""

import random
import time
from collections.abc import Iterable, Sequence

import msgspec

from tallybrook.assessments.agreement.measure import Measurement
from tallybrook.assessments.dual_ai.places import (
    EVENTS,
    KEPT_S,
    NOTICES,
    assessment_partition,
    result_key,
    results_partition,
)
from tallybrook.assessments.dual_ai.reading import is_kept
from tallybrook.assessments.dual_ai.telling import event_of, notice_of
from tallybrook.errors import ConflictError, StorageError
from tallybrook.ports.state import ABSENT, MAX_CHANGES, Put, State
from tallybrook.ports.state.updating import ATTEMPTS

_A_WRITE = MAX_CHANGES // 4
"""A measurement is four changes at most."""

_FIRST_S = 0.005


def keep_all(state: State, measured: Iterable[Measurement], now_us: int) -> int:
    """Store what is new, how many were. Durable when it returns; of several who store the same,
    one does. Raises ``StorageError``: some may be stored, and all can be sent again."""
    waiting, stored = list({one.measurement_id: one for one in measured}.values()), 0
    for at in range(0, len(waiting), _A_WRITE):
        stored += _keep(state, waiting[at : at + _A_WRITE], now_us)
    return stored


def _keep(state: State, measured: Sequence[Measurement], now_us: int) -> int:
    for attempt in range(ATTEMPTS):
        try:
            state.write([change for one in measured for change in _changes(one, now_us)])
            return len(measured)
        except ConflictError:  # some are kept, or somebody else is about it
            measured = [
                one
                for one in measured
                if not is_kept(state, one.account_id, result_key(one.at, one.measurement_id))
            ]
            if not measured:
                return 0
            time.sleep(random.uniform(0, _FIRST_S * 2**attempt) if attempt else 0)
    raise StorageError(f"measurements: others were faster {ATTEMPTS} times")


def _changes(measured: Measurement, now_us: int) -> list[Put]:
    account, key = measured.account_id, result_key(measured.at, measured.measurement_id)
    expires_at_s = now_us // 1_000_000 + KEPT_S
    index = assessment_partition(account, measured.assessment_id)
    event = msgspec.json.encode(event_of(measured, now_us))
    changes = [
        Put(
            results_partition(account), key, msgspec.msgpack.encode(measured), ABSENT, expires_at_s
        ),
        Put(index, key, b"1", None, expires_at_s),
        Put(EVENTS, measured.measurement_id, event),
    ]
    notice = notice_of(measured)
    if notice is not None:
        changes.append(Put(NOTICES, notice.notice_id, msgspec.msgpack.encode(notice)))
    return changes
