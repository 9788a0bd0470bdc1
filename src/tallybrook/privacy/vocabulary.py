"""The words a text column may hold, as data, and which words of people stand for them. Pure."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from tallybrook.errors import UsageError
from tallybrook.privacy.normal import normal

OTHER = "other"
DEVICES = ("desktop", "mobile", "tablet")
CONTRIBUTOR = "contributor"

Names = dict[str, list[str]]


class Role(Struct, frozen=True):
    """``words`` are phrases of whole words; the first role that has one in a title is it."""

    name: str
    words: tuple[str, ...]


class Country(Struct, frozen=True):
    """The region of a country and its names beside the code."""

    region: str
    names: tuple[str, ...]


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of words. ``regions`` maps a region to its countries; a country in none is other."""

    industries: Names | None = None
    roles: tuple[Role, ...] | None = None
    platforms: Names | None = None
    regions: Names | None = None


class Vocabulary(Struct, frozen=True):
    """From words in normal form to the value of a column."""

    industries: dict[str, str]
    roles: tuple[Role, ...]
    platforms: dict[str, str]
    regions: dict[str, str]

    def values(self, column: str) -> frozenset[str]:
        """What ``industry``, ``role``, ``platform``, ``device`` or ``region`` may hold."""
        return frozenset(
            {
                "industry": (OTHER, *self.industries.values()),
                "role": (CONTRIBUTOR, *(role.name for role in self.roles)),
                "platform": (OTHER, *self.platforms.values()),
                "device": (OTHER, *DEVICES),
                "region": (OTHER, *self.regions.values()),
            }[column]
        )


def vocabulary(built_in: Words, own: Words, countries: Mapping[str, Country]) -> Vocabulary:
    """The built-in words with those parts replaced that ``own`` has.

    Raises ``UsageError`` for a name that is no plain word, a phrase under two names, and a country
    nobody knows.
    """
    roles = own.roles or built_in.roles or ()
    _require_plain(role.name for role in roles)
    return Vocabulary(
        _lookup("industries", own.industries or built_in.industries or {}),
        tuple(Role(role.name, tuple(map(normal, role.words))) for role in roles),
        _lookup("platforms", own.platforms or built_in.platforms or {}),
        _regions(own.regions, countries),
    )


def _lookup(part: str, names: Names) -> dict[str, str]:
    _require_plain(names)
    found: dict[str, str] = {}
    for name, words in names.items():
        for word in map(normal, (name, *words)):
            if found.setdefault(word, name) != name:
                raise UsageError(f"{part}: {word!r} is in {found[word]} and in {name}")
    return found


def _regions(own: Names | None, countries: Mapping[str, Country]) -> dict[str, str]:
    codes = {name: code for code, known in countries.items() for name in (code, *known.names)}
    if own is None:
        return {name: countries[code].region for name, code in codes.items()}
    regions: dict[str, str] = {}
    for country, region in _lookup("regions", own).items():
        if country in codes:
            regions[codes[country]] = region
        elif country != normal(region):
            raise UsageError(f"regions: {region} names no country that is known: {country!r}")
    return {name: regions[code] for name, code in codes.items() if code in regions}


def _require_plain(names: Iterable[str]) -> None:
    for name in names:
        if name != "-".join(normal(name).split()) or len(name) > 40:
            raise UsageError(f"{name!r} must be lower-case words joined by hyphens")


def decode(body: bytes) -> Words:
    """A file of words. Raises ``msgspec.MsgspecError``."""
    return msgspec.json.decode(body, type=Words)
