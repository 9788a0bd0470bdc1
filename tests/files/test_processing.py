"""Files that are put: every row counted once, whatever breaks, repeats or is wrong in them."""

import gzip
import json
import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallybrook.assessments.flow.tasks import decode
from tallybrook.errors import StorageError
from tallybrook.files import opening, working
from tallybrook.ports.objects import everything
from tallybrook.wiring import Product
from tests.assessments.raw import PLANTED, assessment
from tests.files.world import World, counts, opened_product

NAME = "jane.roe+work@mail.example.com"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with opened_product(tmp_path_factory.mktemp("product")) as made:
        yield made


@pytest.fixture
def world(tmp_path: Path, product: Product) -> World:
    return World(tmp_path, product)


def rows(series: str, count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"event_type": series, "user_id": f"u{n}", "n": n, **more} for n in range(count)]


def of(world: World, series: str) -> list[Any]:
    return [event for event in world.events().values() if event.event_type == series]


FORMS = {
    "ndjson": lambda made: "\n".join(map(json.dumps, made)).encode(),
    "array": lambda made: json.dumps(made, indent=1).encode(),
    "events": lambda made: json.dumps({"events": made}).encode(),
    "gzip": lambda made: gzip.compress("\n".join(map(json.dumps, made)).encode()),
    "csv": lambda made: (
        "\ufeffevent_type,user_id\r\n"
        + "".join(f'"{row["event_type"]}",{row["user_id"]}\r\n' for row in made)
    ).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_events_of_every_form(world: World, form: str) -> None:
    """The format is told by the content alone, and the file goes to the archive."""
    file = world.done("raw/events/file.dat", FORMS[form](rows(f"form-{form}", 700)))
    assert (file.status, counts(file)) == ("done", (700, 700, 0, 0))
    assert len(of(world, f"form-{form}")) == 700
    assert world.names() == [file.archived]


@pytest.mark.parametrize(
    ("body", "reason", "accepted"),
    [
        (b"", None, 0),
        ("a,b\n".encode("utf-16"), "UTF-16", 0),
        (b"PK\x03\x04rest", "zip archive", 0),
        (b"event_type,user_id\0\n", "zero bytes", 0),
        (b'event_type,user_id,user_id\n', "column 2, 3", 0),
        (b'[{"event_type":"r6","user_id":"u"},', "never closed", 1),
        (gzip.compress(json.dumps(rows("r7", 1)[0]).encode())[:-9], "gzip data is damaged", 0),
        (b'event_type,user_id\nr8,u\n"r8,u\nr8,v\n', None, 2),
        ("event_type,user_id,city\nr9,u,Köln\nr9,u,Bonn\n".encode("latin-1"), None, 1),
        (b'{"event_type":"r10","user_id":"u"\n{"event_type":"r10","user_id":"u"}\n', None, 1),
    ],
    ids=["empty", "utf-16", "zip", "binary", "header", "open-array", "cut-gzip", "open-quote",
         "latin-1", "first-line"],
)  # fmt: skip
def test_bad_files_have_a_reason_and_lose_nothing(
    world: World, body: bytes, reason: str | None, accepted: int
) -> None:
    """Good rows go in, bad ones are failed records, and the file as it was lies in the archive."""
    file = world.done("raw/events/x", body)
    received, good, _, bad = counts(file)
    assert (good, world.body(file.archived)) == (accepted, body)
    if reason is None:
        assert (file.status, file.reason) == ("done", None)
    else:
        assert file.status == ("partial" if received else "failed")
        assert reason in (file.reason or "")
    assert len(world.failed) == bad + (reason is not None)


def test_a_bad_row_has_its_number_and_its_bytes(world: World) -> None:
    """And can be replayed: it is kept as what came by S3."""
    world.done("raw/events/x", b'{"event_type":"a","user_id":"u"}\n\n{broken\n')
    (record,) = world.failed.values()
    assert (record.source, record.body) == ("s3", "{broken")
    assert record.detail.startswith("row 2 (line 3): ")


def test_the_same_file_again_changes_nothing(world: World) -> None:
    """Under the same name it is put away; under another it is all duplicates."""
    body = [*rows("twice", 30), {"event_type": "", "user_id": "u"}]
    first = world.done("raw/events/a", body)
    before = (world.files(), world.failed.copy(), len(of(world, "twice")))
    world.clock.us += 60_000_000
    world.done("raw/events/a", body)
    assert (world.files(), world.failed, len(of(world, "twice"))) == before
    assert world.names() == [first.archived]
    other = world.done("raw/events/b", body)
    assert counts(other) == (31, 0, 30, 1)
    assert (world.failed, len(of(world, "twice"))) == before[1:]


def test_new_content_under_the_same_name_is_another_file(world: World) -> None:
    """Rows without ids are named by the content they stand in."""
    world.done("raw/events/a", rows("grown", 2))
    world.done("raw/events/a", rows("grown", 3))
    assert len(world.files()) == 2
    assert len(of(world, "grown")) == 5


def test_rows_that_name_themselves_are_known_in_other_files(world: World) -> None:
    """Also twice in one file, and in another chunk."""
    body = [*rows("own", 600, event_id="same"), *rows("own", 1, event_id="other")]
    assert counts(world.done("raw/events/a", body)) == (601, 2, 599, 0)
    assert counts(world.done("raw/events/b", rows("own", 1, event_id="other"))) == (1, 0, 1, 0)


KILLED = {
    "raw/events/x": lambda n: [*rows(f"killed{n}", 3, event_id=f"killed{n}"), {"n": n}],
    "raw/assessments/x": lambda n: [
        assessment(assessmentId=f"a{n}"), assessment(assessmentId=f"a{n}"), {"userId": n},
    ],
    "imports/x": lambda n: [*rows(f"imported{n}", 2), {"n": n}],
    "exports/x": lambda n: f"{n} exported\n" * 200_000,
    "processed/ocean/x": lambda n: [{"assessmentId": f"{n}-{m}", "scores": {}} for m in range(3)],
}  # fmt: skip


@pytest.mark.parametrize("key", KILLED)
def test_killed_anywhere_it_ends_in_the_same(tmp_path: Path, product: Product, key: str) -> None:
    """Whichever change is the last of a process, made or not: the next one leaves what one that
    was never disturbed leaves, numbers included."""
    whole = World(tmp_path, product)
    whole.done(key, KILLED[key](0))
    steps = whole.cut.changes
    expected = _left(whole)
    assert steps >= 3
    for number, (at, made) in enumerate(
        ((at, made) for at in range(1, steps + 1) for made in (False, True)), 1
    ):
        world = World(tmp_path, product)
        world.put(key, KILLED[key](number))
        assert world.killed(key, at, made=made)
        world.clock.us += 1_000_000
        world.work(key)
        assert _left(world) == expected, (at, made)


def _left(world: World) -> Any:
    """What a file came to, but for its content and its times."""
    (file,) = world.files()
    shown = (file.status, counts(file), file.reason, file.output is None, file.archived is None)
    singles = sum(1 for _ in everything(world.singles))
    tasks = {decode(task.encode()).object for task in world.tasks}
    return (
        shown, len(world.names()), len(world.failed), singles, len(tasks),
        len({event.event_id for event in world.queued}),
    )  # fmt: skip


def test_a_long_file_goes_on_where_it_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of time it says so, and the rows that are noted are not written again."""
    monkeypatch.setattr(working, "IN_CHUNKS_BYTES", 1000)
    monkeypatch.setattr(working, "CHUNK_BYTES", 20_000)
    world.put("raw/events/x", rows("long", 3000))
    world.remaining_s = 1.0
    seen = [0]
    for _ in range(20):
        try:
            world.work("raw/events/x")
            break
        except StorageError:
            seen.append(world.files()[0].accepted)
            assert world.files()[0].status == "working"
    assert seen == sorted(set(seen))
    assert len(seen) > 3
    (file,) = world.files()
    assert (file.status, counts(file)) == ("done", (3000, 3000, 0, 0))
    assert len(of(world, "long")) == 3000


def test_assessments_are_stored_as_single_ones(world: World) -> None:
    """JSON or a table: checked, stored apart under the digest of their content, and queued; bad
    rows are failed records that hold nothing of them."""
    good, other = assessment(), assessment(assessmentId="a-2")
    bad = assessment(assessmentId="a-3", responses=[{"questionId": "999", "answer": 1}])
    file = world.done("raw/assessments/x", [good, other, good, bad])
    assert counts(file) == (4, 2, 1, 1)
    assert len(world.tasks) == 2
    (record,) = world.failed.values()
    assert (record.source, record.detail[:16]) == ("assessments", "row 4 (line 4): ")
    assert "a-3" not in record.body
    stored = [world.singles.get(decode(task.encode()).object) for task in world.tasks]
    assert [json.loads(body or b"")["assessmentId"] for body in stored] == ["a-1", "a-2"]


def test_a_table_of_assessments(world: World) -> None:
    """Answers in columns of their item's number, what is told of a person in its own columns."""
    items = ",".join(f"q{n}" for n in range(1, 121))
    header = f"userId,assessmentId,timestamp,age,demographics.country,platform,{items}\n"
    answers = ",".join(str(n % 5 + 1) for n in range(1, 120))
    row = f"7,t-1,2026-03-01T10:20:30Z,34,Germany,ios,{answers},\n"
    file = world.done("raw/assessments/x.csv", header + row)
    assert counts(file) == (1, 1, 0, 0)
    made = json.loads(world.singles.get(decode(world.tasks[0].encode()).object) or b"")
    assert made["demographics"] == {"age": 34, "country": "Germany"}
    assert (made["userId"], len(made["responses"])) == ("7", 119)
    assert made["responses"][0] == {"questionId": "1", "answer": 2}


def test_imports_are_queued_and_their_bad_rows_reported(world: World) -> None:
    """The report has the number of each bad row and the reason; it is no input itself."""
    body = "event_type,user_id\nimp,u\nimp,\nimp,v,w\nimp,x\n"
    file = world.done("imports/a.csv", body)
    assert counts(file) == (4, 2, 0, 2)
    assert [event.user_id for event in world.queued] == ["u", "x"]
    report = [json.loads(line) for line in world.body(file.output).splitlines()]
    assert [(line["row"], line["line"]) for line in report] == [(2, 3), (3, 4)]
    assert report[1]["reason"] == "3 cells under 2 columns"
    assert world.work(file.output or "") is None
    again = world.done("imports/b.csv", body)
    assert counts(again) == (4, 0, 2, 2)
    assert len(world.queued) == 2


def test_exports_over_a_megabyte_are_compressed(world: World) -> None:
    """In place, once; what is small or compressed already stays as it is."""
    text = "a,b\n" * 300_000
    big = world.done("exports/big.csv", text)
    assert gzip.decompress(world.body("exports/big.csv.gz")).decode() == text
    assert big.output == "exports/big.csv.gz"
    noise = gzip.compress(random.Random(1).randbytes(1_100_000))
    for name, body in (("small.csv", b"a\n"), ("packed.gz", noise)):
        world.done(f"exports/{name}", body)
        assert world.body(f"exports/{name}") == body
    assert world.work("exports/big.csv.gz") is None
    assert len(world.names()) == 3


def test_nothing_is_removed_before_its_copy_is_whole(world: World) -> None:
    """A copy that is not what was put leaves the file where it is, to be tried again."""
    copy = world.objects.copy
    world.objects.copy = lambda source, target: world.objects.put(target, b"half")  # type: ignore[method-assign]
    with pytest.raises(StorageError, match="nothing is removed"):
        world.done("raw/events/x", rows("copied", 3))
    assert "raw/events/x" in world.names()
    world.objects.copy = copy  # type: ignore[method-assign]
    file = world.work("raw/events/x")
    assert counts(file) == (3, 3, 0, 0)
    assert world.names() == [file.archived]  # type: ignore[union-attr]


def test_what_lies_there_by_now_is_not_removed(world: World) -> None:
    """A file that was replaced while it was worked off is worked off, too."""
    world.put("raw/events/x", rows("replaced", 2))
    copy = world.objects.copy

    def copied(source: str, target: str) -> str:
        etag = copy(source, target)
        world.put("raw/events/x", rows("replacing", 2))
        return etag

    world.objects.copy = copied  # type: ignore[method-assign]
    world.work("raw/events/x")
    world.objects.copy = copy  # type: ignore[method-assign]
    assert "raw/events/x" in world.names()
    world.work("raw/events/x")
    assert (len(of(world, "replaced")), len(of(world, "replacing"))) == (2, 2)


@pytest.mark.parametrize("prefix", ["raw/events", "raw/assessments", "imports", "processed/ocean"])
def test_a_name_with_a_person_in_it_goes_nowhere(
    world: World, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not into outputs, their names, logs, failed records, or what is shown without admin."""
    caplog.set_level(logging.DEBUG)
    for name in (NAME, f"account=bad account/{NAME}"):
        world.put(f"{prefix}/{name}", b"\x1f\x8b broken" if "=" in name else b"[{},")
        world.work(f"{prefix}/{name}")
        world.objects.delete(f"{prefix}/{name}")  # where it was put it may stay
    told = json.dumps([record.body + record.detail for record in world.failed.values()])
    shown = repr(_listed(world))
    assert world.failed
    for text in (told, shown, caplog.text, *world.names(), *map(str, world.failed)):
        assert "jane" not in text


def _listed(world: World) -> Any:
    from tallybrook.files.keeping import listed

    return listed(world.state, "default", 10, None, with_names=False).files


def test_planted_people_are_in_no_failed_record_of_assessments(world: World) -> None:
    """Whatever stands in a row, a header or broken text of an assessment's file."""
    bad = [assessment(userId="", email=token, timestamp=token) for token in PLANTED]
    world.done("raw/assessments/a", [*bad, PLANTED])
    world.done("raw/assessments/b.csv", f"{PLANTED[1]},{PLANTED[1]}\n1,2\n")
    world.done("processed/ocean/c", [{"userId": token, "scores": {token: 1}} for token in PLANTED])
    world.done("processed/ocean/d", [{token: token} for token in PLANTED])
    told = json.dumps([record.body + record.detail for record in world.failed.values()])
    outputs = [world.body(file.output) for file in world.files() if file.output]
    assert len(world.failed) > 2 * len(PLANTED)
    for token in PLANTED:
        assert json.dumps(token)[1:-1] not in told
        assert not any(token.encode() in body for body in outputs)


def test_accounts_are_folders(world: World) -> None:
    """``account=NAME`` right under the prefix; a row of events may name another."""
    made = [*rows("mine", 1), *rows("mine", 1, account_id="rival")]
    world.done("raw/events/account=acme/x", made)
    assert {event.account_id for event in of(world, "mine")} == {"acme", "rival"}
    assert [len(world.files(name)) for name in ("acme", "default")] == [1, 0]


def test_a_file_is_held_only_while_it_is_small() -> None:
    """The sizes of SPEC 6."""
    assert opening.IN_MEMORY_BYTES == 1_000_000
    assert opening.IN_CHUNKS_BYTES == 10_000_000
