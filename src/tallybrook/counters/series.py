"""Which series a name means. Pure."""

from collections.abc import Collection

from tallybrook.ports.log import Kind


def resolve(name: str, record_types: Collection[str]) -> tuple[Kind, str]:
    """The kind and name of a series: a declared record type, else an event type.

    ``event:NAME`` and ``record:NAME`` say which is meant where both exist.
    """
    prefix, colon, rest = name.partition(":")
    if colon and prefix == "event":
        return "event", rest
    if colon and prefix == "record":
        return "record", rest
    return ("record", name) if name in record_types else ("event", name)
