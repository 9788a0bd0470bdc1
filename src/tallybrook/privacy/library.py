"""Where words are found: those that come with the product, and a file of one's own."""

from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

from tallybrook.errors import UsageError
from tallybrook.privacy.vocabulary import Country, Vocabulary, Words, decode, vocabulary


@cache
def built_in() -> Vocabulary:
    """The words that come with the product."""
    return _with(Words())


def load(path: str = "") -> Vocabulary:
    """The built-in words, or with those parts replaced that the JSON file ``path`` has.

    Raises ``UsageError`` naming the file.
    """
    if not path:
        return built_in()
    try:
        return _with(decode(Path(path).read_bytes()))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path}: {error}") from None
    except UsageError as error:
        raise UsageError(f"{path}: {error.detail}") from None


def countries() -> dict[str, Country]:
    """Every country by its ISO 3166-1 code of two letters, in lower case."""
    return msgspec.json.decode(_data("countries.json"), type=dict[str, Country])


def _with(own: Words) -> Vocabulary:
    return vocabulary(decode(_data("vocabulary.json")), own, countries())


def _data(name: str) -> bytes:
    return (files("tallybrook.privacy") / "data" / name).read_bytes()
