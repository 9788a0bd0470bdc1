"""Texts made coarse: each function gives a word of the vocabulary, or None where nothing was said.

Pure. No text of a person comes out of any of them.
"""

import re
from typing import Any

from tallybrook.privacy.bands import number
from tallybrook.privacy.normal import normal
from tallybrook.privacy.vocabulary import CONTRIBUTOR, OTHER, Vocabulary

_VERSION = re.compile(r"v?(\d)(\.\d)?(\.\d)?", re.ASCII | re.IGNORECASE)
_VERSIONS = 10
_TABLET = re.compile(r"iPad|Tablet|Kindle|Silk/|Android(?!.*Mobile)", re.DOTALL)
_MOBILE = re.compile(r"Mobile|iPhone|iPod|Android|Windows Phone")
_DESKTOP = re.compile(r"Windows NT|Macintosh|X11|Linux|CrOS")


def industry(told: Any, vocabulary: Vocabulary) -> str | None:
    """The industry of that name."""
    return _among(told, vocabulary.industries)


def platform(told: Any, vocabulary: Vocabulary) -> str | None:
    """The platform of that name."""
    return _among(told, vocabulary.platforms)


def region(country: Any, vocabulary: Vocabulary) -> str | None:
    """The region of a country, told by ISO code or English name."""
    return _among(country, vocabulary.regions)


def role(title: Any, vocabulary: Vocabulary) -> str | None:
    """The first role that has a phrase in the title, by whole words, else contributor."""
    if title is None:
        return None
    words = f" {normal(title)} " if isinstance(title, str) else ""
    for known in vocabulary.roles:
        if any(f" {phrase} " in words for phrase in known.words):
            return known.name
    return CONTRIBUTOR


def device(user_agent: Any) -> str | None:
    """desktop, mobile or tablet by the user agent: iPads, and Android without "Mobile", are
    tablets. An iPad that asks for desktop pages says it is a Macintosh."""
    if user_agent is None:
        return None
    text = user_agent[:1000] if isinstance(user_agent, str) else ""
    for name, pattern in (("tablet", _TABLET), ("mobile", _MOBILE), ("desktop", _DESKTOP)):
        if pattern.search(text):
            return name
    return OTHER


def version(told: Any) -> str | None:
    """Up to three numbers of one digit; more digits could be a date or an address."""
    if told is None:
        return None
    text = told.strip() if isinstance(told, str) else _short(told)
    return text.lower().removeprefix("v") if _VERSION.fullmatch(text) else OTHER


def _short(told: Any) -> str:
    given = number(told)
    return "" if given is None or given >= _VERSIONS else str(given)


def _among(told: Any, known: dict[str, str]) -> str | None:
    if told is None:
        return None
    return known.get(normal(told), OTHER) if isinstance(told, str) else OTHER
