"""What ``TALLYBROOK_FORWARD_TO`` names. Pure."""

import re
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from tallybrook.errors import UsageError

Kind = Literal["file", "http", "kinesis", "firehose"]

_STREAM = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
_FORMS = "give file:PATH, https://ADDRESS, kinesis:NAME or firehose:NAME"


class Target(Struct, frozen=True):
    """``name`` is a path, an address, or the name of a stream in the account's region."""

    kind: Kind
    name: str

    @property
    def shown(self) -> str:
        """The target without what only its owner may see: user, password and query."""
        if self.kind != "http":
            return f"{self.kind}:{self.name}"
        parts = urlsplit(self.name)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def parse(text: str) -> Target:
    """The target in a setting. Raises ``UsageError`` for anything that is none."""
    kind, _, name = text.partition(":")
    if kind in ("http", "https"):
        return _address(text)
    if kind == "file" and name and not name.endswith("/"):
        return Target("file", name)
    if kind in ("kinesis", "firehose") and _STREAM.fullmatch(name):
        return Target("kinesis" if kind == "kinesis" else "firehose", name)
    raise UsageError(f"TALLYBROOK_FORWARD_TO names no target: {_FORMS}")


def _address(text: str) -> Target:
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"TALLYBROOK_FORWARD_TO is no address: {_FORMS}")
    return Target("http", text)
