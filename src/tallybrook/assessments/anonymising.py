"""From a raw assessment to one without the person: allowed columns only, each of them coarse. Pure.

Nothing is copied but numbers on a declared scale: every text that comes out is a word of an
enumeration, a pseudonym or an hour. So no name, address or free text gets through, in whatever
field, key or nested text it stood. Errors have pointers and never what was found there.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tallybrook.assessments.answers import TEXTS, Answers, read_answers
from tallybrook.assessments.inventories import Inventory, Sex
from tallybrook.assessments.norms import sex_of
from tallybrook.errors import InvalidError
from tallybrook.events.instants import MAX_US, parse_instant
from tallybrook.privacy import bands, words
from tallybrook.privacy.pseudonyms import Person, assessment_id, read_id, session_id
from tallybrook.privacy.vocabulary import Vocabulary

ANONYMISER_VERSION = "1"
"""Changes whenever the same raw assessment would come out otherwise."""

DEFAULT_TYPE = "ocean-120"
DECIMALS = 2
"""What is kept of an answer on a continuous scale: more digits could be somebody's number."""

FindInventory = Callable[[str], Inventory | None]


class Answered(Struct, frozen=True):
    """One answer: the item's number and what was chosen on the scale."""

    questionId: str  # noqa: N815 - the name in the file format
    answer: int | float | str


class Clean(Struct, frozen=True, kw_only=True):
    """What may be kept of an assessment, without its ids. None: nothing was said."""

    timestamp: str
    version: str | None
    completion_time: int | None
    device: str | None
    platform: str | None
    age_range: str | None
    industry: str | None
    role: str | None
    experience: str | None
    region: str | None
    assessment_type: str
    scale: str
    responses: tuple[Answered, ...]
    sex: Sex | UnsetType | None = UNSET


class AnonymisedAssessment(Clean, frozen=True, kw_only=True):
    """The columns of ``assessment_events``, and the answers for the calculator.

    ``timestamp`` is the hour, RFC 3339; ``completion_time`` whole seconds in steps of ten;
    ``responses`` are in the order of the inventory. ``sex`` is there only where it is kept for
    norms, and is no column.
    """

    anonymous_user_id: str
    session_id: str
    assessment_id: str


class Identity(Struct, frozen=True):
    """The ids of a raw assessment; ``session`` is that of the assessment where it has none."""

    user: str
    assessment: str
    session: str


def anonymise(
    raw: Mapping[str, Any], who: Person, vocabulary: Vocabulary, find_inventory: FindInventory,
    *, keep_sex: bool = False,
) -> AnonymisedAssessment:  # fmt: skip
    """Both halves at once. Raises ``InvalidError``."""
    cleaned = clean(raw, vocabulary, find_inventory, keep_sex=keep_sex)
    return pseudonymise(cleaned, read_identity(raw), who)


def read_identity(raw: Mapping[str, Any]) -> Identity:
    """Whose assessment it is. Raises ``InvalidError`` where the user or the assessment has no id.

    A whole number is an id, too.
    """
    user, assessment = _required_id(raw, "userId"), _required_id(raw, "assessmentId")
    session = read_id(_object(raw, "metadata").get("sessionId"))
    return Identity(user, assessment, session or assessment)


def clean(
    raw: Mapping[str, Any], vocabulary: Vocabulary, find_inventory: FindInventory, *,
    keep_sex: bool = False, not_after_us: int = MAX_US,
) -> Clean:  # fmt: skip
    """What is left without the ids; with ``keep_sex`` also ``female``, ``male`` or null.

    Raises ``InvalidError`` for an unknown ``assessmentType``, a ``timestamp`` that is no instant or
    after ``not_after_us`` (it would count as its person's latest for as long),
    ``demographics`` or ``metadata`` that are no objects, and answers that cannot be used.
    """
    named = raw.get("assessmentType")
    named = DEFAULT_TYPE if named is None else named
    inventory = find_inventory(named) if isinstance(named, str) else None
    if inventory is None:
        raise InvalidError.of("/assessmentType", "names no inventory")
    hour = bands.hour_of(raw.get("timestamp"))
    if hour is None:
        raise InvalidError.of("/timestamp", "must be an RFC 3339 instant")
    if (parse_instant(hour) or 0) > not_after_us:
        raise InvalidError.of("/timestamp", "lies more than a day in the future")
    answers = read_answers(raw, inventory)
    told, meta = _object(raw, "demographics"), _object(raw, "metadata")
    return Clean(
        timestamp=hour,
        version=words.version(raw.get("version")),
        completion_time=bands.completion_s(raw.get("completionTime")),
        device=words.device(meta.get("userAgent")),
        platform=words.platform(meta.get("platform"), vocabulary),
        age_range=bands.age_range(told.get("age")),
        industry=words.industry(told.get("industry"), vocabulary),
        role=words.role(told.get("role"), vocabulary),
        experience=bands.experience(told.get("yearsExperience")),
        region=words.region(told.get("country"), vocabulary),
        assessment_type=inventory.id,
        scale=answers.scale,
        responses=_responses(answers),
        sex=sex_of(told.get("gender")) if keep_sex else UNSET,
    )


def pseudonymise(cleaned: Clean, identity: Identity, who: Person) -> AnonymisedAssessment:
    """The same under pseudonyms."""
    return AnonymisedAssessment(
        **msgspec.structs.asdict(cleaned),
        anonymous_user_id=who.anonymous_user_id,
        session_id=session_id(who, identity.session),
        assessment_id=assessment_id(who, identity.assessment),
    )


def encode(assessment: AnonymisedAssessment) -> bytes:
    """Canonical JSON: the same content has the same bytes."""
    return msgspec.json.encode(assessment)


def decode(body: bytes) -> AnonymisedAssessment:
    """The way back. Raises ``msgspec.MsgspecError``."""
    return msgspec.json.decode(body, type=AnonymisedAssessment)


def digest(body: bytes) -> str:
    """What tells two contents of one assessment apart: 16 hex digits."""
    return hashlib.sha256(body).hexdigest()[:16]


def to_score(assessment: AnonymisedAssessment) -> dict[str, Any]:
    """The form in which ``scoring.score`` reads it. An age is the lowest of its band, which lies in
    one norm group."""
    sex = assessment.sex if assessment.sex is not UNSET else None
    return {
        "demographics": {"gender": sex, "age": bands.lowest_age(assessment.age_range)},
        "assessmentId": assessment.assessment_id,
        "assessmentType": assessment.assessment_type,
        "scale": assessment.scale,
        "responses": [msgspec.structs.asdict(answered) for answered in assessment.responses],
    }


def _responses(answers: Answers) -> tuple[Answered, ...]:
    return tuple(
        Answered(answer.item.id, _given(answer.given, answers.scale)) for answer in answers.answers
    )


def _given(given: float, scale: str) -> int | float | str:
    if scale == "text":
        return TEXTS[int(given) - 1]
    return int(given) if given.is_integer() else round(given, DECIMALS)


def _required_id(raw: Mapping[str, Any], name: str) -> str:
    found = read_id(raw.get(name))
    if not found:
        raise InvalidError.of(f"/{name}", "must be a text that is not empty, or a whole number")
    return found


def _object(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise InvalidError.of(f"/{name}", "must be an object")
    return found
