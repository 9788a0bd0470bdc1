"""A message as it lies in the queue: itself, and the account that it is for. Pure."""

import msgspec

from tallybrook.accounts.keys import DEFAULT_ACCOUNT, require_account
from tallybrook.events.checks import require_json
from tallybrook.events.reading import fields_of, text_of

SOURCE = "agreement"
"""Of failed records; also the name of the queue."""


def account_of(body: bytes) -> str:
    """The account that a message names, else the default one. Raises as ``read_dual``."""
    require_json(body)
    named = text_of(fields_of(body), "account_id")
    return require_account(named or DEFAULT_ACCOUNT)


def with_account(body: bytes, account_id: str) -> str:
    """The body of a message as it is queued for an account, whatever it names itself."""
    fields = {name: raw for name, raw in fields_of(body).items() if name != "account_id"}
    return msgspec.json.encode({"account_id": account_id, **fields}).decode()
