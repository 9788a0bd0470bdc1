"""The keys and words of privacy, and the store of secrets, by the settings."""

from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from tallybrook.ports.clock import Clock, system_clock
from tallybrook.privacy.keeping import load
from tallybrook.settings import Settings

if TYPE_CHECKING:
    from tallybrook.ports.secrets import Secrets
    from tallybrook.privacy.keys import PrivacyKeys
    from tallybrook.privacy.vocabulary import Vocabulary


class Privacy(Struct):
    """What anonymising needs beside objects and state."""

    keys: "PrivacyKeys"
    vocabulary: "Vocabulary"


def open_privacy(settings: Settings, clock: Clock = system_clock) -> Privacy:
    """The keys in use now, and the words. A data directory without a secret gets one.

    Called for every batch: keys rotate, and the store of secrets remembers them for a minute.
    Raises ``UsageError`` where a stack has no secret, one is too short, or the words are unusable.
    """
    from tallybrook.privacy.library import load as load_words

    aws = settings.backend == "aws"
    # A function that is given its secret needs no right to read another.
    secrets = None if aws and settings.secret is not None else open_secrets(settings)
    keys = load(
        secrets, clock(), given=settings.secret, given_older=settings.older_secrets, make=not aws
    )
    return Privacy(keys, load_words(settings.privacy))


def check_privacy(settings: Settings) -> None:
    """Raise ``UsageError`` for a secret that is too short or words that are unusable; what a data
    directory keeps is not looked at, and nothing is made."""
    from tallybrook.privacy.library import load as load_words

    if settings.secret is not None or settings.older_secrets.strip():
        load(None, 0, given=settings.secret, given_older=settings.older_secrets)
    load_words(settings.privacy)


@lru_cache(maxsize=8)
def open_secrets(settings: Settings) -> "Secrets":
    """The secrets of the stack, or of a data directory, which is made if it is not there.

    The same ones each time: what they read is remembered."""
    if settings.backend == "aws":
        from tallybrook.ports.secrets.aws import ManagedSecrets

        return ManagedSecrets(settings.stack)
    from tallybrook.ports.secrets.local import FileSecrets

    return FileSecrets(settings.data_path / "secrets")
