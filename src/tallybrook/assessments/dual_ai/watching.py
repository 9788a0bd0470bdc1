"""Drift of an account's agreement: the next block of messages looked at, an alert at the edge.

What is remembered, the alert and where it waits are one conditional write: of several who look at
the same block one tells, and nothing that was told is told again. Messages that come when their
block has been looked at are in no block.
"""

from collections.abc import Callable
from itertools import islice, takewhile
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from tallybrook.assessments.agreement.drift import (
    BLOCK,
    Look,
    Standing,
    after,
    begins,
    block_of,
    look,
)
from tallybrook.assessments.agreement.measure import Measurement
from tallybrook.assessments.dual_ai.places import (
    STANDING,
    drift_partition,
    instant_of,
)
from tallybrook.assessments.dual_ai.reading import before, decode
from tallybrook.errors import ConflictError, StorageError
from tallybrook.events.ids import content_id
from tallybrook.events.instants import DAY_US, MIN_US, format_instant
from tallybrook.ports.state import ABSENT, Change, Put, State
from tallybrook.ports.state.updating import ATTEMPTS

ALERT_TYPE = "agreement_drift"
ENTITY_TYPE, ENTITY_ID = "agreement", "dual-ai"
_PAGE = 200
MOST_UNSEEN = 2000
"""Messages read for a look at most: those past the last block, the newest first."""

_standing = msgspec.msgpack.Decoder(Standing)


class Drift(Struct, frozen=True):
    """A drift that begins with the block that ends ``at``."""

    alert_id: str
    account_id: str
    at: int
    message: str
    details: dict[str, Any]


class Telling(Struct, frozen=True):
    """Who lists alerts: the changes that raise one, and those that end it (account, id, instant).
    They are made in the same write as the look."""

    begin: Callable[[Drift], list[Change]]
    end: Callable[[str, str, int], list[Change]]


def watch(state: State, account_id: str, telling: Telling, now_us: int) -> list[Look]:
    """Look at every block that is complete; what came of it. Raises ``StorageError``."""
    seen: list[Look] = []
    lost = 0
    while lost < ATTEMPTS:
        held = state.get(drift_partition(account_id), STANDING)
        standing = _standing.decode(held.value) if held else Standing()
        waiting = unseen(state, account_id, standing, now_us)
        if len(waiting) < BLOCK:
            return seen
        found = look(standing, block_of(waiting[:BLOCK]))
        version = held.version if held else ABSENT
        try:
            state.write(_changes(account_id, standing, found, telling, version))
        except ConflictError:
            lost += 1  # somebody else has looked at it: see what they left
        else:
            seen.append(found)
    raise StorageError(f"drift: others were faster {ATTEMPTS} times")


def unseen(state: State, account_id: str, standing: Standing, now_us: int) -> list[Measurement]:
    """Messages past the last block in order, without those that are dated in the future."""
    last = MIN_US if standing.last_at is None else standing.last_at
    newest = islice(before(state, account_id, now_us + DAY_US, _PAGE), MOST_UNSEEN)
    found = [decode(one.value) for one in takewhile(lambda s: instant_of(s.key) >= last, newest)]
    place = (last, standing.last_id)
    return sorted(
        (one for one in found if one.disagreement_rate is not None and _place(one) > place),
        key=_place,
    )


def _place(one: Measurement) -> tuple[int, str]:
    return one.at, one.measurement_id


def _changes(
    account_id: str, standing: Standing, found: Look, telling: Telling, version: int
) -> list[Change]:
    alert = drift_of(account_id, found) if begins(standing, found) else None
    then = after(standing, found, alert.alert_id if alert else None)
    put = Put(
        drift_partition(account_id), STANDING, msgspec.msgpack.encode(then), version
    )  # fmt: skip
    if alert is not None:
        return [put, *telling.begin(alert)]
    if standing.alert_id is not None and then.alert_id is None:
        return [put, *telling.end(account_id, standing.alert_id, found.block.last_at)]
    return [put]


def drift_of(account_id: str, found: Look) -> Drift:
    """The alert of a look: the same block always gives the same."""
    block, baseline, compared = found.block, found.baseline, found.comparison
    assert baseline is not None  # a drift is one from something
    assert compared is not None
    low, high = compared.interval
    message = (
        f"the two AIs agree less: mean disagreement {block.mean:.3f} in {block.n} messages, "
        f"{baseline.mean:.3f} in the {baseline.n} before (rise {compared.rise:.3f}, "
        f"95 % {low:.3f} to {high:.3f})"
    )
    details = {
        "comparison": asdict(compared),
        "recent": _shown(asdict(block)),
        "baseline": _shown(asdict(baseline)),
    }
    alert_id = content_id("agreement_drift", account_id, str(block.last_at), block.last_id)
    return Drift(alert_id, account_id, block.last_at, message, details)


def _shown(block: dict[str, Any]) -> dict[str, Any]:
    times = {name: format_instant(block[name]) for name in ("first_at", "last_at")}
    return {name: value for name, value in block.items() if name != "last_id"} | times
