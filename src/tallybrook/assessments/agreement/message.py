"""A message of two AIs that scored the same assessment: what it holds, read and checked. Pure."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from tallybrook.errors import FieldError, InvalidError, MalformedError, TooLargeError
from tallybrook.events.checks import require_json
from tallybrook.events.ids import content_id
from tallybrook.events.instants import parse_instant

DOMAINS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
MAX_MESSAGE_BYTES = 256 * 1024
MAX_FACETS = 300

Score = Annotated[float, Meta(ge=0, le=100)]
Share = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Milliseconds = Annotated[float, Meta(ge=0, le=1e9)]
Tokens = Annotated[float, Meta(ge=0, le=10**12, multiple_of=1)]
"""A whole number, which JSON may write with a point."""


class Facet(Struct, frozen=True):
    """A facet's score, null where there is none."""

    score: Score | None


class OceanScores(Struct, frozen=True):
    """Five domains, each 0 to 100 or null, and any facets."""

    openness: Score | None
    conscientiousness: Score | None
    extraversion: Score | None
    agreeableness: Score | None
    neuroticism: Score | None
    facets: Annotated[dict[Name, Facet], Meta(max_length=MAX_FACETS)] = {}


class Response(Struct, frozen=True, rename="camel"):
    """What the first AI says. ``processing_time`` is in milliseconds."""

    ocean_scores: OceanScores
    confidence: Share | None = None
    processing_time: Milliseconds | None = None
    tokens_used: Tokens | None = None
    model_version: Name | None = None


class Validation(Response, frozen=True, rename="camel"):
    """What the second AI says, and how consistent it found the first one."""

    consistency_score: Share | None = None


class DualMessage(Struct, frozen=True, rename="camel"):
    """The message as it is sent. Unknown keys are passed over."""

    assessment_id: Name
    timestamp: str
    a1_response: Response
    b1_validation: Validation


class Received(Struct, frozen=True):
    """A message that was read. ``at`` is its time in microseconds; ``measurement_id`` is of the
    account, the assessment and all that is measured: equal content has an equal id."""

    measurement_id: str
    account_id: str
    at: int
    message: DualMessage


_MESSAGE = msgspec.json.Decoder(DualMessage)


def read_dual(body: bytes, account_id: str) -> Received:
    """The message in ``body`` (at most 256 KiB of JSON).

    Raises ``TooLargeError``, ``MalformedError`` (not JSON), or ``InvalidError`` that names every
    field at fault by its pointer. A stamp that is no instant is a fault.
    """
    if len(body) > MAX_MESSAGE_BYTES:
        raise TooLargeError(f"a message is at most {MAX_MESSAGE_BYTES} bytes")
    require_json(body)
    try:
        message = _MESSAGE.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        found = list(faults(_anything(body), DualMessage))
        raise _invalid(found or [FieldError("", "cannot be read")]) from None
    at = parse_instant(message.timestamp)
    if at is None:
        raise _invalid([FieldError("/timestamp", "is not an instant")])
    content = msgspec.json.encode(
        (message.a1_response, message.b1_validation), order="deterministic"
    )
    name = content_id("agreement", account_id, message.assessment_id, str(at), content)
    return Received(f"agreement-{name}", account_id, at, message)


def _anything(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise MalformedError(f"the body holds what no message can: {error}") from None


def _invalid(found: list[FieldError]) -> InvalidError:
    first = found[0]
    return InvalidError(f"{first.pointer.lstrip('/') or 'the message'} {first.detail}", found)


def faults(value: object, kind: type[Struct], pointer: str = "") -> Iterator[FieldError]:
    """Every field of a decoded JSON value that is not as the struct wants it, in its order."""
    if not isinstance(value, Mapping):
        yield FieldError(pointer, "must be an object")
        return
    for field in msgspec.structs.fields(kind):
        at = f"{pointer}/{field.encode_name}"
        if field.encode_name in value:
            yield from _fault(value[field.encode_name], field.type, at)
        elif field.required:
            yield FieldError(at, "is required")


def _fault(value: Any, wanted: Any, pointer: str) -> Iterator[FieldError]:
    if isinstance(wanted, type) and issubclass(wanted, Struct):
        yield from faults(value, wanted, pointer)
        return
    try:
        msgspec.convert(value, wanted)
        return
    except msgspec.ValidationError as error:
        named = isinstance(value, Mapping) and pointer.endswith("/facets")
        inner = list(_facet_faults(value, pointer)) if named else []
        yield from inner or [FieldError(pointer, _words(str(error)))]


def _facet_faults(value: Any, pointer: str) -> Iterator[FieldError]:
    for name, facet in value.items():
        at = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if not 1 <= len(name) <= 128:
            yield FieldError(at, "must have a name of 1 to 128 characters")
        yield from faults(facet, Facet, at)


def _words(error: str) -> str:
    """msgspec's sentence without its own way of naming the place."""
    sentence = error.partition(" - at ")[0].replace("`", "")
    return sentence[:1].lower() + sentence[1:]
