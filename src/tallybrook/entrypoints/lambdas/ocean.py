"""Anonymised assessments of which S3 tells, scored; what comes of one is stored in one write.

Its event goes into the log and a notice onto the bus, at least once each and under one id. Called
by the clock it makes failed records of the queue's dead letters.
"""

from typing import Any

from tallybrook.assessments.flow.processing import Ports
from tallybrook.entrypoints.lambdas import assessing, runtime
from tallybrook.ports.queue import Queue
from tallybrook.wiring import open_state
from tallybrook.wiring.assessments import aws_scoring


@runtime.metered
def handler(event: Any, context: object) -> dict[str, Any]:
    """As ``assessing.answer``."""
    return assessing.answer(event, *_parts())


def _parts() -> tuple[Queue, Ports]:
    opened = runtime.opened()
    state = open_state(opened.settings, opened.clock)
    return aws_scoring(opened.settings, state, opened.log, opened.stores.failed.keep)


runtime.prepare(_parts)
