"""Saved queries: ``.sql`` files that say at their top what they are.

The top is lines of ``-- key: value``: ``id``, ``name``, ``category``, ``description``, ``refresh``
(hourly, daily, weekly or never), any number of ``parameter`` (``name type = default | description``
or, for one that has to be given, ``name type | description``) and ``columns`` (``name type, …``).
What follows is one statement in Athena's dialect.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

import msgspec
from msgspec import Struct

from tallybrook.errors import FieldError, InvalidError
from tallybrook.ports.sql import Parameter, ResultColumn

Refresh = Literal["hourly", "daily", "weekly", "never"]
Kind = Literal["varchar", "integer", "double", "boolean", "date", "timestamp"]

_LINE = re.compile(r"--\s*([a-z]+)\s*:\s*(.*?)\s*")
_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PARAMETER = re.compile(
    r"([a-z][a-z0-9_]{0,63})\s+([a-z]+)(?:\s*=\s*([^|]*?))?\s*(?:\|\s*(.*))?", re.DOTALL
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d{1,6})?)?")
_NEEDED = ("id", "name", "category", "description", "refresh", "columns")


class SavedParameter(Struct, frozen=True):
    """A parameter of a saved query. One that is ``required`` has no default."""

    name: str
    type: Kind
    description: str = ""
    default: Parameter = None
    required: bool = False


class SavedQuery(Struct, frozen=True, kw_only=True):
    """What a file says. ``own`` tells that the user put it there."""

    id: str
    name: str
    category: str
    description: str
    refresh: Refresh
    parameters: tuple[SavedParameter, ...]
    columns: tuple[ResultColumn, ...]
    sql: str
    own: bool = False


def read(text: str, *, own: bool = False) -> SavedQuery:
    """The query of a file's text. Raises ``InvalidError`` that says what is wrong with it."""
    found: dict[str, str] = {}
    parameters: list[SavedParameter] = []
    rest = text.lstrip("\ufeff").splitlines()
    while rest and (line := _LINE.fullmatch(rest[0].strip())):
        key, value = line.groups()
        if key == "parameter":
            parameters.append(_parameter(value))
        elif key in _NEEDED and key not in found:
            found[key] = value
        else:
            raise InvalidError(f"{key} is not one of {', '.join(_NEEDED)} and parameter, once each")
        del rest[0]
    for key in _NEEDED:
        if not found.get(key):
            raise InvalidError(f"the line `-- {key}: …` is missing")
    sql = "\n".join(rest).strip()
    if not sql:
        raise InvalidError("there is no statement")
    return SavedQuery(
        id=_checked_id(found["id"]),
        name=found["name"],
        category=found["category"],
        description=found["description"],
        refresh=_one_of("refresh", found["refresh"], Refresh),
        parameters=tuple(parameters),
        columns=_columns(found["columns"]),
        sql=sql,
        own=own,
    )


def bind(query: SavedQuery, given: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """The values of all parameters: those given, else the defaults.

    Raises ``InvalidError`` for one that is unknown, missing or of another type.
    """
    known = {parameter.name: parameter for parameter in query.parameters}
    faults = [
        FieldError(f"/parameters/{name}", f"{query.id} has no parameter of that name")
        for name in given
        if name not in known
    ]
    values: dict[str, Parameter] = {}
    for name, parameter in known.items():
        value = given.get(name, parameter.default)
        if name not in given and parameter.required:
            faults.append(FieldError(f"/parameters/{name}", "is required"))
        elif value is not None and not _is(value, parameter.type):
            faults.append(FieldError(f"/parameters/{name}", f"must be of type {parameter.type}"))
        values[name] = value
    if faults:
        raise InvalidError(f"the parameters of {query.id} do not fit", faults)
    return values


def _is(value: Parameter, kind: Kind) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "double":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) and (kind == "varchar" or bool(_DATE.fullmatch(value)))


def _parameter(text: str) -> SavedParameter:
    found = _PARAMETER.fullmatch(text)
    if found is None:
        raise InvalidError(f"a parameter is written `name type = default | description`: {text}")
    name, kind_text, default_text, description = found.groups()
    kind = _one_of("the type of a parameter", kind_text, Kind)
    if default_text is None:
        return SavedParameter(name, kind, description or "", required=True)
    default = _value(default_text, kind)
    if default is not None and not _is(default, kind):
        raise InvalidError(f"the default of {name} is no {kind}")
    return SavedParameter(name, kind, description or "", default)


def _value(text: str, kind: Kind) -> Parameter:
    if kind in ("varchar", "date", "timestamp") and text != "null":
        return text.strip("'")
    try:
        value: Parameter = msgspec.json.decode(text, type=int | float | bool | None)
    except msgspec.MsgspecError:
        raise InvalidError(f"{text!r} is no {kind}") from None
    return value


def _columns(text: str) -> tuple[ResultColumn, ...]:
    pairs = (part.strip().split(None, 1) for part in _outside_brackets(text))
    found = tuple(ResultColumn(*pair) for pair in pairs if len(pair) == 2)
    if not found:
        raise InvalidError("columns are written `name type, name type`")
    return found


def _outside_brackets(text: str) -> Iterable[str]:
    """Parted at the commas that are in no brackets."""
    depth, part = 0, ""
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            yield part
            part = ""
        else:
            part += letter
    yield part


def _checked_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise InvalidError("an id is lower-case letters, digits and _, and begins with a letter")
    return text


def _one_of(what: str, text: str, of: Any) -> Any:
    if text not in get_args(of):
        raise InvalidError(f"{what} is one of {', '.join(get_args(of))}")
    return text
