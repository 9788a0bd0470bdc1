"""Where inventories are found: those that come with the product, and files of one's own."""

from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

from tallybrook.assessments.inventories import Inventory, decode
from tallybrook.errors import NotFoundError, UsageError


def built_in() -> list[str]:
    """The ids of the inventories that come with the product."""
    names = (path.name for path in (files("tallybrook.assessments") / "data").iterdir())
    return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))


@cache
def _known() -> frozenset[str]:
    return frozenset(built_in())


@cache
def inventory(inventory_id: str) -> Inventory:
    """A built-in inventory. Raises ``NotFoundError`` naming those there are."""
    if inventory_id not in built_in():
        raise NotFoundError(f"no inventory {inventory_id!r}; there are {', '.join(built_in())}")
    return decode((files("tallybrook.assessments") / "data" / f"{inventory_id}.json").read_bytes())


def find_inventory(inventory_id: str) -> Inventory | None:
    """A built-in inventory, or None."""
    return inventory(inventory_id) if inventory_id in _known() else None


def read_inventory(path: Path) -> Inventory:
    """An inventory of the user's own. Raises ``UsageError`` naming the line or key at fault."""
    try:
        return decode(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None
