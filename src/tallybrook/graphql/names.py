"""What record types are called in the schema. Pure."""

from collections.abc import Iterable

from msgspec import Struct


class TypeName(Struct, frozen=True):
    """``items`` is ``Item`` as a type and ``Items`` as a list."""

    record_type: str
    one: str
    many: str


def type_name(record_type: str) -> TypeName:
    """The names of a type: its own, capitalised, without and with the last s."""
    name = record_type[:1].upper() + record_type[1:].replace("-", "_")
    one = name[:-1] if name.endswith("s") and len(name) > 1 else name
    return TypeName(record_type, one, name if name != one else f"{one}s")


_TAKEN = frozenset({"AggregatedMetric", "AggregatedMetrics", "Query", "Mutation", "Subscription"})


def type_names(record_types: Iterable[str]) -> list[TypeName]:
    """The names of all types that can have some: the first of two of one name has it."""
    found: dict[str, TypeName] = {}
    for record_type in record_types:
        name = type_name(record_type)
        if name.one not in _TAKEN and not name.one.startswith(("Model", "__")):
            found.setdefault(name.one, name)
    return list(found.values())
