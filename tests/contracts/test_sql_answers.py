"""What every SQL engine promises of its answers (``tallybrook.ports.sql``): fresh, whole, own rows,
exact values."""

import itertools
from contextlib import closing
from typing import Any

import pytest

from tallybrook.errors import TallybrookError
from tallybrook.events.model import Event
from tallybrook.ports.log import Write
from tallybrook.ports.sql import QueryRefusedError
from tests.contracts.engines import ALL, Place
from tests.contracts.parity import lacks
from tests.contracts.sources import MAY_1_2024_US

COUNT = f"SELECT count(*), count(DISTINCT seq), max(seq) FROM events WHERE {ALL}"


def test_empty(place: Place) -> None:
    """Before the first event there is a table with columns and no rows."""
    result = place.run("SELECT * FROM events WHERE date = current_date", place.account())
    assert result.rows == []
    assert [c.name for c in result.columns][:3] == ["event_id", "event_type", "timestamp"]
    assert (result.metadata.position, result.metadata.scanned_bytes) == (place.data.head, 0)


def test_every_event_is_there_once(place: Place) -> None:
    """From the log, from the lake, from both and from merged files: each row once, complete up to
    the position that is told."""
    account, data, base = place.account(), place.data, place.data.head

    def counted() -> list[int]:
        result = place.run(COUNT, account)
        assert result.metadata.position == data.head
        ((count, distinct, last),) = result.rows
        return [count, distinct, last - base]

    data.append(10, account)
    assert counted() == [10, 10, 10]
    data.flush()
    data.append(5, account)
    assert counted() == [15, 15, 15]
    data.flush()
    data.merge()
    assert counted() == [15, 15, 15]


@lacks(
    "athena",
    "An answer is of the lake's last commit, up to `metadata.position`. What is in the log alone"
    " follows with the next one.",
)
def test_the_log_is_read_where_the_lake_is_behind(place: Place) -> None:
    """What the lake does not have yet is read from the log."""
    account, data = place.account(), place.data
    data.append(10, account)
    data.flush()
    data.append(5, account)
    result = place.ask(COUNT, account)
    assert result.rows[0][0] == 15
    assert (result.metadata.position, result.metadata.tail_events) == (data.head, 5)


@lacks(
    "aws",
    "An acknowledged event can be queried once the sequencer has numbered it, usually within a"
    " second.",
)
@lacks("athena", "An acknowledged event can be queried once the lake has committed it.")
def test_an_event_is_seen_as_soon_as_it_is_acknowledged(place: Place) -> None:
    """No query that begins after the acknowledgement misses the event."""
    account, data = place.account(), place.data
    event = Event(0, f"seen{account}", "view", MAY_1_2024_US, MAY_1_2024_US, account, "event")
    with closing(data.log.open()) as log:
        receipt = log.write(Write([event]))
    assert receipt.duplicate == [False]
    found = place.ask("SELECT event_id, seq FROM events", account, full_scan=True).rows
    assert [row[0] for row in found] == [event.event_id]
    data.head = found[0][1]


@lacks("athena", "Only the lake is read.")
def test_lake_and_log_give_the_same_rows(place: Place) -> None:
    """A row does not change, in value or type, when it moves from the log to the lake."""
    account, data = place.account(), place.data
    data.append(1, account, properties=b'{"a":1.10, "b":"\\u00e9"}', user_id="u")
    data.append(1, account, context=b"{}", session_id="\u0000")
    data.append(1, account, timestamp=-1)
    sql = "SELECT * FROM events ORDER BY seq"
    before = place.ask(sql, account, full_scan=True)
    data.flush()
    after = place.ask(sql, account, full_scan=True)
    assert after.metadata.tail_events == 0
    assert (before.rows, before.columns) == (after.rows, after.columns)


def test_texts_come_back_as_they_were(place: Place) -> None:
    """JSON keeps its digits and escapes; an empty text is no null."""
    account = place.account()
    properties = b'{"a":1.10, "b":"\\u00e9"}'
    place.data.append(1, account, properties=properties, user_id="", session_id="\u0000 'é😀")
    sql = "SELECT properties, user_id, session_id, anonymous_id FROM events"
    rows = place.run(sql, account, full_scan=True).rows
    assert rows == [[properties.decode(), "", "\u0000 'é😀", None]]


@lacks(
    "athena", "Rows before the year 2000, and of later than the day after tomorrow, are not found."
)
def test_a_row_of_any_day_is_found(place: Place) -> None:
    """A row is found whatever its day, from the year 1 to the year 9999."""
    account = place.account()
    for timestamp in (-62_135_596_800_000_000, -1, 253_402_300_799_000_000):
        place.data.append(1, account, timestamp=timestamp)
    rows = place.run("SELECT timestamp, date FROM events ORDER BY 1", account, full_scan=True).rows
    assert rows == [
        ["0001-01-01T00:00:00Z", "0001-01-01"],
        ["1969-12-31T23:59:59.999999Z", "1969-12-31"],
        ["9999-12-31T23:59:59Z", "9999-12-31"],
    ]


@lacks("athena", "A timestamp of a table has milliseconds.")
def test_timestamps_have_microseconds(place: Place) -> None:
    """Timestamps keep the microseconds they were taken in with."""
    account = place.account()
    place.data.append(1, account, timestamp=MAY_1_2024_US + 123_456)
    rows = place.run("SELECT timestamp FROM events", account, full_scan=True).rows
    assert rows == [["2024-05-01T00:00:00.123456Z"]]


def test_accounts_never_meet(place: Place) -> None:
    """An account sees its own rows, from the lake and from the log, and no others."""
    own, data = place.account(), place.data
    accounts = (own, f"{own}-b", f"{own}2")
    for account in accounts:
        data.append(4, account)
    data.flush()
    for account in accounts:
        data.append(3, account, properties=b'{"account_id":"%s"}' % own.encode())
    for account in accounts:
        sql = "SELECT account_id, count(*) FROM events GROUP BY 1"
        assert place.run(sql, account, full_scan=True).rows == [[account, 7]]
    assert place.run("SELECT count(*) FROM events", f"{own}3", full_scan=True).rows == [[0]]
    sql = f"SELECT count(*) FROM events WHERE account_id = '{accounts[1]}'"
    assert place.run(sql, own, full_scan=True).rows == [[0]]


def test_account_must_be_one(place: Place) -> None:
    """What cannot be an account id never reaches a path."""
    for account in ["", "../acme", "a/b", "ACME", "acme'", "a" * 64]:
        with pytest.raises(QueryRefusedError):
            place.ask("SELECT 1", account)


PRUNED = [
    ("date = date '2024-05-01'", 1),
    ("date >= date '2024-05-03'", 3),
    ("date BETWEEN date '2024-05-02' AND date '2024-05-03'", 2),
    ("date IN (date '2024-05-01', date '2024-05-05')", 2),
    ("date = date '2024-05-01' OR date = date '2024-05-05'", 2),
    ("timestamp >= timestamp '2024-05-03 12:00:00'", 2),
    ("timestamp < timestamp '2024-05-02 00:00:00'", 2),
    ("CAST(timestamp AS date) = date '2024-05-02'", 1),
    ("date_trunc('day', timestamp) >= timestamp '2024-05-04 00:00:00'", 2),
    ("date > date_add('day', 3, date '2024-05-01')", 2),
    ("date = CAST({{day}} AS date)", 1),
    ("timestamp > CAST({{day}} AS timestamp) AND seq > 0", 5),
    ("date >= date '2000-01-01'", 5),
]


def test_files_are_pruned_and_rows_are_right(place: Place) -> None:
    """A filter on date or timestamp reads only the days it needs, and loses no row."""
    account = place.account()
    place.data.append(50, account)
    place.data.flush()
    everything = "SELECT timestamp, date, seq FROM events"
    assert len(place.run(everything, account, full_scan=True).rows) == 50
    for condition, files in PRUNED:
        given = {"day": "2024-05-01"} if "{{" in condition else {}
        sql = f"SELECT seq FROM events WHERE {condition}"
        result = place.run(sql, account, parameters=given)
        assert result.metadata.files == files, condition
        whole = f"SELECT seq FROM (SELECT * FROM events LIMIT 1000) e WHERE {condition}"
        expected = place.run(whole, account, parameters=given, full_scan=True)
        assert expected.metadata.files == 5
        assert sorted(result.rows) == sorted(expected.rows), condition


def test_parameters_keep_their_types(place: Place) -> None:
    """Text, integers, numbers, booleans and null arrive as themselves, and never as SQL."""
    evil = "'; DROP TABLE events; -- {{x}} é😀 \\' /*"
    given = {"a": evil, "b": 2**62, "c": 1.5, "d": True, "e": None, "f": "2024-05-01"}
    result = place.run(
        "SELECT {{a}} AS a, {{b}} AS b, {{c}} AS c, {{d}} AS d, {{e}} AS e,"
        " CAST({{f}} AS date) AS f, CAST({{f}} AS timestamp) AS g",
        parameters=given,
    )
    times = ["2024-05-01", "2024-05-01T00:00:00Z"]
    assert result.rows == [[evil, str(2**62), 1.5, True, None, *times]]


@lacks("athena", "A parameter with a zero character is refused.")
def test_a_parameter_may_hold_a_zero_character(place: Place) -> None:
    """A text with a zero character is a parameter like others."""
    assert place.run("SELECT {{a}} AS a", parameters={"a": "x\u0000y"}).rows == [["x\u0000y"]]


VALUES: list[tuple[str, str, Any]] = [
    ("CAST('1.50' AS decimal(4, 2))", "decimal(4,2)", "1.50"),
    ("9007199254740993", "bigint", "9007199254740993"),
    ("7", "integer", 7),
    ("CAST(7 AS bigint)", "bigint", 7),
    ("1.5e0", "double", 1.5),
    ("CAST('NaN' AS double)", "double", None),
    ("true", "boolean", True),
    ("''", "varchar", ""),
    ("CAST(NULL AS varchar)", "varchar", None),
    ("date '2024-05-01'", "date", "2024-05-01"),
    ("timestamp '2024-05-01 10:11:12.5'", "timestamp", "2024-05-01T10:11:12.500000Z"),
]
"""What is asked, its type, and its value in JSON."""


def test_values_are_exact(place: Place) -> None:
    """Digits, nulls and types are kept in what JSON can carry; what it cannot is null and said."""
    asked = ", ".join(f"{sql} AS c{place_}" for place_, (sql, _, _) in enumerate(VALUES))
    result = place.run(f"SELECT {asked}")
    assert [column.type for column in result.columns] == [kind for _, kind, _ in VALUES]
    assert result.rows == [[value for _, _, value in VALUES]]
    assert "NaN and infinity are shown as null." in result.metadata.hints


def test_lists_and_maps_are_values(place: Place) -> None:
    """They come as such, whatever is in them, and so do null and empty ones."""
    nested = place.run(
        "SELECT ARRAY['a, b', NULL, ''] AS a, MAP(ARRAY['x=1'], ARRAY[1.5e0]) AS b,"
        " ARRAY[ARRAY[1], NULL] AS c, IF(false, ARRAY[1]) AS d, 1 AS e"
    )
    assert nested.rows == [[["a, b", None, ""], {"x=1": 1.5}, [[1], None], None, 1]]
    assert [column.name for column in nested.columns] == ["a", "b", "c", "d", "e"]


def test_plan_names_no_path(place: Place) -> None:
    """Neither EXPLAIN nor an error shows where the data lies."""
    account = place.account()
    place.data.append(10, account)
    place.data.flush()
    plan = place.run(f"EXPLAIN SELECT count(*) FROM events WHERE {ALL}", account)
    assert [column.name for column in plan.columns] == ["Query Plan"]
    assert plan.rows
    with pytest.raises(TallybrookError) as failure:
        place.run(f"SELECT CAST(event_id AS bigint) FROM events WHERE {ALL}", account)
    for text in (str(plan.rows), failure.value.detail):
        assert str(place.data.folder) not in text
        assert "tb_scan" not in text


@lacks(
    "athena",
    "Of a commit that is made while a statement runs, some partitions may show and others not;"
    " each partition is whole.",
)
def test_an_answer_is_of_one_moment(place: Place) -> None:
    """While the lake is written and compacted, every answer is a whole prefix of the log."""
    account, data, base = place.account(), place.data, place.data.head

    written = itertools.count(1)

    def write() -> None:
        next(written)
        data.append(7, account)
        data.flush()
        data.merge()

    write()
    seen = 0
    with place.while_written(write) as times:
        for _ in times:
            result = place.ask(COUNT, account)
            count, distinct, last = result.rows[0]
            assert count == distinct == last - base == result.metadata.position - base
            assert count >= seen
            seen = count
    assert place.run(COUNT, account).rows[0][0] == 7 * (next(written) - 1) > 7
