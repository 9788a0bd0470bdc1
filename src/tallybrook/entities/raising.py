"""Alerts of other capabilities: listed, published and shown beside those of the rules.

An alert that is raised is active until its raiser ends it. Its entity type is none of the
definitions', so that no rule can say otherwise.
"""

import msgspec

from tallybrook.entities.alerts import Kept
from tallybrook.entities.places import OUTBOX, alert_key, alerts_partition
from tallybrook.ports.state import Change, Put, State

KEPT_S = 400 * 86_400
_ACTIVE = b"active"


def raising(kept: Kept, now_us: int) -> list[Change]:
    """The changes that raise an alert: they belong into the write that found the reason."""
    value, alert_id = msgspec.msgpack.encode(kept), kept.alert.alert_id
    until_s = now_us // 1_000_000 + KEPT_S
    key = alert_key(kept.at, alert_id)
    return [
        Put(alerts_partition(kept.account_id), key, value, None, until_s),
        Put(_raised(kept.account_id), alert_id, _ACTIVE, None, until_s),
        Put(OUTBOX, alert_id, value),
    ]


def ending(account_id: str, alert_id: str, at_us: int, now_us: int) -> list[Change]:
    """The changes by which an alert is over from an instant on."""
    until_s = now_us // 1_000_000 + KEPT_S
    return [Put(_raised(account_id), alert_id, str(at_us).encode(), None, until_s)]


def is_active(state: State, kept: Kept, as_of: int) -> bool:
    """Whether a raised alert goes on at an instant; False for one that was never raised here."""
    found = state.get(_raised(kept.account_id), kept.alert.alert_id)
    if found is None:
        return False
    return found.value == _ACTIVE or as_of < int(found.value)


def _raised(account_id: str) -> str:
    return f"entity.raised#{account_id}"
