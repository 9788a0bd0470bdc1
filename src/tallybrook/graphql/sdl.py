"""The schema's text: the fixed part, and the same for each declared record type."""

from collections.abc import Iterable
from importlib.resources import files

from tallybrook.graphql.names import type_names

SCALARS = 'scalar AWSDateTime\n\n"A JSON document as text."\nscalar AWSJSON\n'
"""AppSync brings these; every other engine has to be told of them."""


def sdl(record_types: Iterable[str]) -> str:
    """The schema of these types, without AppSync's scalars, with ``extend type``."""
    folder = files(__package__)
    template = (folder / "record.graphql").read_text("utf-8")
    fixed = (folder / "schema.graphql").read_text("utf-8")
    parts = [
        template.replace("{Types}", name.many).replace("{Type}", name.one)
        for name in type_names(record_types)
    ]
    return "\n".join([fixed, *parts])


def merged_sdl(record_types: Iterable[str]) -> str:
    """The same in one piece, for services that take no extensions of types."""
    from graphql import build_schema, print_type
    from graphql.type import is_introspection_type, is_specified_scalar_type

    schema = build_schema(SCALARS + sdl(record_types))
    return "\n\n".join(
        print_type(kind)
        for name, kind in schema.type_map.items()
        if not (name.startswith("AWS") or is_introspection_type(kind))
        and not is_specified_scalar_type(kind)
    )
