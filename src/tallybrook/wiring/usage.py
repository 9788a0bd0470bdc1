"""The store of usage, on both backends."""

from typing import TYPE_CHECKING

from tallybrook.settings import Settings

if TYPE_CHECKING:
    from tallybrook.ports.usage import UsageStore
    from tallybrook.ports.usage.local import SqliteUsage


def open_local_usage(settings: Settings) -> "SqliteUsage":
    """The usage of a data directory; any process may open it."""
    from tallybrook.ports.usage.local import SqliteUsage

    return SqliteUsage(settings.data_path / "usage.db")


def open_usage(settings: Settings) -> "UsageStore":
    """The usage of a data directory, or of a stack."""
    if settings.backend == "aws":
        from tallybrook.ports.usage.aws import DynamoUsage

        return DynamoUsage(settings.stack)
    return open_local_usage(settings)
