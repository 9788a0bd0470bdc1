"""From a raw assessment to a stored score: each content once, whatever breaks or repeats."""

import itertools
import json
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tallybrook.assessments.anonymised import Anonymizer, anonymise_record
from tallybrook.assessments.anonymising import decode
from tallybrook.assessments.flow.places import (
    EVENTS,
    OUT_PREFIX,
    scores_partition,
)
from tallybrook.assessments.flow.processing import (
    Delivery,
    Ports,
    Processed,
    process,
    score_object,
)
from tallybrook.assessments.flow.reading import Found, by_original, by_pseudonym, latest_score
from tallybrook.assessments.flow.receiving import Desk, original, receive, take
from tallybrook.assessments.flow.working import work_once
from tallybrook.assessments.library import find_inventory, inventory
from tallybrook.assessments.scoring import score
from tallybrook.errors import StorageError, TallybrookError
from tallybrook.events.instants import DAY_US
from tallybrook.events.model import Event
from tallybrook.ports.aws.tables import STATE
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.objects import everything
from tallybrook.ports.objects.local import LocalObjects
from tallybrook.ports.queue.local import SqliteQueue
from tallybrook.ports.state.aws import DynamoState
from tallybrook.ports.state.local import SqliteState
from tallybrook.privacy.keys import PrivacyKeys, fresh_key, rotated
from tallybrook.privacy.library import built_in
from tallybrook.privacy.people import forget
from tests.assessments.raw import assessment
from tests.entities.world import NOW_US, MemoryState, Moving
from tests.support.emulator import make_tables

KEY = fresh_key(0)
_folders = itertools.count()


class World:
    """Everything around the flow: real objects, the rest in memory."""

    def __init__(self, folder: Path) -> None:
        self.state: Any = MemoryState(Moving())
        self.objects: Any = LocalObjects(folder / f"objects{next(_folders)}")
        self.keys = PrivacyKeys((KEY,))
        self.queue: list[str] = []
        self.events: list[Event] = []
        self.failed: dict[str, FailedRecord] = {}
        self.call: Callable[[Callable[[], Any]], Any] = lambda go: go()

    def anonymizer(self) -> Anonymizer:
        objects, state = Cutting(self.objects, self), Cutting(self.state, self)
        return Anonymizer(objects, state, self.keys, built_in(), find_inventory)

    def send(self, bodies: Sequence[str]) -> None:
        self.call(lambda: self.queue.extend(bodies))

    def keep(self, record: FailedRecord) -> None:
        self.call(lambda: self.failed.__setitem__(record.failed_id, record))

    def ports(self) -> Ports:
        append = lambda events: self.call(lambda: self.events.extend(events))  # noqa: E731
        return Ports(self.anonymizer, self.send, append, self.keep)

    def receive(self, *raws: dict[str, Any]) -> list[str]:
        """Through the door; the pseudonyms."""
        using = self.anonymizer()
        taken = [take(json.dumps(raw).encode(), "acme", using) for raw in raws]
        receive(taken, "acme", Desk(self, self.anonymizer), NOW_US)  # type: ignore[arg-type]
        return [one.assessment_id for one in taken]

    def work(self, *bodies: str) -> Processed:
        given = [Delivery(body, f"o{n}", body.encode()) for n, body in enumerate(bodies)]
        return process(given, self.ports(), NOW_US)

    def work_off(self) -> None:
        """Until the queue is empty; what is in hand leaves it only afterwards."""
        while self.queue:
            batch = list(self.queue)
            self.work(*batch)
            self.call(lambda batch=batch: self.queue.__delitem__(slice(0, len(batch))))  # type: ignore[misc]

    def scores(self) -> list[bytes]:
        return [one.value for one in self.state.query(scores_partition("acme"))]

    def find(self, name: str) -> Found:
        found = by_pseudonym(self.state, "acme", name)
        assert found is not None
        return found


class Cutting:
    """A port whose changes go through the world's ``call``."""

    _CHANGES = frozenset({"put", "write", "delete"})

    def __init__(self, port: Any, world: World) -> None:
        self._port, self._world = port, world

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in self._CHANGES:
            return found
        return lambda *args, **named: self._world.call(lambda: found(*args, **named))


class Crash(BaseException):
    """The end of the process."""


def dying(calls: int, *, done: bool) -> Callable[[Callable[[], Any]], Any]:
    """Passes calls on until one is the last, which is made or not before the end."""
    left = itertools.count(calls - 1, -1)

    def call(go: Callable[[], Any]) -> Any:
        last = next(left) == 0
        found = go() if done or not last else None
        if last:
            raise Crash
        return found

    return call


def test_what_comes_of_one(tmp_path: Path) -> None:
    """One anonymised object, one score of the formulas, one event; the ids as sent find it."""
    world = World(tmp_path)
    (name,) = world.receive(assessment())
    assert world.find(name).standing.status == "received"
    world.work_off()
    found = world.find(name)
    assert found.standing.status == "scored"
    (body,) = world.scores()
    assert found.body == body
    shown, expected = json.loads(body), score(assessment(), inventory("ocean-120"))
    assert {n: shown["scores"][n] for n in expected.scores if n != "facets"} == {
        n: value for n, value in expected.scores.items() if n != "facets"
    }
    assert shown["scores"]["facets"]["anxiety"]["std_dev"] == pytest.approx(
        expected.scores["facets"]["anxiety"].std_dev, abs=1e-9
    )
    assert by_original(world.state, world.keys, "acme", " user-17 ", "a-1") == found
    assert by_original(world.state, world.keys, "acme", "user-17", "a-2") is None
    assert by_original(world.state, world.keys, "rival", "user-17", "a-1") is None
    assert latest_score(world.state, world.keys, "acme", "user-17") == body
    assert latest_score(world.state, world.keys, "acme", shown["anonymous_user_id"]) == body
    assert latest_score(world.state, world.keys, "rival", shown["anonymous_user_id"]) is None
    (event,) = world.events
    assert (event.event_type, event.user_id) == ("assessment_scored", shown["anonymous_user_id"])
    world.receive(assessment(email="changed@mail.example.com"))
    assert world.queue == []


@pytest.mark.parametrize("done", [False, True])
def test_killed_between_any_two_steps(tmp_path: Path, done: bool) -> None:
    """Wherever a process dies, door or worker, repeated there is one score and one event."""
    for last in itertools.count(1):
        world = World(tmp_path)
        world.call = dying(last, done=done)
        try:
            world.receive(assessment())
            world.work_off()
        except Crash:
            world.call = lambda go: go()
            (name,) = world.receive(assessment())
            world.work_off()
            found = world.find(name)
            assert (world.scores(), found.standing.status) == ([found.body], "scored")
            assert len({event.event_id for event in world.events}) == 1
            assert world.state.query(EVENTS) == []
            assert len(list(everything(world.objects, OUT_PREFIX))) == 1
            assert world.failed == {}
        else:
            assert last == 12  # secret, object, standing, queue; object, queue, score, log, ...
            return


CONTENTS = [
    assessment(),
    assessment(completionTime=1000),
    assessment(timestamp="2026-03-01T12:00:00Z"),
    assessment(timestamp="2026-03-02T09:00:00Z", completionTime=50_000),
    assessment(timestamp="2026-03-02T09:59:00Z", completionTime=70_000),
    assessment(assessmentId="a-2", timestamp="2026-03-01T23:00:00Z"),
]


def test_a_correction_counts_in_any_order(tmp_path: Path) -> None:
    """The later time wins, then the greater digest; each content is scored and told of once."""
    world = World(tmp_path)
    for raw in CONTENTS:
        anonymise_record(raw, "acme", world.anonymizer())
    keys = [found.key for found in everything(world.objects, OUT_PREFIX)]
    assert len(keys) == len(CONTENTS)
    seen: set[tuple[bytes | None, str, str]] = set()
    draw = random.Random(7)
    for _ in range(20):
        order = draw.sample(keys, len(keys))
        one = World(tmp_path)
        one.objects = world.objects
        one.work(*(json.dumps({"object": key}) for key in (*order, *order[:2])))
        name = decode(world.objects.get(order[0])).anonymous_user_id
        body = latest_score(one.state, world.keys, "acme", name)
        held = [
            (found.key, found.value)
            for kind in ("scores", "standings", "people")
            for found in one.state.query(f"assessments.{kind}#acme")
        ]
        assert len(one.events) == len(CONTENTS)
        seen.add((body, str(held), str(sorted(event.event_id for event in one.events))))
    ((body, _, _),) = seen
    assert body is not None
    assert json.loads(body)["timestamp"] == "2026-03-02T09:00:00Z"


BAD: dict[str, dict[str, Any]] = {
    "/responses/0/questionId": {"responses": [{"questionId": "121", "answer": 1}]},
    "/responses/1/answer": {
        "responses": [{"questionId": "1", "answer": 1}, {"questionId": "2", "answer": 7}]
    },
    "/responses/1/questionId": {"responses": [{"questionId": "1", "answer": 1}] * 2},
    "/responses/0/answer": {"responses": [{"questionId": "1", "answer": "agree"}]},
    "/responses/120/questionId": {
        "responses": [{"questionId": n % 120 + 1, "answer": 1} for n in range(130)]
    },
    "/responses": {"responses": []},
    "/scale": {"scale": "1-9"},
    "/assessmentType": {"assessmentType": "ocean-7"},
    "/timestamp": {"timestamp": "yesterday"},
}


@pytest.mark.parametrize("pointer", BAD)
def test_bad_ones_fail_with_a_reason(tmp_path: Path, pointer: str) -> None:
    """At the door, and as failed records where an object was put by others; the record says where
    the fault is and holds nothing of the assessment, which it names."""
    world = World(tmp_path)
    raw = assessment(**BAD[pointer])
    with pytest.raises(TallybrookError) as refused:
        world.receive(raw)
    assert refused.value.errors[0].pointer == pointer
    world.objects.put("raw/assessments/acme/put.json", json.dumps(raw).encode())
    world.work('{"object": "raw/assessments/acme/put.json"}')
    (record,) = world.failed.values()
    assert (record.source, record.account_id, record.reason) == ("assessments", "acme", "invalid")
    assert pointer in record.detail
    assert original(record, world.objects) == json.dumps(raw).encode()
    assert "user-17" not in str(record)
    assert world.scores() == []
    assert list(everything(world.objects, OUT_PREFIX)) == []


def test_few_answers_are_kept_without_scores(tmp_path: Path) -> None:
    """Above ten missing answers the result has nulls and says why."""
    world = World(tmp_path)
    (name,) = world.receive(assessment(responses=assessment()["responses"][:109]))
    world.work_off()
    shown = json.loads(world.find(name).body or b"")
    assert shown["scores"]["openness"] is None
    assert "11 items" in shown["reasons"]["scores"]
    assert shown["validity"]["scorable"] is False


TASKS = [
    "", "{", "[]", *(
        json.dumps({"object": name})
        for name in (
            7, "exports/x", "raw/assessments/x", "raw/assessments/No Account/x.json",
            "raw/assessments/acme/no", "anonymised/assessments/acme/no", "anonymised/assessments/",
        )
    ),
]  # fmt: skip


def test_bad_tasks_spoil_only_themselves(tmp_path: Path) -> None:
    """Each is a failed record; the good one beside them is done."""
    world = World(tmp_path)
    world.objects.put("raw/assessments/acme/put.json", json.dumps(assessment()).encode())
    found = world.work(*TASKS, '{"object": "raw/assessments/acme/put.json"}')
    assert (found.failed, found.anonymised, found.again) == (len(TASKS), 1, [])
    assert len(world.failed) == len(TASKS)


def test_forgotten_before_it_was_scored(tmp_path: Path) -> None:
    """What came before a person was forgotten gets no score under another name after it."""
    world = World(tmp_path)
    (name,) = world.receive(assessment())
    forget(world.state, world.keys, "acme", "user-17")
    world.work(*world.queue)
    assert world.scores() == []
    (record,) = world.failed.values()
    assert "forgotten" in record.detail
    standing = world.find(name).standing
    assert (standing.status, standing.failed_id) == ("failed", record.failed_id)
    assert "forgotten" in str(standing.reason)
    (fresh,) = world.receive(assessment())
    assert fresh != name
    world.queue = world.queue[1:]
    world.work_off()
    assert world.find(fresh).standing.status == "scored"


def test_a_rotation_in_between(tmp_path: Path) -> None:
    """Received under one key and scored after a rotation it keeps its name; a process that does not
    know the key yet tries again later."""
    world = World(tmp_path)
    older = world.keys
    world.keys = rotated(older, NOW_US, DAY_US)
    (name,) = world.receive(assessment())
    world.keys = older
    assert len(world.work(*world.queue).again) == 1
    world.keys = rotated(rotated(older, NOW_US, DAY_US), NOW_US, DAY_US)
    assert len(world.work(*world.queue).again) == 1
    assert world.find(name).standing.status == "received"


def test_a_name_outlives_a_rotation(tmp_path: Path) -> None:
    """What was received before a rotation is found under the name it was given."""
    world = World(tmp_path)
    (name,) = world.receive(assessment())
    world.keys = rotated(world.keys, NOW_US, DAY_US)
    world.work_off()
    assert world.find(name).standing.status == "scored"
    assert by_original(world.state, world.keys, "acme", "user-17", "a-1") == world.find(name)
    world.receive(assessment())
    assert world.queue == []
    world.receive(assessment(assessmentId="a-3", timestamp="2026-04-01T00:00:00Z"))
    world.work_off()
    body = latest_score(world.state, world.keys, "acme", "user-17")
    assert json.loads(body or b"")["timestamp"] == "2026-04-01T00:00:00Z"


def test_another_inventory(tmp_path: Path) -> None:
    """ocean-300 goes the same way."""
    world, draw = World(tmp_path), random.Random(3)
    answers = [{"questionId": n, "answer": draw.randint(1, 5)} for n in range(1, 301)]
    raw = assessment(assessmentType="ocean-300", responses=answers)
    (name,) = world.receive(raw)
    world.work_off()
    shown = json.loads(world.find(name).body or b"")
    expected = score(raw, inventory("ocean-300"))
    assert shown["assessment_type"] == "ocean-300"
    for domain in inventory("ocean-300").domains:
        assert shown["scores"][domain] == pytest.approx(expected.scores[domain], abs=1e-9)
    assert shown["scores"]["completeness"] == 1


def test_the_same_bytes_on_both_backends(tmp_path: Path, stack: str) -> None:
    """An anonymised object has the same score, byte by byte, and several at once store it once."""
    make_tables(stack, (STATE,))
    world = World(tmp_path)
    raws = [*CONTENTS, assessment(assessmentId="short", responses=CONTENTS[0]["responses"][:50])]
    for raw in raws:
        anonymise_record(raw, "acme", world.anonymizer())
    keys = [found.key for found in everything(world.objects, OUT_PREFIX)]
    local = SqliteState(tmp_path / "state.db", Moving())
    held = []
    for state in (local, DynamoState(stack, Moving())):
        using = structs.replace(world.anonymizer(), objects=world.objects, state=state)
        with ThreadPoolExecutor(4) as pool:
            stored = list(
                pool.map(lambda key, u=using: score_object(key, "acme", u, NOW_US), keys * 2)
            )
        assert stored.count(True) == len(raws)
        partitions = ("scores", "standings", "people")
        held.append(
            [
                (one.key, one.value)
                for name in partitions
                for one in state.query(f"assessments.{name}#acme")
            ]
        )
        assert len(state.query(EVENTS)) == len(raws)
    local.close()
    assert held[0] == held[1]


def test_from_the_queue(tmp_path: Path) -> None:
    """A task that can never be finished comes again later each time, is at last a failed record
    that says so, and the assessment stands as failed; received again it is scored."""
    world, clock = World(tmp_path), Moving()
    queue = SqliteQueue(tmp_path / "queue.db", "assessments", max_receives=3, clock=clock)
    (name,) = world.receive(assessment())
    queue.send(world.queue)
    world.queue.clear()
    ports = world.ports()

    def refuse(_bodies: Sequence[str]) -> None:
        raise StorageError("full")

    ports.send = refuse
    for _ in range(3):
        with pytest.raises(StorageError):
            work_once(queue, ports, clock)
        assert work_once(queue, ports, clock) == 0
        clock.us += 3600 * 1_000_000
    assert work_once(queue, ports, clock) == work_once(queue, ports, clock) == 0
    (record,) = world.failed.values()
    assert (record.reason, record.account_id, record.tries) == ("dead_letter", "acme", 3)
    assert world.find(name).standing.status == "failed"
    assert queue.depth().dead == 0
    ports.send = queue.send
    world.receive(assessment())
    queue.send(world.queue)
    while work_once(queue, ports, clock):
        pass
    assert world.find(name).standing.status == "scored"
    assert len(world.scores()) == len(world.events) == 1
    queue.close()
