"""Runs a command and turns whatever happens into an exit code and at most one line on stderr."""

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from tallybrook.entrypoints.cli.app import app
from tallybrook.entrypoints.cli.output import complain
from tallybrook.errors import TallybrookError, UsageError

OK, FAILED, USAGE = 0, 1, 2
INTERRUPTED = 130
PIPE_CLOSED = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 failed, 2 the command line cannot be followed, 130 interrupted.

    No stack trace reaches the user unless ``TALLYBROOK_DEBUG`` is set.
    """
    try:
        return _run(sys.argv[1:] if argv is None else list(argv))
    except BrokenPipeError:
        return _pipe_closed()
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 (the last frame: every other error ends here)
        return _failed(error)


def _run(argv: list[str]) -> int:
    code = app(
        argv,
        exit_on_error=False,
        print_error=False,
        result_action="return_int_as_exit_code_else_zero",
    )
    sys.stdout.flush()
    return int(code)


def _failed(error: Exception) -> int:
    if os.environ.get("TALLYBROOK_DEBUG"):
        raise error
    if isinstance(error, CycloptsError):
        complain(f"{error} See tallybrook --help.")
        return USAGE
    if isinstance(error, UsageError):
        complain(error.detail)
        return USAGE
    if isinstance(error, TallybrookError):
        complain(error.detail)
        return FAILED
    if isinstance(error, OSError):
        complain(str(error))
        return FAILED
    complain(f"internal error, {type(error).__name__}: {error} (TALLYBROOK_DEBUG=1 shows where)")
    return FAILED


def _pipe_closed() -> int:
    """The reader of our output left (``| head``). Nothing more can be said on that pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED
