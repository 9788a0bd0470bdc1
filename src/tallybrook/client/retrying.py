"""How long to wait before a call is tried again."""

import random

FIRST_S = 0.1
MAX_S = 10.0


def pause_s(tries: int, retry_after_s: float = 0.0, most_s: float = MAX_S) -> float:
    """Seconds to wait after the ``tries``-th failure (from 1): doubling up to ``most_s``, and never
    less than the product asked for.

    With up to a quarter more at random, so that clients refused together do not return together.
    """
    doubling = min(most_s, FIRST_S * 2.0 ** min(tries - 1, 30))
    return max(retry_after_s, doubling) * random.uniform(1.0, 1.25)
