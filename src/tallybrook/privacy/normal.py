"""Texts in the one form in which they are compared. Pure."""

import re
from unicodedata import combining, normalize

_LONGEST = 200
"""A title or a country is shorter; what comes after it is not looked at."""

_INITIAL = re.compile(r"\b(\w)\.(?=\w\b)")
_WORD = re.compile(r"[^\W_]+")


def normal(text: str) -> str:
    """Lower-case words joined by one space: no accents, no punctuation, initials without dots."""
    plain = normalize("NFKD", text[:_LONGEST])
    plain = "".join(letter for letter in plain if not combining(letter)).casefold()
    return " ".join(_WORD.findall(_INITIAL.sub(r"\1", plain)))
