"""The ``tallybrook`` command."""

from tallybrook.entrypoints.cli.main import main

__all__ = ["main"]
