"""The part of a core that a function of little memory is measured with."""

import os
import signal
import subprocess
import sys
import time

from bench.lambdas.share import limited
from tests.support import wait_for

BUSY = "import os\nos.fork()\nwhile True:\n    pass\n"
SHARE, ENOUGH_S = 0.1, 0.1


def test_a_share_is_of_all_processes_together() -> None:
    """Two processes that are always busy get no more than a tenth of one core between them."""
    process = subprocess.Popen([sys.executable, "-S", "-c", BUSY], start_new_session=True)
    try:
        with limited(process.pid, SHARE) as limit:
            begun_s = time.monotonic()
            wait_for(lambda: limit.used_s > ENOUGH_S, 30)
            part = limit.used_s / (time.monotonic() - begun_s)
        assert part < 1.3 * SHARE
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
