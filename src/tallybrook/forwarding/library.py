"""Where the table is found: the one that comes with the product, and files of one's own."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from tallybrook.errors import UsageError
from tallybrook.forwarding.table import Table


def load(path: str = "") -> Table:
    """The built-in table, or that with what a TOML file says instead. Raises ``UsageError``."""
    built_in = (files("tallybrook.forwarding") / "data" / "pinpoint.toml").read_text("utf-8")
    merged = tomllib.loads(built_in)
    if path:
        merged |= _read(path)
    try:
        return msgspec.convert(merged, Table)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {error}") from None


def _read(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
