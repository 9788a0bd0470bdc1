"""SIGTERM under load: a stop drains."""

import signal
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fault import stores
from tests.fault.load import under_load
from tests.fault.target import Target
from tests.support import wait_for

pytestmark = pytest.mark.fault


def test_a_stop_under_load_drains_and_loses_nothing(tmp_path: Path) -> None:
    """SIGTERM: exit code 0 within 15 s although requests keep coming; everything acknowledged is
    in the log, the lake has taken in all of it, and nothing else is there."""
    with ExitStack() as stack:
        target = Target(tmp_path, f"fault-{uuid.uuid4().hex}", stack)
        with under_load(target, "stop") as load:
            wait_for(lambda: load.acknowledged > 300, 60, "acknowledgements under load")
            begun = time.monotonic()
            target.running.process.send_signal(signal.SIGTERM)
            code = target.running.process.wait(40)
            took_s = time.monotonic() - begun
            told = load.finish(give_up=True)
    assert code == 0, target.running.log
    assert took_s < 15
    assert not told.faults
    entries = stores.read_log(target.data)
    stores.check_events(entries, told)
    stores.check_lake(target.data, entries)
    stores.check_counters(target.data, entries)
