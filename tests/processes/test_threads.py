"""A process does not go on without one of its threads."""

import subprocess
import sys

FAILING = """
import logging, threading, time
from tallybrook.entrypoints.lifeline import end_with_any_thread
logging.basicConfig()
end_with_any_thread()
def ended():
    raise SystemExit
def failed():
    raise ZeroDivisionError("nobody expected this")
for what in (ended, failed):
    thread = threading.Thread(target=what, name=what.__name__)
    thread.start()
    thread.join()
    print("still here after", what.__name__, flush=True)
"""


def test_an_unexpected_error_in_a_thread_ends_the_process() -> None:
    """With exit code 1 and the reason on stderr; a thread that leaves of itself ends nothing."""
    done = subprocess.run(
        [sys.executable, "-c", FAILING], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stdout == "still here after ended\n"
    assert "failed has failed" in done.stderr
    assert "nobody expected this" in done.stderr
