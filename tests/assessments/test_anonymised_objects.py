"""A raw object becomes one anonymised object, once, whatever is repeated or breaks off."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tallybrook.assessments.anonymised import (
    MAX_RAW_BYTES,
    Anonymizer,
    anonymise_object,
    anonymise_record,
)
from tallybrook.assessments.anonymising import encode
from tallybrook.assessments.flow.places import OUT_PREFIX, RAW_PREFIX
from tallybrook.assessments.library import find_inventory
from tallybrook.errors import (
    InvalidError,
    MalformedError,
    NotFoundError,
    StorageError,
    TallybrookError,
    TooLargeError,
)
from tallybrook.events.instants import DAY_US
from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.tables import STATE
from tallybrook.ports.objects import Objects, everything
from tallybrook.ports.objects.aws import S3Objects
from tallybrook.ports.objects.local import LocalObjects
from tallybrook.ports.state.aws import DynamoState
from tallybrook.ports.state.local import SqliteState
from tallybrook.privacy.keys import PrivacyKeys, fresh_key, rotated
from tallybrook.privacy.library import built_in
from tallybrook.privacy.people import forget
from tests.assessments.raw import PLANTED, assessment, forms
from tests.support.emulator import make_tables

SOURCE = f"{RAW_PREFIX}one.json"


@pytest.fixture(params=["local", "aws"])
def using(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Anonymizer]:
    keys = PrivacyKeys((fresh_key(0),))
    if request.param == "aws":
        stack = request.getfixturevalue("stack")
        make_tables(stack, (STATE,))
        client("s3").create_bucket(Bucket=stack)
        yield Anonymizer(S3Objects(stack), DynamoState(stack), keys, built_in(), find_inventory)
        return
    state = SqliteState(tmp_path / "state.db")
    objects = LocalObjects(tmp_path / "objects")
    yield Anonymizer(objects, state, keys, built_in(), find_inventory)
    state.close()


def put(objects: Objects, raw: Mapping[str, Any], key: str = SOURCE) -> None:
    objects.put(key, msgspec.json.encode(raw))


def outputs(objects: Objects) -> list[str]:
    return [found.key for found in everything(objects, OUT_PREFIX)]


def test_an_object_in_is_an_object_out(using: Anonymizer) -> None:
    """Under another prefix, by day and pseudonym; the raw one is left."""
    put(using.objects, assessment())
    written = anonymise_object(SOURCE, "acme", using)
    assert written.created
    assert outputs(using.objects) == [written.key]
    assert written.key.startswith(f"{OUT_PREFIX}acme/2026/03/01/{written.assessment.assessment_id}")
    assert using.objects.get(written.key) == encode(written.assessment)
    head = using.objects.head(written.key)
    assert head is not None
    assert (head.content_type, head.metadata) == ("application/json", {"anonymiser": "1"})
    assert using.objects.get(SOURCE) is not None


def test_repeated_it_is_there_once(using: Anonymizer) -> None:
    """Under another raw key too, and by several at once; other content is another object."""
    put(using.objects, assessment())
    put(using.objects, assessment(email="x@mail.example.com"), f"{RAW_PREFIX}two.json")
    sources = [SOURCE, f"{RAW_PREFIX}two.json"] * 3
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda source: anonymise_object(source, "acme", using), sources))
    assert len({written.key for written in done}) == 1
    assert [written.created for written in done].count(True) == 1
    assert outputs(using.objects) == [done[0].key]
    changed = assessment(completionTime=0)
    assert anonymise_record(changed, "acme", using).created
    assert len(outputs(using.objects)) == 2


def test_a_repetition_after_a_rotation_is_none(using: Anonymizer) -> None:
    """What was anonymised under the old key stays; what comes new is under the new one."""
    before = anonymise_record(assessment(), "acme", using)
    keys = rotated(using.keys, 0, DAY_US)
    after = structs.replace(using, keys=keys)
    again = anonymise_record(assessment(), "acme", after)
    assert (again.key, again.created) == (before.key, False)
    new = anonymise_record(assessment(assessmentId="a-2"), "acme", after)
    assert new.created
    assert new.assessment.anonymous_user_id.startswith(keys.newest.kid)
    assert len(outputs(using.objects)) == 2


def test_after_forgetting_it_is_somebody_else(using: Anonymizer) -> None:
    """The same assessment again has no name in common with the one before."""
    before = anonymise_record(assessment(), "acme", using).assessment
    forget(using.state, using.keys, "acme", "user-17")
    after = anonymise_record(assessment(), "acme", using).assessment
    ids = ("anonymous_user_id", "session_id", "assessment_id")
    assert all(getattr(before, name) != getattr(after, name) for name in ids)


def test_an_output_is_never_an_input(using: Anonymizer) -> None:
    """Its key is refused, as any that is not under the raw prefix."""
    put(using.objects, assessment())
    written = anonymise_object(SOURCE, "acme", using)
    for key in (written.key, f"x/{SOURCE}", "raw/assessments", "raw/events/e.json", ""):
        with pytest.raises(InvalidError, match=RAW_PREFIX):
            anonymise_object(key, "acme", using)
    assert outputs(using.objects) == [written.key]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", MalformedError),
        (b"{", MalformedError),
        (b"\xff\xfe{}", MalformedError),
        (b'{"userId": "Zo\xeb"}', MalformedError),
        (b"[" * 100_000, MalformedError),
        (b"[1]", InvalidError),
        (b'"text"', InvalidError),
        (b"{}", InvalidError),
        (b" " * MAX_RAW_BYTES + b"{}", TooLargeError),
    ],
    ids=str,
)
def test_what_cannot_be_read_writes_nothing(
    using: Anonymizer, body: bytes, error: type[TallybrookError]
) -> None:
    """Nothing comes out, and the reason says that trying again is of no use."""
    using.objects.put(SOURCE, body)
    with pytest.raises(error):
        anonymise_object(SOURCE, "acme", using)
    assert outputs(using.objects) == []


def test_what_is_refused_makes_nobody(using: Anonymizer) -> None:
    """No secret is made for the person of an assessment that cannot be used."""
    with pytest.raises(InvalidError):
        anonymise_record(assessment(responses=[]), "acme", using)
    parts = [f"privacy/{using.keys.newest.kid}/{part:02x}" for part in range(256)]
    assert not [item for part in parts for item in using.state.query(part)]


def test_a_missing_object(using: Anonymizer) -> None:
    """Is said, without its name."""
    with pytest.raises(NotFoundError) as error:
        anonymise_object(f"{RAW_PREFIX}jane-roe.json", "acme", using)
    assert "jane" not in str(error.value)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anonymizer]:
    folder = tmp_path_factory.mktemp("anonymised")
    state = SqliteState(folder / "state.db")
    objects = LocalObjects(folder / "objects")
    keys = PrivacyKeys((fresh_key(0),))
    yield Anonymizer(objects, state, keys, built_in(), find_inventory)
    state.close()


@settings(max_examples=60, deadline=None)
@given(
    token=st.sampled_from([name.replace("/", "") for name in PLANTED]),
    broken=st.sampled_from(["", "json", "size", "gone", "field"]),
    user=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
)
def test_no_name_tells_of_a_person(here: Anonymizer, token: str, broken: str, user: str) -> None:
    """Nor does metadata or an error: with personal data as ids and in the raw key itself."""
    source = f"{RAW_PREFIX}{token}/{token}.json"
    raw = assessment(userId=user + token, assessmentId=token, metadata={"sessionId": token})
    if broken == "field":
        raw["timestamp"] = token
    body = msgspec.json.encode(raw)
    if broken != "gone":
        here.objects.put(
            source, {"json": body[:-1], "size": body + b" " * MAX_RAW_BYTES}.get(broken, body)
        )
    try:
        written = anonymise_object(source, "acme", here)
    except TallybrookError as error:
        assert broken
        said = f"{error} {error.detail} {error.errors} {error.__cause__}"
    else:
        head = here.objects.head(written.key)
        said = f"{written} {head} {here.objects.get(written.key)!r}"
    here.objects.delete(source)
    assert not [form for form in forms(token) if form in said]


class Unreachable:
    """Objects whose disk says the name of what it cannot read."""

    def get(self, key: str, max_bytes: int = 0) -> bytes | None:
        raise StorageError(f"get {key}: Input/output error", retry_after_s=7)


def test_an_unreachable_object_is_tried_again(here: Anonymizer) -> None:
    """The error says why and when to try again, and not the name."""
    away = structs.replace(here, objects=Unreachable())
    with pytest.raises(StorageError, match="Input/output error") as error:
        anonymise_object(f"{RAW_PREFIX}jane-roe.json", "acme", away)
    assert error.value.retry_after_s == 7
    assert "jane" not in str(error.value)
