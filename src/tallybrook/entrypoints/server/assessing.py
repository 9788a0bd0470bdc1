"""The calls about assessments. What answers them is loaded when somebody first asks for it."""

from typing import Literal

from msgspec import Struct
from starlette.responses import Response

from tallybrook.assessments.flow.shapes import Scored, Status
from tallybrook.entrypoints.server.collect import ItemError
from tallybrook.entrypoints.server.context import Call
from tallybrook.ports.log import FailedRecord

Answered = Literal["accepted", "duplicate"]


class AssessmentReply(Struct):
    """What became of an assessment: ``accepted`` is stored and will be scored, ``duplicate`` was
    scored before. ``assessment_id`` is its pseudonym; ``location`` tells how it stands."""

    status: Answered
    assessment_id: str
    location: str


class AssessmentItemReply(Struct, omit_defaults=True):
    """What became of one assessment of a batch, ``index`` counting from 0 in its order."""

    index: int
    status: Literal["accepted", "duplicate", "rejected"]
    assessment_id: str | None = None
    location: str | None = None
    error: ItemError | None = None


class AssessmentBatchReply(Struct):
    """``accepted + duplicate + rejected`` is the number of assessments received."""

    accepted: int
    duplicate: int
    rejected: int
    results: list[AssessmentItemReply]


class AssessmentStatus(Struct):
    """How an assessment stands. ``result`` is there once it is scored; ``reason`` says why it
    failed, and ``failed_id`` names the failed record."""

    assessment_id: str
    status: Status
    received_at: str
    result: Scored | None
    reason: str | None
    failed_id: str | None


async def post_assessment(call: Call) -> Response:
    from tallybrook.entrypoints.server import assessments

    return await assessments.post_assessment(call)


async def post_assessments(call: Call) -> Response:
    from tallybrook.entrypoints.server import assessments

    return await assessments.post_assessments(call)


async def one(call: Call) -> Response:
    from tallybrook.entrypoints.server import assessments

    return await assessments.one(call)


async def latest(call: Call) -> Response:
    from tallybrook.entrypoints.server import assessments

    return await assessments.latest(call)


async def spread(call: Call) -> Response:
    from tallybrook.entrypoints.server import assessments

    return await assessments.spread(call)


async def replay(call: Call, record: FailedRecord, edited: bytes | None) -> AssessmentReply:
    from tallybrook.entrypoints.server import assessments

    return await assessments.replay(call, record, edited)


async def original_text(call: Call, record: FailedRecord) -> str | None:
    from tallybrook.entrypoints.server import assessments

    return await assessments.original_text(call, record)
