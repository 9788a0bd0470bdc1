"""Raw assessments of a queue, anonymised: put under another prefix, where S3 tells the calculator.

What is put there never comes back here: a task about an output is handed on. Called by the clock
it makes failed records of the queue's dead letters.
"""

from typing import Any

from tallybrook.assessments.flow.processing import Ports
from tallybrook.entrypoints.lambdas import assessing, runtime
from tallybrook.ports.queue import Queue
from tallybrook.wiring import open_state
from tallybrook.wiring.assessments import aws_anonymizing


@runtime.metered
def handler(event: Any, context: object) -> dict[str, Any]:
    """As ``assessing.answer``; raises ``UsageError`` while the stack has no secret for
    pseudonyms."""
    return assessing.answer(event, *_parts())


def _parts() -> tuple[Queue, Ports]:
    opened = runtime.opened()
    state = open_state(opened.settings, opened.clock)
    return aws_anonymizing(opened.settings, state, opened.stores.failed.keep, opened.clock)


runtime.prepare(_parts)
