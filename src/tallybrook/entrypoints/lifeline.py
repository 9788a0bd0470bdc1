"""What ties the processes of one ``tallybrook serve`` to each other and to their data directory.

**One writer.** ``DATA/lock`` is locked with ``flock``. Such a lock belongs to the open file, not
to a process: the supervisor opens it, its children inherit that same open file, and the lock is
free only when the last of them is gone. So when the supervisor is killed while a server still
finishes a commit, a new ``serve`` is refused until that server has ended, and then gets the
directory at once. Children pass none of it on, so that processes they start themselves (which only
read) never keep the directory or the port.

**No orphans.** A child ends when its supervisor does, however that ended: the kernel sends it
SIGKILL (Linux), and a thread of it reads a pipe whose other end only the supervisor holds (where
the kernel does not, or the supervisor died before the child could ask for it). SIGKILL and not a
drain: nothing unacknowledged is owed to anyone, and the sooner the directory is free the better.

**No half process.** A thread that fails in a way nobody expected takes its process with it.
"""

import ctypes
import fcntl
import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from tallybrook.errors import ConflictError

PARENT_FD = "TALLYBROOK_PARENT_FD"
LOCK_FD = "TALLYBROOK_LOCK_FD"

_ENDING_S = 10.0
_PR_SET_PDEATHSIG = 1


def take_lock(data: Path) -> int:
    """Lock the data directory for this process and the children that inherit the descriptor.

    Raises ``ConflictError`` naming the process that has it. When that process is gone and the
    lock is not, its children are ending: they are waited for.
    """
    fd = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline_s = time.monotonic() + _ENDING_S
    while not _locked(fd):
        holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
        if _is_gone(holder) and time.monotonic() < deadline_s:
            time.sleep(0.05)
            continue
        os.close(fd)
        raise ConflictError(
            f"{data} is in use by another tallybrook serve (pid {holder}): stop it, "
            "or give another --data"
        )
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_gone(holder: str) -> bool:
    """Whether the process that wrote its id into the lock file has ended."""
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return True
    except (ValueError, PermissionError):
        return False
    return False


def tie_to_supervisor(data: Path) -> None:
    """Call first thing in a child: end with the supervisor, and hold the directory's lock.

    Without a supervisor (started by hand) the process takes the lock itself.
    """
    if not os.environ.pop(LOCK_FD, ""):
        take_lock(data)
    _pass_nothing_on()
    end_with_parent()
    end_with_any_thread()


def end_with_parent() -> None:
    """End when the process that started this one does, if it asked for that (``PARENT_FD``)."""
    parent_fd = os.environ.pop(PARENT_FD, "")
    if not parent_fd:
        return
    os.set_inheritable(int(parent_fd), False)
    die_with_parent()
    threading.Thread(target=_watch, args=(int(parent_fd),), name="lifeline", daemon=True).start()


def end_with_any_thread() -> None:
    """End the process when an error that nobody expected ends one of its threads: without it the
    process would go on and never again do what the thread did. The supervisor starts it anew."""
    threading.excepthook = _end


def _end(died: threading.ExceptHookArgs) -> None:
    if died.exc_value is None or issubclass(died.exc_type, SystemExit):
        return
    name = died.thread.name if died.thread else "a thread"
    found = (died.exc_type, died.exc_value, died.exc_traceback)
    logging.getLogger("tallybrook").critical(
        "%s has failed, and ends this process", name, exc_info=found
    )
    logging.shutdown()
    os._exit(1)


def die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the thread that started this process ends (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _pass_nothing_on() -> None:
    """Lock, pipe and listening socket are for this process, not for those that it starts."""
    for entry in Path("/dev/fd").iterdir():
        with suppress(OSError):  # the listing's own descriptor is closed again by now
            if int(entry.name) > 2:
                os.set_inheritable(int(entry.name), False)


def _watch(parent_fd: int) -> None:
    """Nothing is ever written into the pipe: reading returns when its other end is gone."""
    os.read(parent_fd, 1)
    os.kill(os.getpid(), signal.SIGKILL)
