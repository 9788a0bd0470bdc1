"""Where scores lie in the state and raw assessments among the objects. Pure.

No name here holds anything of a person but pseudonyms. An account holds no ``#``.
"""

import hashlib
import re

from tallybrook.errors import InvalidError

SOURCE = "assessments"
"""Of failed records; also the name of the queue."""

RAW_PREFIX = "raw/assessments/"
"""Where people put assessments themselves."""

RECEIVED_PREFIX = "received/assessments/"
"""Where the door stores what it took in. Nobody watches it: who stores there queues a task."""

IN_PREFIXES = (RECEIVED_PREFIX, RAW_PREFIX)
OUT_PREFIX = "anonymised/assessments/"

MAX_BODY_BYTES = 256 * 1024
"""An assessment that comes over HTTP; ten times one of 300 answers."""

EVENTS = "assessments.events"
"""Events that wait for the log, by event id."""

_OUT_NAME = re.compile(r"(k[0-9a-f]{8}_[0-9a-f]{32})-[0-9a-f]{16}\.json")


def raw_key(account_id: str, body: bytes) -> str:
    """``received/assessments/<account>/<two digits>/<SHA-256 of the content>.json``: the same
    content of an account is one object."""
    digest = hashlib.sha256(body).hexdigest()
    return f"{RECEIVED_PREFIX}{account_id}/{digest[:2]}/{digest}.json"


def account_of(key: str) -> str:
    """The account that an object is of, the segment after the prefix. Raises ``InvalidError`` for
    any other key."""
    for prefix in (*IN_PREFIXES, OUT_PREFIX):
        account_id, _, rest = key.removeprefix(prefix).partition("/")
        if key.startswith(prefix) and account_id and rest:
            return account_id
    known = ", ".join((*IN_PREFIXES, OUT_PREFIX))
    raise InvalidError.of("/object", f"is not under one of {known} of an account")


def assessment_of(key: str) -> str | None:
    """The pseudonym of the assessment that an output is of, None for any other key."""
    named = _OUT_NAME.fullmatch(key.rpartition("/")[2]) if key.startswith(OUT_PREFIX) else None
    return named[1] if named else None


def scores_partition(account_id: str) -> str:
    """Every content that was scored, under ``score_key``."""
    return f"assessments.scores#{account_id}"


def score_key(assessment_id: str, content: str) -> str:
    return f"{assessment_id}#{content}"


def standings_partition(account_id: str) -> str:
    """How each assessment stands, by its pseudonym."""
    return f"assessments.standings#{account_id}"


def people_partition(account_id: str) -> str:
    """The latest score of each person, by their pseudonym."""
    return f"assessments.people#{account_id}"


def person_partition(account_id: str, anonymous_user_id: str) -> str:
    """The keys of a person's scores, in order of time."""
    return f"assessments.of#{account_id}#{anonymous_user_id}"


def person_key(timestamp: str, assessment_id: str, content: str) -> str:
    return f"{timestamp}#{score_key(assessment_id, content)}"
