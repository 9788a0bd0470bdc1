"""Where measurements lie in the state: names of partitions and keys. Pure."""

from tallybrook.events.instants import MAX_US, MIN_US

EVENTS = "agreement.events"
"""Events that wait for the log, by event id."""

NOTICES = "agreement.notices"
"""Notices that wait for the bus, by notice id."""

STANDING = "standing"
KEPT_S = 400 * 86_400
"""How long a measurement stays after it was made."""


def results_partition(account_id: str) -> str:
    """All measurements of an account, newest first by the time of their message."""
    return f"agreement.results#{account_id}"


def assessment_partition(account_id: str, assessment_id: str) -> str:
    """The keys of an assessment's measurements. An account holds no ``#``."""
    return f"agreement.of#{account_id}#{assessment_id}"


def drift_partition(account_id: str) -> str:
    """What is remembered of an account's agreement, under ``STANDING``."""
    return f"agreement.drift#{account_id}"


def result_key(at_us: int, measurement_id: str) -> str:
    return f"{newest_first(at_us)}#{measurement_id}"


def newest_first(at_us: int) -> str:
    """Text that sorts against the instants."""
    return f"{MAX_US - min(max(at_us, MIN_US), MAX_US):018d}"


def instant_of(key: str) -> int:
    """The instant of a result's key."""
    return MAX_US - int(key[:18])
