"""``{{name}}`` parameters: found by token, never inside a literal or comment; typed; bound."""

import math
import re
from collections.abc import Mapping
from typing import Any

from tallybrook.ports.sql import Parameter, QueryRefusedError

_PLACE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\}")
_INT64 = 2**63


def replace(sql: str, tokens: list[Any]) -> tuple[str, list[str]]:
    """Put ``:p0``, ``:p1`` … where ``{{name}}`` stands; the names by number.

    A brace anywhere else outside literals, quoted names and comments is refused.
    """
    names: list[str] = []
    parts: list[str] = []
    done = 0
    for start in (token.start for token in tokens if sql[token.start] in "{}"):
        if start < done:
            continue
        found = _PLACE.match(sql, start)
        if found is None:
            raise QueryRefusedError("A brace is no SQL here.", "A parameter is written {{name}}.")
        if found[1] not in names:
            names.append(found[1])
        parts += [sql[done:start], f" :p{names.index(found[1])} "]
        done = found.end()
    return "".join([*parts, sql[done:]]), names


def bind(names: list[str], given: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Values by placeholder name. Missing and unused parameters are refused."""
    missing = [name for name in names if name not in given]
    if missing:
        raise QueryRefusedError(
            f"No value for the parameter {_listed(missing)}.",
            "Give it in parameters.",
            "/parameters",
        )
    unused = [name for name in given if name not in names]
    if unused:
        raise QueryRefusedError(
            f"The statement has no parameter {_listed(unused)}.",
            "Write it as {{name}} in the statement (outside quotes), or leave it out.",
            "/parameters",
        )
    return {f"p{number}": _checked(name, given[name]) for number, name in enumerate(names)}


def _checked(name: str, value: Parameter) -> Parameter:
    pointer = f"/parameters/{name}"
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and -_INT64 <= value < _INT64:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise QueryRefusedError(
        f"The parameter {name!r} cannot be bound.",
        "It must be text, a 64-bit integer, a finite number, a boolean or null.",
        pointer,
    )


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:10])
