"""What is configurable about the format: types, names of metrics, limits. Pure."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0)]
Name = Annotated[str, Meta(min_length=1)]


class Kind(Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of one event type."""

    category: Name
    monetised: bool = False


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes and metrics together (``keys``), and characters of a key and of a value, as
    Pinpoint's quotas for event ingestion had them. 0 is no limit."""

    keys: Count = 40
    key_chars: Annotated[int, Meta(ge=20)] | Literal[0] = 50
    value_chars: Count = 200


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """The configuration, every part of it given."""

    types: dict[str, Kind]
    metrics: dict[Name, list[str]]
    unknown: Literal["send", "keep"]
    keep: list[str]
    drop: list[str]
    limits: Limits
