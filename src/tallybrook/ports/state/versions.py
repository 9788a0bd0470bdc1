"""Versions that never come again."""

import secrets

_BITS = 52


def fresh_version() -> int:
    """A version for a put: a random number above 0 that JSON holds exactly.

    No counter could do: it would start again after a delete, and somebody who read the item
    before it would take the new one for theirs. No clock either: it may stand still or step back.
    """
    return 1 + secrets.randbits(_BITS)
