"""From a raw object to an anonymised one: under another prefix, once a content.

The output is named after the assessment's pseudonym and the digest of what is in it, and put only
where nothing is: done twice, or stopped at any step and done again, it is there once. No key, no
metadata and no error holds anything of the input, not its key either.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.accounts.keys import require_account
from tallybrook.assessments.anonymising import (
    ANONYMISER_VERSION,
    AnonymisedAssessment,
    Clean,
    FindInventory,
    Identity,
    clean,
    digest,
    encode,
    pseudonymise,
    read_identity,
)
from tallybrook.assessments.flow.places import IN_PREFIXES, OUT_PREFIX
from tallybrook.errors import (
    ConflictError,
    InvalidError,
    MalformedError,
    NotFoundError,
    StorageError,
    TooLargeError,
)
from tallybrook.events.instants import MAX_US
from tallybrook.ports.objects import Objects
from tallybrook.ports.state import State
from tallybrook.privacy.keys import PrivacyKeys
from tallybrook.privacy.people import ensure_person, find_person
from tallybrook.privacy.pseudonyms import Person, assessment_id
from tallybrook.privacy.vocabulary import Vocabulary

MAX_RAW_BYTES = 1 << 20


class Anonymizer(Struct, frozen=True):
    """What anonymising works with. ``keep_sex``: for norms; an assessment dated after
    ``not_after_us`` is refused."""

    objects: Objects
    state: State
    keys: PrivacyKeys
    vocabulary: Vocabulary
    find_inventory: FindInventory
    keep_sex: bool = False
    not_after_us: int = MAX_US

    def cleaned(self, raw: Mapping[str, Any]) -> Clean:
        """A raw assessment without its ids. Raises as ``clean``."""
        return clean(
            raw, self.vocabulary, self.find_inventory, keep_sex=self.keep_sex,
            not_after_us=self.not_after_us,
        )  # fmt: skip


class Written(Struct, frozen=True):
    """An output. ``created`` is False where it had been there."""

    key: str
    assessment: AnonymisedAssessment
    created: bool


def anonymise_object(
    source: str, account_id: str, using: Anonymizer, expected: str | None = None
) -> Written:
    """Anonymise the one assessment of an object under one of ``IN_PREFIXES``.

    ``expected`` is the pseudonym that was made for the assessment when it was received: it gets
    that one or none (``known_person``). Any other source is refused with ``InvalidError``, so
    that no output is ever an input. Raises ``NotFoundError``, ``MalformedError``,
    ``TooLargeError`` (1 MiB), ``InvalidError`` for what will fail again, and ``StorageError``;
    none of them quotes what it is about.
    """
    if not source.startswith(IN_PREFIXES):
        raise InvalidError.of("/key", f"is not under {' or '.join(IN_PREFIXES)}")
    raw = decoded(_read(using.objects, source))
    if expected is None:
        return anonymise_record(raw, account_id, using)
    cleaned = using.cleaned(raw)
    identity = read_identity(raw)
    who = known_person(identity, expected, account_id, using)
    return _put(using.objects, _written(cleaned, identity, who, account_id))


def anonymise_record(raw: Mapping[str, Any], account_id: str, using: Anonymizer) -> Written:
    """The same for an assessment that has been read: a row of a file, the body of a request."""
    return _put(using.objects, prepare(raw, account_id, using))


def prepare(raw: Mapping[str, Any], account_id: str, using: Anonymizer) -> Written:
    """What would be written, and where; nothing is. The person has a secret when it returns.

    One that was anonymised under an older key stays what it is, so that a repetition after a
    rotation is none.
    """
    identity = read_identity(raw)
    cleaned = using.cleaned(raw)
    for key in using.keys.older:
        earlier = find_person(using.state, key, account_id, identity.user)
        if earlier is not None:
            written = _written(cleaned, identity, earlier, account_id)
            if using.objects.head(written.key) is not None:
                return written
    who = ensure_person(using.state, using.keys.newest, account_id, identity.user)
    return _written(cleaned, identity, who, account_id)


def known_person(identity: Identity, expected: str, account_id: str, using: Anonymizer) -> Person:
    """Whose assessment has the pseudonym ``expected``.

    Raises ``StorageError`` for a key that this process does not know, which may be a fresh one,
    and ``NotFoundError`` where the person was forgotten since: what came before that is not
    anonymised under another name after it.
    """
    kid = expected.partition("_")[0]
    key = next((key for key in using.keys.keys if key.kid == kid), None)
    if key is None:
        raise StorageError("the key it was received under is not known here, or not yet")
    who = find_person(using.state, key, account_id, identity.user)
    if who is None or assessment_id(who, identity.assessment) != expected:
        raise NotFoundError("its person was forgotten after it was received")
    return who


def output_key(account_id: str, assessment: AnonymisedAssessment) -> str:
    """``anonymised/assessments/<account>/<yyyy>/<mm>/<dd>/<assessment>-<digest>.json``."""
    day = assessment.timestamp[:10].replace("-", "/")
    name = f"{assessment.assessment_id}-{digest(encode(assessment))}.json"
    return f"{OUT_PREFIX}{require_account(account_id)}/{day}/{name}"


def _written(cleaned: Clean, identity: Identity, who: Person, account_id: str) -> Written:
    assessment = pseudonymise(cleaned, identity, who)
    return Written(output_key(account_id, assessment), assessment, False)


def _put(objects: Objects, written: Written) -> Written:
    body = encode(written.assessment)
    try:
        objects.put(
            written.key,
            body,
            content_type="application/json",
            metadata={"anonymiser": ANONYMISER_VERSION},
            create_only=True,
        )
    except ConflictError:
        if objects.get(written.key) != body:
            raise
        return written
    return msgspec.structs.replace(written, created=True)


def _read(objects: Objects, source: str) -> bytes:
    """The raw object. Its key may hold anything and is in no error's text."""
    try:
        body = objects.get(source, MAX_RAW_BYTES)
    except TooLargeError:
        raise TooLargeError(f"a raw assessment has at most {MAX_RAW_BYTES} bytes") from None
    except StorageError as error:
        said = error.detail.replace(source, "(key)")
        raise StorageError(f"the raw object: {said}", error.retry_after_s) from None
    if body is None:
        raise NotFoundError("the raw object is not there")
    return body


def decoded(body: bytes) -> Mapping[str, Any]:
    """The object that a raw assessment is. Raises ``MalformedError`` or ``InvalidError``."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise MalformedError("the assessment is not JSON") from None
    if not isinstance(found, dict):
        raise InvalidError("a raw assessment is a JSON object")
    return found
