"""Where in a TOML text a key stands, so that a fault can name its line. Pure."""

import re

_TABLE = re.compile(r"\s*\[(\[?)\s*([A-Za-z0-9_.\-]+)\s*\]?\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_\-]+)\s*=")
Path = tuple[str | int, ...]


def line_of(text: str, path: Path) -> int:
    """The line (from 1) of the key at ``path``, or of the nearest key or table around it."""
    places = _places(text)
    while path and path not in places:
        path = path[:-1]
    return places.get(path, 1)


def _places(text: str) -> dict[Path, int]:
    """The line of every table and key; a table within a list has its index after the name."""
    places: dict[Path, int] = {(): 1}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        if found := _TABLE.match(line):
            table = _table(found[2].split("."), counts, is_list=bool(found[1]))
            places[table] = number
        elif found := _KEY.match(line):
            places.setdefault((*table, found[1]), number)
    return places


def _table(names: list[str], counts: dict[Path, int], *, is_list: bool) -> Path:
    path: Path = ()
    for name in names[:-1]:
        path = (*path, name)
        if path in counts:
            path = (*path, counts[path])
    path = (*path, names[-1])
    if is_list:
        counts[path] = counts.get(path, -1) + 1
        path = (*path, counts[path])
    return path
