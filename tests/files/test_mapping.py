"""From columns to event fields."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from tallybrook.errors import UsageError
from tallybrook.files.mapping import check_columns, plan, to_event


def event(row: dict[str, Any], *maps: str, sets: tuple[str, ...] = (), table: bool = True) -> Any:
    fields = {name: Raw(msgspec.json.encode(value)) for name, value in row.items()}
    made = to_event(plan(maps, sets, table=table), fields)
    return msgspec.json.decode(msgspec.json.encode(made))


def test_mapped_columns_become_fields_and_the_others_properties() -> None:
    """No column is lost."""
    assert event(
        {"event": "view", "time": "2026-01-01", "user": 7, "price": 0},
        "event_type=event", "timestamp=time", "user_id=user",
    ) == {
        "event_type": "view", "timestamp": "2026-01-01", "user_id": "7",
        "properties": {"price": 0},
    }  # fmt: skip


def test_columns_with_a_fields_name_need_no_mapping() -> None:
    """And an empty cell of a field is no value, while an empty property is one."""
    assert event({"user_id": "u", "session_id": "", "note": ""}, sets=("event_type=x",)) == {
        "event_type": "x", "user_id": "u", "properties": {"note": ""},
    }  # fmt: skip


def test_a_json_row_without_mapping_is_sent_as_it_stands() -> None:
    """Unknown keys, wrong types, aliases: the product decides, not the client."""
    row = {"event_type": 5, "messageId": "m", "odd": None}
    assert event(row, table=False) == row


def test_a_json_row_with_mapping_keeps_its_objects_and_its_id() -> None:
    """Nested sources are paths; what is unknown becomes a property beside those it has."""
    row = {"id": "e1", "user": {"name": "ann"}, "properties": {"a": 1}, "b": 2}
    sets = ("event_type=x", "properties.n=3")
    assert event(row, "user_id=user.name", sets=sets, table=False) == {
        "id": "e1", "event_type": "x", "user_id": "ann",
        "properties": {"a": 1, "b": 2, "n": 3, "user": {"name": "ann"}},
    }  # fmt: skip


def test_properties_that_are_no_object_are_not_repaired_in_silence() -> None:
    """They are sent as they are, and the product refuses them with its reason."""
    assert event({"properties": 5}, sets=("event_type=x",), table=False) == {
        "event_type": "x", "properties": 5,
    }  # fmt: skip


def test_constants_are_text_for_fields_and_json_for_properties() -> None:
    """``--set user_id=7`` is the text 7; ``--set properties.n=7`` the number."""
    sets = ("user_id=7", "properties.n=7", "properties.s=x y", "context.page=home")
    assert event({}, sets=sets) == {
        "user_id": "7", "properties": {"n": 7, "s": "x y"}, "context": {"page": "home"},
    }  # fmt: skip


@pytest.mark.parametrize(
    "pair", ["event_type", "=x", "event_type=", "typo=x", "properties.=x", "properties=x"]
)
def test_a_mapping_that_cannot_be_followed_is_a_usage_error(pair: str) -> None:
    """A typo in a field's name is said, not made into a property."""
    with pytest.raises(UsageError):
        plan([pair], [], table=True)


def test_a_mapped_column_that_is_not_there_is_said_with_those_that_are() -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match="event, time"):
        check_columns(plan(["event_type=evnt"], [], table=True), {"event": Raw(), "time": Raw()})
