"""The work of ``tallybrook privacy keys``."""

from pathlib import Path

from tallybrook.entrypoints.cli.output import OutputFormat, print_rows
from tallybrook.errors import UsageError
from tallybrook.events.instants import DAY_US, format_instant
from tallybrook.ports.clock import system_clock
from tallybrook.privacy import keeping
from tallybrook.settings import Settings
from tallybrook.wiring import open_state
from tallybrook.wiring.privacy import open_privacy, open_secrets

_COLUMNS = ("kid", "use", "made_at", "recognised_until")


def list_keys(data: Path, fmt: OutputFormat) -> None:
    """Print the keys in use; makes the first one of a data directory."""
    keys = open_privacy(Settings.from_env(data=str(data))).keys
    rows = [
        (
            key.kid,
            "makes" if key is keys.newest else "recognised",
            format_instant(key.made_at) if key.made_at else None,
            None if key.retires_at is None else format_instant(key.retires_at),
        )
        for key in keys.keys
    ]
    print_rows(_COLUMNS, rows, fmt)


def rotate_keys(data: Path, window_days: float) -> str:
    """Make a new key; its id. Raises ``UsageError`` where the secret comes from the environment."""
    settings = Settings.from_env(data=str(data))
    if settings.secret is not None:
        raise UsageError(
            "the secret is given by TALLYBROOK_SECRET: give a new one there and this one, too, in"
            " TALLYBROOK_OLDER_SECRETS"
        )
    if not 1 <= window_days <= 36_525:
        raise UsageError("--window-days must be from 1 to 36525")
    open_privacy(settings)
    state = open_state(settings)
    window_us = int(window_days * DAY_US)
    return keeping.rotate(open_secrets(settings), state, system_clock(), window_us).newest.kid
