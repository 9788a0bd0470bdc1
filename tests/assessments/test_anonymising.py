"""What comes out of an assessment has nothing of the person in it, and all that scoring needs."""

import re
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallybrook.assessments import anonymising
from tallybrook.assessments.anonymising import (
    AnonymisedAssessment,
    Answered,
    anonymise,
    clean,
    encode,
    to_score,
)
from tallybrook.assessments.answers import SCALES, TEXTS
from tallybrook.assessments.flow.scored import calculate
from tallybrook.assessments.library import find_inventory, inventory
from tallybrook.assessments.scoring import score
from tallybrook.errors import InvalidError
from tallybrook.events.instants import parse_instant
from tallybrook.failed.keeping import failed_record
from tallybrook.privacy import bands
from tallybrook.privacy.keys import key_of
from tallybrook.privacy.library import built_in
from tallybrook.privacy.pseudonyms import Person, person
from tests.assessments.raw import PLANTED, SPOTS, assessment, forms, plant, wrapped

KEY = key_of("0123456789abcdef" * 2)
PSEUDONYM = re.compile(KEY.kid + r"_[0-9a-f]{32}")
HOUR = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:00:00Z", re.ASCII)
VERSION = re.compile(r"\d(\.\d){0,2}|other", re.ASCII)
WORDS = built_in()


def who(user: str = "user-17", account: str = "acme") -> Person:
    return person(KEY, bytes(32), account, user)


def done(raw: dict[str, Any], of: Person | None = None) -> AnonymisedAssessment:
    return anonymise(raw, of or who(str(raw.get("userId"))), WORDS, find_inventory)


def test_the_columns() -> None:
    """All that the tables have, in the promised coarseness, and the answers alone."""
    found = done(assessment())
    row = msgspec.structs.asdict(found)
    ids = {name: row.pop(name) for name in ("anonymous_user_id", "session_id", "assessment_id")}
    assert len(set(ids.values())) == 3
    assert all(PSEUDONYM.fullmatch(name) for name in ids.values())
    answers = row.pop("responses")
    assert row.pop("sex") is msgspec.UNSET
    assert b'"sex"' not in encode(found)
    assert row == {
        "timestamp": "2026-03-01T10:00:00Z", "version": "2.0", "completion_time": 750,
        "device": "tablet", "platform": "ios", "age_range": "31-40", "industry": "technology",
        "role": "management", "experience": "5-10", "region": "europe",
        "assessment_type": "ocean-120", "scale": "1-5",
    }  # fmt: skip
    assert answers == tuple(Answered(str(n), n % 5 + 1) for n in range(1, 121))


@pytest.mark.parametrize(
    ("told", "kept"),
    [("female", "female"), (" M ", "male"), (PLANTED[0], None), (None, None), (0, None)],
)
def test_sex_is_kept_only_for_norms(told: object, kept: str | None) -> None:
    """Where it is asked for it is one of two words or null, whatever was written; else the output
    is the same whatever was written."""
    raw = assessment(demographics={"age": 34, "gender": told})
    found = anonymise(raw, who("u"), WORDS, find_inventory, keep_sex=True)
    assert found.sex == kept
    assert PLANTED[0].encode() not in encode(found)
    without = assessment(demographics={"age": 34})
    assert encode(done(raw)) == encode(done(without))


def test_norms_of_an_anonymised_assessment_are_those_of_the_raw_one() -> None:
    """A band of ages lies in one norm group, so nothing is lost but the age itself; without the
    sex there are none, and either reason is told."""
    for age in (16, 20, 21, 40, 41, 60, 61, 90):
        raw = assessment(demographics={"age": age, "gender": "male"})
        found = anonymise(raw, who("u"), WORDS, find_inventory, keep_sex=True)
        expected = score(raw, inventory("ocean-120"))
        assert calculate(found, inventory("ocean-120")).norms == expected.norms
        assert expected.norms is not None
    dropped = calculate(done(raw), inventory("ocean-120"))
    assert "is dropped" in dropped.reasons["norms"]
    raw["demographics"]["gender"] = "x"
    unknown = anonymise(raw, who("u"), WORDS, find_inventory, keep_sex=True)
    assert "was not given" in calculate(unknown, inventory("ocean-120")).reasons["norms"]


def test_a_time_far_ahead_is_refused() -> None:
    """It would be its person's latest for as long; the reason names the field."""
    last = parse_instant("2026-03-01T10:30:00Z")
    assert last is not None
    clean(assessment(), WORDS, find_inventory, not_after_us=last)
    with pytest.raises(InvalidError, match="future") as caught:
        clean(
            assessment(timestamp="2026-03-01T11:00:00Z"), WORDS, find_inventory, not_after_us=last
        )
    assert caught.value.errors[0].pointer == "/timestamp"


def require_clean(found: AnonymisedAssessment) -> None:
    """Every value is a number on its scale, a pseudonym, an hour or a word of a list."""
    for name in ("anonymous_user_id", "session_id", "assessment_id"):
        assert PSEUDONYM.fullmatch(getattr(found, name))
    assert HOUR.fullmatch(found.timestamp)
    assert found.version is None or VERSION.fullmatch(found.version)
    assert found.completion_time is None or found.completion_time in range(0, 86_401, 10)
    assert found.age_range in (None, *bands.AGES)
    assert found.experience in (None, *bands.EXPERIENCES)
    for column in ("device", "platform", "industry", "role", "region"):
        assert getattr(found, column) in {None, *WORDS.values(column)}
    known = {item.id for item in inventory(found.assessment_type).items}
    low, high = SCALES[found.scale]
    for answered in found.responses:
        assert answered.questionId in known
        assert answered.answer in TEXTS or low <= float(answered.answer) <= high


def require_without(text: str, token: str) -> None:
    assert not [form for form in forms(token) if form in text]


@settings(max_examples=400)
@given(st.data())
def test_nothing_of_a_person_gets_through(data: st.DataObject) -> None:
    """Names, mails, numbers and addresses, in any field, key or nested text, in any form: neither
    in what comes out nor in the error that comes instead, nor in what a failed record shows."""
    raw = assessment()
    token = data.draw(st.sampled_from(PLANTED))
    for spot in data.draw(st.lists(st.sampled_from(SPOTS), min_size=1, max_size=4)):
        plant(raw, spot, data.draw(wrapped(token)), as_key=data.draw(st.booleans()))
    try:
        found = done(raw)
    except InvalidError as error:
        faults = " ".join(f"{fault.pointer} {fault.detail}" for fault in error.errors)
        kept = failed_record(error, b"", account_id="a", source="s", now_us=0)
        told = f"{error} {error.detail} {faults} {error.__cause__}"
        require_without(f"{told} {kept.detail} {kept.reason}", token)
        return
    require_clean(found)
    require_without(encode(found).decode(), token)


def test_a_planted_value_does_come_through_where_it_is_a_word() -> None:
    """The check above can tell: what is on the list is there."""
    with pytest.raises(AssertionError):
        require_without(encode(done(assessment())).decode(), "technology")


def test_the_same_content_has_the_same_bytes() -> None:
    """Whatever the order of keys and answers, and whatever else was in it that is dropped."""
    raw = assessment()
    shuffled = dict(reversed(raw.items())) | {"email": "other@mail.example.com", "notes": "x"}
    shuffled["responses"] = [
        {"answer": float(answer["answer"]), "questionId": int(answer["questionId"])}
        for answer in reversed(raw["responses"])
    ]
    shuffled["timestamp"] = "2026-03-01T12:59:00+02:00"
    assert encode(done(shuffled)) == encode(done(raw))
    assert anonymising.decode(encode(done(raw))) == done(raw)
    changed = deepcopy(raw)
    changed["responses"][0]["answer"] = 5
    assert encode(done(changed)) != encode(done(raw))


def test_a_person_is_the_same_in_every_form_of_their_id() -> None:
    """And another in another account."""
    raw = assessment(userId="Zoë")
    same = done(raw | {"userId": " Zoe\u0308 "})
    assert same == done(raw)
    assert done(raw, who("Zoë", "rival")).anonymous_user_id != same.anonymous_user_id
    assert done(raw | {"userId": 17}, who("17")) == done(raw | {"userId": "17"}, who("17"))


def test_sessions() -> None:
    """Those of one id are one; where there is none the assessment is its own session."""
    first, second = done(assessment()), done(assessment(assessmentId="a-2"))
    assert first.session_id == second.session_id
    assert first.assessment_id != second.assessment_id
    alone = [done(assessment(assessmentId=name, metadata=None)) for name in ("a-1", "a-2")]
    assert alone[0].session_id != alone[1].session_id
    blank = assessment(metadata={"sessionId": "  "})
    assert done(blank).session_id == alone[0].session_id


def test_nothing_said_is_null() -> None:
    """And not other, contributor or a band."""
    raw = assessment(demographics=None, metadata=None, version=None, completionTime=None)
    row = msgspec.structs.asdict(done(raw))
    empty = ("version", "completion_time", "device", "platform", "age_range", "industry", "role")
    assert {row[name] for name in (*empty, "experience", "region")} == {None}


def test_scores_are_those_of_the_raw_answers() -> None:
    """To the last bit, on every scale."""
    raw = assessment()
    scales: dict[str, list[Any]] = {
        "1-5": [1, 2, 3, 4, 5], "1-6": [1, 2, 6, 4, 5], "0-100": [0, 12.25, 50, 99.5, 100],
        "text": list(TEXTS),
    }  # fmt: skip
    for scale, options in scales.items():
        for at, answer in enumerate(raw["responses"]):
            answer["answer"] = options[at * 7 % 5]
        told = raw | {"scale": scale, "demographics": None}
        ours = score(to_score(done(told)), inventory("ocean-120"))
        assert ours.scores == score(told, inventory("ocean-120")).scores


def test_digits_of_an_answer_are_no_message() -> None:
    """A continuous scale keeps two decimals: a place on earth is no answer."""
    answers = [{"questionId": "1", "answer": 52.520_007_9}, {"questionId": "2", "answer": 7}]
    found = done(assessment(scale="0-100", responses=answers))
    assert [answered.answer for answered in found.responses] == [52.52, 7]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"userId": None}, "/userId"),
        ({"userId": " \u2003 "}, "/userId"),
        ({"userId": True}, "/userId"),
        ({"userId": {"id": "x"}}, "/userId"),
        ({"userId": 10**30}, "/userId"),
        ({"assessmentId": ""}, "/assessmentId"),
        ({"assessmentType": "jane"}, "/assessmentType"),
        ({"assessmentType": ["ocean-120"]}, "/assessmentType"),
        ({"assessmentType": ""}, "/assessmentType"),
        ({"timestamp": None}, "/timestamp"),
        ({"timestamp": 1_700_000_000}, "/timestamp"),
        ({"timestamp": "yesterday"}, "/timestamp"),
        ({"demographics": "{}"}, "/demographics"),
        ({"metadata": ["x"]}, "/metadata"),
        ({"scale": "1-7"}, "/scale"),
        ({"scale": ["1-5"]}, "/scale"),
        ({"responses": None}, "/responses"),
        ({"responses": []}, "/responses"),
        ({"responses": [{"questionId": "121", "answer": 1}]}, "/responses/0/questionId"),
        ({"responses": [{"questionId": 10**30, "answer": 1}]}, "/responses/0/questionId"),
        ({"responses": [{"questionId": "1", "answer": 10**400}]}, "/responses/0/answer"),
        ({"responses": [{"questionId": "1", "answer": 1}] * 2}, "/responses/1/questionId"),
    ],
)
def test_what_cannot_be_used_is_refused(fields: dict[str, Any], pointer: str) -> None:
    """With a pointer to it; a missing time is never replaced by the clock."""
    with pytest.raises(InvalidError) as error:
        done(assessment(**fields), who())
    assert error.value.errors[0].pointer == pointer


def test_the_default_inventory() -> None:
    """An assessment that names none is of ocean-120, as it is for ``tallybrook score``."""
    raw = assessment()
    del raw["assessmentType"]
    assert done(raw) == done(assessment())
