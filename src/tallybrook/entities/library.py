"""Where definitions are found: those that come with the product, and files of one's own."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import msgspec

from tallybrook.entities.definitions import DefinitionError, Definitions, check
from tallybrook.entities.toml_lines import line_of
from tallybrook.errors import UsageError

_AT = re.compile(r" - at `\$(.*)`")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_UNKNOWN = re.compile(r"unknown field `(.*?)`")


def built_in() -> list[str]:
    """The names of the definitions that come with the product."""
    found = (path.name for path in (files("tallybrook.entities") / "data").iterdir())
    return sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))


def load(name_or_path: str) -> Definitions:
    """Definitions by their built-in name, or from a TOML file. Raises ``UsageError`` naming the
    line and the key at fault."""
    if name_or_path in built_in():
        text = (files("tallybrook.entities") / "data" / f"{name_or_path}.toml").read_text("utf-8")
        return parse(text, name_or_path)
    try:
        return parse(Path(name_or_path).read_text("utf-8"), name_or_path)
    except FileNotFoundError:
        names = ", ".join(built_in())
        raise UsageError(f"{name_or_path}: no such file; built in are {names}") from None
    except OSError as error:
        raise UsageError(f"{name_or_path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{name_or_path}: is not UTF-8") from None


def parse(text: str, source: str) -> Definitions:
    """The definitions in a TOML text; ``source`` is what an error calls it."""
    try:
        return check(msgspec.convert(tomllib.loads(text), Definitions))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source}: {error}") from None
    except msgspec.ValidationError as error:
        path, detail = _place(str(error))
    except DefinitionError as error:
        path, detail = error.path, error.detail
    key = ".".join(str(step) for step in path) or "the file"
    raise UsageError(f"{source}, line {line_of(text, path)}: {key}: {detail}")


def _place(message: str) -> tuple[tuple[str | int, ...], str]:
    """What msgspec says, taken apart into where and what."""
    found = _AT.search(message)
    steps = _STEP.findall(found[1]) if found else []
    path: tuple[str | int, ...] = tuple(name or int(index) for name, index in steps)
    unknown = _UNKNOWN.search(message)
    return (*path, *([unknown[1]] if unknown else [])), _AT.sub("", message)
