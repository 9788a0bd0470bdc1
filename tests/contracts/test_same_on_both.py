"""Whatever comes in, however often and in whatever order: both backends hold the same."""

import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from tallybrook.events.instants import HOUR_US, MAX_US, MIN_US, format_instant
from tallybrook.events.model import Event
from tallybrook.ports.log import FailedRecord, RecordChange, Write
from tallybrook.records.reading import RecordReader
from tests.contracts.both import ACCOUNTS, NOW_US, SHARDS, TYPES, USERS, both
from tests.counters.world import us
from tests.support.emulator import Emulator

EXAMPLES = int(os.environ.get("TALLYBROOK_BOTH_EXAMPLES", "5"))

# Few hours, because a recount writes every bucket of each that it touches; more of those that it
# looks at only for what it is told.
_THIS_HOUR = NOW_US // HOUR_US * HOUR_US
_HOURS = st.sampled_from([_THIS_HOUR, _THIS_HOUR - HOUR_US, 0, 0, -HOUR_US, -HOUR_US])
_WITHIN = st.sampled_from([0, HOUR_US - 1]) | st.integers(0, HOUR_US - 1)
INSTANTS = st.builds(int.__add__, _HOURS, _WITHIN)
ANY_INSTANT = INSTANTS | st.sampled_from([MIN_US, MAX_US, us("2023-12-31T20:59:59.999999Z")])
STATUSES = st.sampled_from(["open", "replayed", "discarded"])
NUMBERS = st.integers(0, 3)

_READER = RecordReader()
_PROPERTIES = st.sampled_from([UNSET, Raw(b'{"p": [1, 2.50,null], "\xc3\xa9":"\\u00e9"}')])


@st.composite
def events(draw: Any) -> Event:
    user, anonymous = (draw(st.none() | st.sampled_from(USERS)) for _ in range(2))
    return Event(
        0, draw(st.integers(0, 60).map(str)), draw(st.sampled_from(["view", "a#b", "items"])),
        draw(ANY_INSTANT), NOW_US, draw(st.sampled_from(ACCOUNTS)), "event",
        user_id=user, anonymous_id=anonymous, properties=draw(_PROPERTIES),
    )  # fmt: skip


@st.composite
def changes(draw: Any) -> RecordChange:
    account = draw(st.sampled_from([ACCOUNTS[0], *ACCOUNTS]))
    name = (account, draw(st.sampled_from(TYPES)), draw(st.integers(0, 1).map(str)))
    if draw(st.integers(0, 3)) == 0:
        return _READER.delete(*name)
    if draw(st.integers(0, 4)):
        created = b'"%s"' % format_instant(draw(INSTANTS)).encode()
    else:
        created = draw(st.sampled_from([b"null", b'"yesterday"', b"7"]))
    return _READER.put(*name, b'{"createdAt":%s}' % created)


def failure(number: int) -> FailedRecord:
    """A failure is the same whenever it is kept."""
    return FailedRecord(
        failed_id=f"f{number}", account_id=ACCOUNTS[number % 2], source="events/batch",
        reason="invalid", detail=f"é {number}", body="{", tries=1 + number % 3,
        first_at=NOW_US - 9, last_at=NOW_US - number,
    )  # fmt: skip


WRITES = st.builds(
    Write,
    events=st.just([]) | st.lists(events(), min_size=5, max_size=20),
    records=st.just([]) | st.lists(changes(), min_size=3, max_size=8),
    failed=st.lists(NUMBERS.map(failure), max_size=3),
    settle=st.dictionaries(NUMBERS.map(lambda n: f"f{n}"), STATUSES, max_size=2),
)
SETTLING = st.builds(
    Write,
    events=st.lists(events(), max_size=1),
    records=st.lists(changes(), max_size=1),
    settle=st.dictionaries(NUMBERS.map(lambda n: f"f{n}"), STATUSES, min_size=1, max_size=2),
)
AGAIN = st.integers(0, 9)
"""The write that many before, once more."""
DELIVERIES = st.tuples(
    st.sampled_from([0, 0, 1, 2]),
    st.integers(0, SHARDS - 1),
    st.integers(1, 6),
    st.lists(st.tuples(st.sampled_from([0, 0, 1, 3]), st.integers(1, 15)), max_size=2),
)
"""Of which stream and shard, how many records, and what is delivered before without an answer."""
STEPS = st.lists(
    st.one_of(WRITES, WRITES, SETTLING, AGAIN, DELIVERIES, DELIVERIES, DELIVERIES),
    min_size=6,
    max_size=12,
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, at_last=st.lists(DELIVERIES, max_size=1))
def test_the_same_on_both(emulator: Emulator, steps: list[Any], at_last: list[Any]) -> None:
    """Events twice and in disorder, records that move, go and come back, failed records kept
    again and settled, writes sent again, streams cut anywhere and delivered again: the same
    answers, the same counters, events, histories and failed records."""
    with both() as world:
        sent: list[Write] = []
        for step in steps:
            if isinstance(step, Write):
                sent.append(step)
                world.write(step)
            elif isinstance(step, int):
                world.write(sent[-1 - step % len(sent)]) if sent else None
            else:
                stream, shard, size, before = step
                world.streams[stream].deliver(shard, size, before)
        world.deliver_all()
        for stream, shard, size, before in at_last:
            world.streams[stream].deliver(shard, size, before)
        world.check()
