"""Read, modify, write beside others who do the same."""

import random
import time
from collections.abc import Callable

from tallybrook.errors import ConflictError, StorageError
from tallybrook.ports.state import ABSENT, State, Stored

Modify = Callable[[bytes | None], bytes | None]
"""From an item's value (None: absent) to its new one (None: delete it)."""

ATTEMPTS = 12
_FIRST_S, _MOST_S = 0.005, 0.5


def update(
    state: State,
    partition: str,
    key: str,
    modify: Modify,
    *,
    expires_at_s: int | None = None,
    attempts: int = ATTEMPTS,
) -> Stored | None:
    """Change one item by a function of its value; what is stored then, or None if nothing is.

    Loses no other writer's change: who comes second reads again and calls ``modify`` again, after
    a random pause that grows, so ``modify`` must do nothing but compute. An equal value is not
    written. Raises ``StorageError`` when others were faster ``attempts`` times, and what
    ``modify`` raises.
    """
    for attempt in range(attempts):
        found = state.get(partition, key)
        value = modify(found.value if found else None)
        if value == (found.value if found else None):
            return found
        try:
            return _write(state, partition, key, found, value, expires_at_s)
        except ConflictError:
            time.sleep(random.uniform(0, min(_MOST_S, _FIRST_S * 2**attempt)))
    raise StorageError(f"{partition}: others were faster {attempts} times")


def _write(
    state: State,
    partition: str,
    key: str,
    found: Stored | None,
    value: bytes | None,
    expires_at_s: int | None,
) -> Stored | None:
    expect = found.version if found else ABSENT
    if value is None:
        state.delete(partition, key, expect=expect)
        return None
    version = state.put(partition, key, value, expect=expect, expires_at_s=expires_at_s)
    return Stored(key, value, version, expires_at_s)
