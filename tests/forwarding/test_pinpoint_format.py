"""Pinpoint's format: what an event becomes in it, key by key."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybrook.errors import MalformedError, UsageError
from tallybrook.forwarding.flattening import CUT
from tallybrook.forwarding.library import load
from tallybrook.forwarding.pinpoint import transform
from tallybrook.forwarding.table import Limits
from tallybrook.ports.sinks.encoding import event as encoded
from tallybrook.ports.sinks.encoding import line, put_events, stream_record
from tests.forwarding.world import NO_LIMITS, NOW_US, event, item, rules

WIDE = rules(limits=NO_LIMITS, drop=[])

scalars = st.one_of(
    st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)  # fmt: skip
names = st.text(alphabet="ab_2Z", min_size=1, max_size=4)
values = st.recursive(
    st.none() | scalars | st.lists(scalars, max_size=3),
    lambda inner: st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(names, values, max_size=8)


def leaves(found: Any) -> list[Any]:
    """Every value that is not an object and not null."""
    if isinstance(found, dict):
        return [leaf for value in found.values() for leaf in leaves(value)]
    return [] if found is None else [found]


def told(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(told, value))
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def test_the_whole_of_an_event() -> None:
    """Category, nested keys, arrays, named and other numbers, the session; 0 and false are there,
    null is not, and nobody's name is."""
    properties = {
        "plan": {"name": "pro", "seats": 3, "trial": False},
        "tags": ["a", 1, True], "duration_ms": 0, "score": 71.5, "progressPercent": 100,
        "note": "", "gone": None, "userId": "ada", "owner": {"email": "ada@example.org"},
    }  # fmt: skip
    context = msgspec.Raw(b'{"pinpoint":{"session":{"StartTimestamp":"2026-01-15T11:00:00Z"}}}')
    made = transform(event(properties, session_id="s1", context=context), rules())
    assert (made.known, made.cut) == (True, False)
    assert encoded(made.item) == {
        "EventType": "assessment.completed",
        "Timestamp": "2026-01-15T11:59:55.000Z",
        "Attributes": {
            "category": "engagement", "monetised": "true", "plan_name": "pro",
            "plan_trial": "false", "tags": "a,1,true", "note": "",
        },
        "Metrics": {"attr_plan_seats": 3, "duration_ms": 0, "score": 71.5, "progress_percent": 100},
        "Session": {"Id": "s1", "StartTimestamp": "2026-01-15T11:00:00.000Z"},
    }  # fmt: skip
    assert b"ada" not in line(made.item)


@pytest.mark.parametrize(
    ("event_type", "category", "monetised"),
    [
        ("assessment.started", "engagement", "false"),
        ("assessment.completed", "engagement", "true"),
        ("assessment.abandoned", "engagement", "false"),
        ("user.registered", "acquisition", "false"),
        ("user.upgraded", "revenue", "true"),
        ("report.generated", "engagement", "true"),
        ("system.error", "technical", "false"),
    ],
)
def test_known_types(event_type: str, category: str, monetised: str) -> None:
    """The built-in table."""
    attributes = transform(event({}, event_type), rules()).item.attributes
    assert attributes == {"category": category, "monetised": monetised}


def test_unknown_type() -> None:
    """It is sent as such, and told apart."""
    made = transform(event({}, "page_view"), rules())
    assert (made.known, made.item.attributes) == (False, {"category": "unknown"})


def test_same_key_from_several_properties() -> None:
    """The first keeps it, the next are numbered; what we add ourselves comes before all."""
    properties = {
        "a": {"b": "1"}, "a_b": "2", "a_b_2": "3", "category": "theirs",
        "duration_ms": 1, "durationMs": 2, "x": 1, "attr_x": 2, CUT: "theirs",
    }  # fmt: skip
    found = transform(event(properties), WIDE).item
    assert found.attributes == {
        "category": "engagement", "monetised": "true", "a_b": "1", "a_b_2": "2", "a_b_2_2": "3",
        "category_2": "theirs", f"{CUT}_2": "theirs",
    }  # fmt: skip
    assert found.metrics == {"duration_ms": 1, "duration_ms_2": 2, "attr_x": 1, "attr_attr_x": 2}


@given(documents)
def test_every_value_is_kept(properties: dict[str, Any]) -> None:
    """As many keys as there are values, each value under one; always the same ones."""
    made = transform(event(properties), WIDE)
    found = [value for value in leaves(properties) if not isinstance(value, bool)]
    numbers = [value for value in found if isinstance(value, int | float)]
    texts = [
        told(value)
        for value in leaves(properties)
        if isinstance(value, bool) or not isinstance(value, int | float)
    ]
    assert sorted(made.item.metrics.values()) == sorted(numbers)
    ours = [made.item.attributes[name] for name in ("category", "monetised")]
    assert sorted(made.item.attributes.values()) == sorted([*texts, *ours])
    assert transform(event(properties), WIDE) == made


@given(documents, st.integers(1, 12), st.integers(20, 24), st.integers(0, 3))
def test_limits_are_kept_and_told(
    properties: dict[str, Any], keys: int, key_chars: int, value_chars: int
) -> None:
    """Never more keys, longer keys or longer values than the limits say; what was cut is said."""
    long = {f"{name}-{'x' * 20}": value for name, value in properties.items()}
    made = transform(event(long), rules(limits=Limits(keys, key_chars, value_chars)))
    item = made.item
    assert len(item.attributes) + len(item.metrics) <= keys
    assert all(len(name) <= key_chars for name in (*item.attributes, *item.metrics))
    ours = {"category", "monetised", CUT}
    values = [value for name, value in item.attributes.items() if name not in ours]
    assert not value_chars or all(len(value) <= value_chars for value in values)
    whole = transform(event(long), rules(limits=NO_LIMITS)).item
    kept = len(item.attributes) + len(item.metrics) - (CUT in item.attributes)
    lost = len(whole.attributes) + len(whole.metrics) - kept
    assert (CUT in item.attributes) == made.cut
    assert int(item.attributes.get(CUT, "0")) >= lost
    assert made.cut or lost == 0


def test_long_keys_stay_apart() -> None:
    """Two keys that begin alike for longer than a key may be are two."""
    common = "k" * 60
    found = transform(event({f"{common}a": "1", f"{common}b": "2"}), rules()).item.attributes
    assert len(found) == 4
    assert {len(name) for name in found} == {8, 9, 50}


def test_endpoints() -> None:
    """A user is the same everywhere in an account, another in the next, and no anonymous one is
    taken for a user of that name; what is of nobody is ordered by itself."""

    def of(**more: Any) -> tuple[str, bool]:
        made = transform(event({}, **more), rules()).item
        return made.endpoint, made.order_key == made.endpoint

    ada = of()
    assert of(user_id=" ada ", event_id="e2") == ada
    assert of(account_id="rival") != ada
    anonymous = of(user_id=None, anonymous_id="ada")
    assert anonymous != ada
    assert anonymous[1]
    assert of(user_id=None)[1] is False
    assert of(user_id=None, event_id="e2")[0] == of(user_id=None)[0]


def test_names_outside() -> None:
    """An event's name is its own over all accounts, and always the same."""
    ids = [transform(event({}, account_id=a, event_id=e), rules()).item.event_id
           for a in ("acme", "rival") for e in ("e1", "e2")]  # fmt: skip
    assert len(set(ids)) == 4
    assert transform(event({}), rules()).item.event_id == ids[0]


@pytest.mark.parametrize("properties", [b'{"n":1e999}', b'{"t":"\\ud800"}'])
def test_what_no_format_can_hold(properties: bytes) -> None:
    """It is refused with a reason."""
    with pytest.raises(MalformedError, match="properties that cannot be read"):
        transform(event(properties), rules())


def test_before_1970_and_without_properties() -> None:
    """Neither needs a case of its own."""
    made = transform(event(None, timestamp=-1_500_000), rules()).item
    assert encoded(made)["Timestamp"] == "1969-12-31T23:59:58.500Z"
    assert made.session is None


def test_stream_form() -> None:
    """What consumers of Pinpoint's event streams read."""
    record = msgspec.json.decode(stream_record(item(1)))
    assert record["event_type"] == "view"
    assert record["event_timestamp"] == NOW_US // 1000
    assert record["event_version"] == "3.1"
    assert record["client"] == {"client_id": "end-k"}
    assert record["application"]["app_id"] == "acme"
    assert record["attributes"] == {"n": "1"}
    assert record["metrics"] == {"attr_n": 1}
    assert record["session"] == {}


def test_put_events_form() -> None:
    """Events by their names within endpoints by theirs."""
    body = msgspec.json.decode(put_events([item(1), item(2, "l"), item(3)]))["BatchItem"]
    assert [(name, list(found["Events"])) for name, found in body.items()] == [
        ("end-k", [f"{1:032x}", f"{3:032x}"]), ("end-l", [f"{2:032x}"]),
    ]  # fmt: skip


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    """What the file says is as it says; what it leaves out is built in."""
    path = tmp_path / "types.toml"
    path.write_text('[types]\n"page_view" = { category = "reach" }\n')
    table = load(str(path))
    assert list(table.types) == ["page_view"]
    assert table.limits == load().limits


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("unknown = 1", "unknown"),
        ("limit = 3", "limit"),
        ("[types]\nx = { category = '' }", "category"),
        ("[limits]\nkey_chars = 5", "key_chars"),
        ("[", "types.toml"),
        (None, "No such file"),
    ],
)
def test_an_unusable_table(tmp_path: Path, text: str | None, said: str) -> None:
    """It is refused with what is wrong in it."""
    path = tmp_path / "types.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=said):
        load(str(path))
