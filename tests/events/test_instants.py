"""Instants: SPEC 0.4, one promise a test."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallybrook.events.instants import (
    MAX_US,
    MIN_US,
    fast_instant,
    format_instant,
    from_us,
    parse_instant,
    to_us,
)

SECOND = 1_000_000
BASE = to_us(datetime(2024, 1, 19, 14, 37, 23, tzinfo=UTC))

SAME = [
    "2024-01-19T14:37:23Z",
    "2024-01-19t14:37:23z",
    "2024-01-19 14:37:23Z",
    "2024-01-19T14:37:23",
    "2024-01-19 14:37:23",
    "2024-01-19T14:37:23+00:00",
    "2024-01-19T14:37:23-00:00",
    "2024-01-19T15:37:23+01:00",
    "2024-01-19T15:37:23+0100",
    "2024-01-19T15:37:23+01",
    "2024-01-19T09:07:23-05:30",
    "2024-01-19T09:07:23 -0530",
    "2024-01-20T04:37:23+14:00",
    "2024-01-19T14:37:23.000Z",
    "2024-01-19T14:37:23,000Z",
    "  2024-01-19T14:37:23Z\n",
]


@pytest.mark.parametrize("text", SAME)
def test_variants_name_one_instant(text: str) -> None:
    """RFC 3339 and the common ISO 8601 variants name the instant they say; no offset is UTC."""
    assert parse_instant(text) == fast_instant(text) == BASE


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2024-01-19T14:37:23.5Z", 500_000),
        ("2024-01-19T14:37:23,5Z", 500_000),
        ("2024-01-19T14:37:23.123456Z", 123_456),
        ("2024-01-19T14:37:23.123456999Z", 123_456),
        ("2024-01-19T14:37:23.9999999Z", 999_999),
        ("2024-01-19T14:37:23.000000999999999999999999999999Z", 0),
        ("2024-01-19T14:37:24Z", SECOND),
        ("2024-01-19T14:37:60Z", 37 * SECOND),
        ("2024-01-19T14:37Z", -23 * SECOND),
        ("2024-01-19T15:37+01:00", -23 * SECOND),
    ],
)
def test_fractions_are_cut_not_rounded(text: str, micros: int) -> None:
    """Digits below a microsecond are cut off; a leap second is the next second."""
    assert parse_instant(text) == fast_instant(text) == BASE + micros


def test_date_only_is_its_start() -> None:
    """A date alone is its first instant, UTC."""
    assert parse_instant("2024-01-19") == to_us(datetime(2024, 1, 19, tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "1705675043", "1705675043.5", "0", "-1", "now", "null", "2024", "2024-01",
        "20240119T143723Z", "2024-W03-5", "2024-019", "2024-13-01", "2024-02-30", "2023-02-29",
        "2024-01-19T24:00:00Z", "2024-01-19T23:60:00Z", "2024-01-19T23:59:61Z", "24-01-19",
        "2024-1-9", "2024-01-19T", "2024-01-19Z", "2024-01-19T14", "2024-01-19T14:37:23.",
        "2024-01-19T14:37:23.Z", "2024-01-19T14:37:23+", "2024-01-19T14:37:23+1:00",
        "2024-01-19T14:37:23+01:60", "2024-01-19T14:37:23+25:00", "2024-01-19T14:37:23ZZ",
        "2024-01-19_14:37:23Z", "2024/01/19", "19 Jan 2024", "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z", "-0001-01-01", "2024-01-19T14:37:23." + "1" * 31 + "Z",
        "٢٠٢٤-٠١-١٩T١٤:٣٧:٢٣Z", "2024-01-19T14:37:23Z\x00", "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z",
    ],
)  # fmt: skip
def test_what_names_no_instant_is_none(text: str) -> None:
    """A bare number above all, and anything that is no instant of the years 1 to 9999: None."""
    assert parse_instant(text) is None
    assert fast_instant(text) is None


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("0001-01-01T00:00:00Z", MIN_US),
        ("9999-12-31T23:59:59.999999Z", MAX_US),
        ("9999-12-31T23:59:59.9999999Z", MAX_US),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1970-01-01T00:00:00Z", 0),
        ("0001-01-01T01:00:00+01:00", MIN_US),
    ],
)
def test_first_and_last_instants(text: str, instant: int) -> None:
    """The years 1 and 9999 are instants like any other, and so is what lies before 1970."""
    assert parse_instant(text) == fast_instant(text) == instant


@given(st.integers(MIN_US, MAX_US))
def test_text_and_back(instant: int) -> None:
    """Formatting and parsing give the same instant, whatever it is, in both readers."""
    text = format_instant(instant)
    assert text.endswith("Z")
    assert parse_instant(text) == fast_instant(text) == instant
    assert to_us(from_us(instant)) == instant


@given(st.integers(MIN_US + 86_400_000_000, MAX_US - 86_400_000_000), st.integers(-1439, 1439))
def test_offsets_move_the_clock_face(instant: int, minutes: int) -> None:
    """The same instant written at any offset is the same instant."""
    face = (from_us(instant) + timedelta(minutes=minutes)).replace(tzinfo=None)
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    assert parse_instant(f"{face.isoformat()}{sign}{hours:02d}:{rest:02d}") == instant


_SHAPED = st.from_regex(
    r"\d{4}-[01]\d-[0-3]\d[Tt ][0-2]\d:[0-5]\d(:[0-6]\d([.,]\d{0,33})?)?"
    r"( ?[Zz]| ?[+-][0-2]\d:?([0-5]\d)?)?",
    fullmatch=True,
)
_SPOILT = st.builds(
    lambda text, at, put: text[: at % len(text)] + put + text[at % len(text) + 1 :],
    _SHAPED,
    st.integers(0, 40),
    st.text("0123456789-+:.,TZ W\u0660", max_size=2),
)


@settings(max_examples=1_000)
@given(st.one_of(_SHAPED, _SPOILT, st.text("0123456789-+:.,TtZz W/", max_size=34)))
def test_the_fast_reader_says_the_same(text: str) -> None:
    """``fast_instant`` is ``parse_instant``, on texts that are instants and on such as are not."""
    assert fast_instant(text) == parse_instant(text)
