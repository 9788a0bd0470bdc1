"""What stored counters promise, whatever keeps them: the words of ``ports.counters``."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from tallybrook.counters.recount import corrections, recount
from tallybrook.errors import TallybrookError
from tallybrook.events.instants import HOUR_US, MINUTE_US
from tallybrook.ports.counters import Counters, Scope
from tallybrook.ports.log import CounterKey, RecordChange, Write
from tallybrook.workflows import rangework
from tallybrook.workflows.advancing import Work
from tallybrook.workflows.runs import new_run
from tests.contracts.counting import Counted, opened
from tests.contracts.parity import lacks
from tests.counters.world import NOW_US, delete, event, put, us

START_US = us("2024-01-19T12:00:00Z")
START = START_US // 1_000_000
ZEROS = 2 * (60 + 12 + 4 + 1) - 2 * 4 - 2
"""Buckets of two hours that nobody has stored: all but the one of each size that counts, and one
more of a minute each."""

LONG = "𝄞" * 128
"""As long as a series can be: 512 bytes."""


@pytest.fixture(params=["local", "aws"])
def counted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Counted]:
    with opened(request.param, request, tmp_path) as made:
        yield made


@pytest.fixture
def counters(counted: Counted) -> Counters:
    return counted.counters


def key(start_s: int, minutes: int = 1, series: str = "view", account: str = "acme") -> CounterKey:
    return account, "event", series, minutes, start_s


def starts(counters: Counters, start_s: int, end_s: int, series: str = "view") -> list[int]:
    rows = counters.rows("acme", "event", series, 1, start_s, end_s)
    return [row.start_s for row in rows]


def held(counters: Counters, since_s: int | None = None) -> dict[CounterKey, int]:
    return dict(counters.everything(since_s))


# Reading.


def test_rows_are_those_of_the_range_in_order(counters: Counters) -> None:
    """Half-open, by start also before 1970, one size, and absent where nothing was counted."""
    at = [-120, -60, 0, 60, 180, 3600]
    counters.correct({key(start): n for n, start in enumerate(at)} | {key(0, 5): 9}, NOW_US)
    assert starts(counters, -10_000, 10_000) == at
    assert starts(counters, -60, 180) == [-60, 0, 60]
    assert starts(counters, 61, 180) == []
    assert starts(counters, 60, 60) == starts(counters, 60, 0) == []
    assert [row.count for row in counters.rows("acme", "event", "view", 1, 0, 200)] == [2, 3, 4]


def test_names_do_not_meet(counters: Counters) -> None:
    """Accounts, kinds and series are apart, whatever characters a series is made of."""
    names = ["view", "vie", "w#view", "event#1#view", "é 😀", "%", LONG]
    changes = {key(0, 60, name): n for n, name in enumerate(names, 1)}
    counters.correct(changes | {("acme", "record", "view", 60, 0): 50}, NOW_US)
    counters.correct({key(0, 60, "view", "acme-2"): 60}, NOW_US)
    for n, name in enumerate(names, 1):
        assert [r.count for r in counters.rows("acme", "event", name, 60, 0, 1)] == [n]
    expected = [("event", name) for name in sorted(names)] + [("record", "view")]
    assert counters.names("acme") == expected
    assert counters.names("acme-2") == [("event", "view")]
    assert counters.names("acm") == []
    assert held(counters) == changes | {
        ("acme", "record", "view", 60, 0): 50, key(0, 60, "view", "acme-2"): 60,
    }  # fmt: skip


def test_sums_are_of_every_series(counters: Counters) -> None:
    """However many there are, over few buckets and over many, zeros left out."""
    changes = {key(60 * (n % 7), 1, f"s{n:03}"): n for n in range(130)}
    counters.correct(changes, NOW_US)
    counters.correct({key(0, 60, k[2]): n for k, n in changes.items()}, NOW_US)
    counters.correct({key(0, 1, "other", "rival"): 1, key(0, 60, "other", "rival"): 1}, NOW_US)
    for end_s in (180, 3600):
        expected = {
            (kind, series, start): count
            for (_, kind, series, _, start), count in changes.items()
            if start < end_s and count
        }
        assert counters.sums("acme", 1, 0, end_s) == expected
    assert counters.sums("acme", 1, 1, 60) == {}
    assert counters.sums("nobody", 1, 0, 3600) == {}


def test_totals_span_what_is_not_zero(counters: Counters) -> None:
    """Counts of all time from the hours, and the first and last hour that hold any."""
    hours = {key(3600 * n, 60): count for n, count in enumerate([0, 4, 0, 2, 0])}
    counters.correct(hours | {key(0): 100, key(0, 60, "void"): 0}, NOW_US)
    (view, void) = counters.series("acme")
    assert (view.series, view.kind, view.count) == ("view", "event", 6)
    assert (view.first_s, view.last_s) == (3600, 3 * 3600)
    assert (void.series, void.count, void.first_s, void.last_s) == ("void", 0, 0, 0)


def test_a_long_history_is_read_whole(counters: Counters) -> None:
    """More rows than one answer of any service holds."""
    changes = dict.fromkeys((key(60 * n, 1, LONG) for n in range(2_200)), 1)
    counters.correct(changes, NOW_US)
    assert starts(counters, 0, 60 * 2_200, LONG) == [60 * n for n in range(2_200)]
    assert held(counters) == changes


# Correcting.


def test_correcting_adds(counters: Counters) -> None:
    """To what is there, and makes what is not; when it was made stays."""
    counters.correct({key(0): 5, key(60): 7}, 100)
    counters.correct({key(0): -3, key(120): -1}, 200)
    rows = counters.rows("acme", "event", "view", 1, 0, 200)
    assert [(r.count, r.created_at, r.updated_at) for r in rows] == [
        (2, 100, 200), (7, 100, 100), (-1, 200, 200),
    ]  # fmt: skip


def test_a_zero_is_stored_and_changes_nothing(counters: Counters) -> None:
    """An absent bucket becomes a zero; one that is there is not even touched."""
    counters.correct({key(0): 5}, 100)
    counters.correct({key(0): 0, key(60): 0}, 200)
    rows = counters.rows("acme", "event", "view", 1, 0, 200)
    assert [(r.count, r.updated_at) for r in rows] == [(5, 100), (0, 200)]


def test_corrections_at_once_lose_nothing(counters: Counters) -> None:
    """Many at the same buckets at the same time add up."""
    changes = {key(60 * n): 1 for n in range(10)}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: counters.correct(changes, NOW_US), range(12)))
    assert held(counters) == dict.fromkeys(changes, 12)


def refuse(counters: Counters, count: int) -> None:
    """A correction of so many buckets, the last by a number of too many digits."""
    changes = {key(60 * n): 1 for n in range(count - 1)} | {key(60 * count): 10**60 + 1}
    with pytest.raises((OverflowError, TallybrookError)):
        counters.correct(changes, NOW_US)


def test_a_correction_is_all_or_nothing(counters: Counters) -> None:
    """Of one that is refused nothing is stored."""
    refuse(counters, 100)
    assert held(counters) == {}


@lacks(
    "aws",
    "A correction of more than 100 buckets is a transaction for each hundred: cut off in the"
    " middle it has corrected some, and the next recount finds the rest.",
)
def test_a_large_correction_is_all_or_nothing(counters: Counters) -> None:
    """However many buckets it has."""
    refuse(counters, 250)
    assert held(counters) == {}


def test_commits_go_on_beside_corrections(counted: Counted) -> None:
    """What is counted meanwhile is in the sum."""

    def correct() -> None:
        for _ in range(20):
            counted.counters.correct({key(START): 1, key(START, 5): 0}, NOW_US)

    with ThreadPoolExecutor(1) as pool:
        correcting = pool.submit(correct)
        for n in range(20):
            counted.commit([event(f"e{n}", START_US)])
        correcting.result()
    assert held(counted.counters)[key(START)] == 40


# What a recount reads.


def test_everything_since(counters: Counters) -> None:
    """Buckets that start at or after an instant, or all of them."""
    changes = {key(start, minutes): 1 for start in (-3600, 0, 3600) for minutes in (1, 60)}
    counters.correct(changes, NOW_US)
    assert held(counters) == changes
    assert held(counters, 0) == {k: n for k, n in changes.items() if k[4] >= 0}


def test_instants_are_what_is_counted(counted: Counted) -> None:
    """Every event and every record that is there, by series, and records that have no instant."""
    counted.commit([event(f"e{n}", START_US + n) for n in range(5)])
    counted.commit([event("x", START_US, "buy"), event("y", -1, "view", "rival")])
    invalid = RecordChange("acme", "items", "bad", "put", None, "invalid_timestamp", "{}")
    changes = [put(f"r{n}", START_US + n) for n in range(20)]
    counted.store([*changes, put("none", None), invalid, put("t", 7, "tasks", "rival")])
    counted.store([delete("r0"), put("r1", -HOUR_US)])
    events: dict[tuple[str, str], list[int]] = {}
    records: dict[tuple[str, str], tuple[list[int], int, int]] = {}
    for batch in counted.counters.instants():
        name = batch.account_id, batch.series
        if batch.kind == "event":
            events[name] = sorted([*events.get(name, []), *batch.us.tolist()])
        else:
            assert name not in records
            us_ = sorted(batch.us.tolist())
            records[name] = us_, batch.no_timestamp, batch.invalid_timestamp
    assert events == {
        ("acme", "view"): [START_US + n for n in range(5)],
        ("acme", "buy"): [START_US], ("rival", "view"): [-1],
    }  # fmt: skip
    assert records == {
        ("acme", "items"): ([-HOUR_US, *(START_US + n for n in range(2, 20))], 1, 1),
        ("rival", "tasks"): ([7], 0, 0),
    }


def test_a_scope_is_all_that_is_looked_at(counted: Counted) -> None:
    """Of one account and two hours: buckets, instants and a recount know nothing of what lies
    before, after or beside, and what is wrong in it is found as by a recount of everything."""
    hours = [START_US + n * HOUR_US for n in range(4)]
    counted.commit([event(f"e{n}", at) for n, at in enumerate(hours)])
    counted.commit([event(f"r{n}", at, "view", "rival") for n, at in enumerate(hours)])
    counted.store([put(f"p{n}", at) for n, at in enumerate(hours)])
    ghosts = {key(at // 1_000_000 + 60, account=of): 3 for at in hours for of in ("acme", "rival")}
    counted.counters.correct(ghosts, NOW_US)
    scope = Scope("acme", hours[1], hours[3])

    def inside(k: CounterKey) -> bool:
        return k[0] == "acme" and hours[1] <= k[4] * 1_000_000 < hours[3]

    buckets = {k: n for k, n in held(counted.counters).items() if inside(k)}
    assert dict(counted.counters.everything(None, scope)) == buckets
    seen = sorted(at for batch in counted.counters.instants(scope) for at in batch.us.tolist())
    assert seen == [hours[1]] * 2 + [hours[2]] * 2
    wrong = recount(counted.counters, scope=scope).differences
    assert wrong == [d for d in recount(counted.counters).differences if inside(d.key)]
    assert {d.key for d in wrong} >= {k for k in ghosts if inside(k)}
    counted.counters.correct(corrections(recount(counted.counters, scope=scope)), NOW_US)
    left = {d.key for d in recount(counted.counters).differences}
    assert not any(map(inside, left))
    assert left >= {k for k in ghosts if not inside(k)}


def test_a_range_run_corrects_its_range_alone(counted: Counted) -> None:
    """What each step of a run over two hours gives is the same on both backends, and buckets of
    other hours and accounts stay as they are."""
    hours = [START_US + n * HOUR_US for n in range(4)]
    counted.commit([event(f"e{n}", at) for n, at in enumerate(hours)])
    ghosts = {key(at // 1_000_000 + 60, account=of): 3 for at in hours for of in ("acme", "rival")}
    counted.counters.correct(ghosts, NOW_US)
    given = {"start": "2024-01-19T13:00:00Z", "end": "2024-01-19T14:30:00Z"}
    run = new_run("r", "acme", "range", given, NOW_US)
    unused = cast("Any", None)
    work = Work(unused, unused, unused, unused, counted.counters, unused, lambda: NOW_US)
    assert rangework.validate(run, work) == {"hours": 2}
    assert rangework.transform(run, work) == {"series": 1}
    assert rangework.aggregate(run, work) == {"counted": 2, "differences": 2 + ZEROS}
    assert rangework.store(run, work) == {"corrected": 2 + ZEROS}
    assert rangework.store(run, work) == {"corrected": 0}
    left = {d.key for d in recount(counted.counters).differences}
    assert left == {k for k in ghosts if k[0] == "rival" or k[4] * 1_000_000 < hours[1] or
                    k[4] * 1_000_000 >= hours[3]}  # fmt: skip


def test_a_recount_beside_commits_finds_nothing(counted: Counted) -> None:
    """While events come in, buckets and events are read as they were at one commit."""
    done = threading.Event()
    counted.commit([event("first", START_US)])

    def commit() -> None:
        n = 0
        while not done.is_set():
            n += 1
            counted.commit([event(f"e{n}", START_US + n * MINUTE_US), event(f"f{n}", START_US)])

    thread = threading.Thread(target=commit)
    thread.start()
    try:
        for _ in range(6):
            found = recount(counted.counters)
            assert [d for d in found.differences if d.key[1] == "event"] == []
    finally:
        done.set()
        thread.join()
    assert recount(counted.counters).differences == []


@lacks(
    "aws",
    "Counters of a write change by the time the stream has brought it to the function that counts,"
    " usually within a second, not before the write is acknowledged.",
)
def test_a_read_sees_every_acknowledged_write(counted: Counted) -> None:
    """Events and records are counted when their write is told as durable."""
    counted.log.write(Write([event("e", START_US)], [put("r", START_US)]))
    assert [r.count for r in counted.counters.rows("acme", "event", "view", 1, 0, 1 << 40)] == [1]
    assert [r.count for r in counted.counters.rows("acme", "record", "items", 1, 0, 1 << 40)] == [1]


@lacks(
    "aws",
    "Ranges read one after another are each consistent, but not all of one commit: a total over"
    " several ranges may hold an event that came in between them at one size and not at another.",
)
def test_reads_at_once_see_one_commit(counted: Counted) -> None:
    """Inside ``at_once`` a bucket does not change, whatever is committed."""
    counted.commit([event("e", START_US)])
    with counted.counters.at_once():
        before = counted.counters.rows("acme", "event", "view", 1, START, START + 60)
        counted.commit([event("f", START_US)])
        assert counted.counters.rows("acme", "event", "view", 1, START, START + 60) == before
