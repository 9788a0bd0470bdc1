"""Where files come in and where what is made of them goes: keys of objects.

No key of an output holds anything of the file's own name: that may be somebody's address.
"""

import re
from typing import Literal, NamedTuple

from tallybrook.accounts.keys import DEFAULT_ACCOUNT, require_account
from tallybrook.errors import InvalidError

Kind = Literal["events", "assessments", "ocean", "exports", "imports"]

PREFIXES: dict[str, Kind] = {
    "raw/events/": "events",
    "raw/assessments/": "assessments",
    "processed/ocean/": "ocean",
    "exports/": "exports",
    "imports/": "imports",
}
"""What is put under these is a file to work off."""

ERRORS = "imports/errors/"
ARCHIVE = "archive/"
INSIGHTS = "processed/insights/"
SOURCE = "files"
"""Of failed records about a file as a whole."""

OUTPUT = {"made-by": "tallybrook"}
"""The metadata of everything that is put here: never an input."""

KEPT = frozenset[Kind]({"ocean", "exports"})
"""Kinds whose files stay where they are."""

_ACCOUNT = re.compile(r"account=([^/]*)/.")
_DESK = re.compile(r"raw/assessments/[^/]+/[0-9a-f]{2}/[0-9a-f]{64}\.json")


class Place(NamedTuple):
    """What a key says: the kind of file, and the account it is of."""

    kind: Kind
    account_id: str


def place_of(key: str) -> Place | None:
    """What a file under this key is; None for a key that is none of ours.

    Outputs are none: error reports, and single assessments as the API stores them. The account is
    named by a folder ``account=NAME`` right under the prefix, else it is the default one. Raises
    ``InvalidError`` for a folder that names no account.
    """
    prefix = next((prefix for prefix in PREFIXES if key.startswith(prefix)), None)
    if prefix is None or key == prefix or key.startswith(ERRORS) or _DESK.fullmatch(key):
        return None
    if key.endswith("/"):  # what consoles put to show a folder
        return None
    named = _ACCOUNT.match(key, len(prefix))
    if named is None:
        return Place(PREFIXES[prefix], DEFAULT_ACCOUNT)
    try:
        return Place(PREFIXES[prefix], require_account(named[1]))
    except InvalidError:
        raise InvalidError("the folder of the file names no account") from None


def archive_key(place: Place, digest: str) -> str:
    """``archive/<kind>/<account>/<two digits>/<SHA-256>``: the same content is one object."""
    return f"{ARCHIVE}{place.kind}/{place.account_id}/{digest[:2]}/{digest}"


def errors_key(place: Place, digest: str) -> str:
    """The report about the bad rows of an import, named after the content of its file."""
    return f"{ERRORS}{place.account_id}/{digest}.ndjson"


def insights_key(place: Place, digest: str) -> str:
    return f"{INSIGHTS}{place.account_id}/{digest}.json"


def compressed_key(key: str) -> str:
    """An export keeps the name that whoever exported chose."""
    return f"{key}.gz"
