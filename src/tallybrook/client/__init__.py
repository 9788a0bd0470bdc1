"""The Python client of a running product: events buffered on disk, assessments, reads.

``Client`` and ``AsyncClient`` have the same calls. What they send carries ids made here, so
whatever is sent again after a failure counts once.
"""

from tallybrook.client import event_builders
from tallybrook.client.assessments import new_assessment
from tallybrook.client.asynchronous import AsyncClient
from tallybrook.client.delivering import Flushed
from tallybrook.client.queues import QueueFullError, WhenFull
from tallybrook.client.replies import RefusedError
from tallybrook.client.shapes import (
    Analytics,
    AssessmentOutcome,
    OceanScores,
    QueryResult,
    RangeCount,
)
from tallybrook.client.synchronous import Client

__all__ = [
    "Analytics",
    "AssessmentOutcome",
    "AsyncClient",
    "Client",
    "Flushed",
    "OceanScores",
    "QueryResult",
    "QueueFullError",
    "RangeCount",
    "RefusedError",
    "WhenFull",
    "event_builders",
    "new_assessment",
]
