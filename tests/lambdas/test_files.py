"""Files of events in a bucket."""

import gzip
import json
import logging
import random
import tracemalloc
from typing import Any

import pytest

from tallybrook.entrypoints.lambdas import bus, runtime, s3
from tallybrook.entrypoints.lambdas.messages import Reading
from tallybrook.entrypoints.lambdas.notifications import ObjectRef, read_notification
from tallybrook.entrypoints.lambdas.objects import object_items
from tallybrook.ports.aws.clients import client
from tests.lambdas import deliveries as d
from tests.lambdas.stack import Stack

CSV = (
    "event_type,user_id,timestamp,account_id,price\nview,u,2024-01-19,,7\nbuy,u,2024-01-19,acme,8\n"
)


class Context:
    """What Lambda hands a handler."""

    get_remaining_time_in_millis = staticmethod(lambda: 60_000)


@pytest.fixture
def bucket(here: Stack, monkeypatch: pytest.MonkeyPatch) -> str:
    """The stack's own."""
    client("s3").create_bucket(Bucket=here.name)
    monkeypatch.setenv("TALLYBROOK_BUCKET", here.name)
    return here.name


def keys(bucket: str) -> list[str]:
    found = client("s3").list_objects_v2(Bucket=bucket).get("Contents", ())
    return [one["Key"] for one in found]


def put(bucket: str, key: str, body: bytes | str) -> dict[str, Any]:
    """Put an object; the notification of it."""
    data = body.encode() if isinstance(body, str) else body
    client("s3").put_object(Bucket=bucket, Key=key, Body=data)
    return d.s3(bucket, key)


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("raw/events/a.csv", CSV.encode()),
        ("raw/events/a.csv.gz", gzip.compress(CSV.encode())),
        ("raw/events/sub/ünï côde+1 (2).csv", b"\xef\xbb\xbf" + CSV.encode()),
    ],
    ids=["plain", "zipped", "odd-name"],
)
def test_a_table_becomes_events(here: Stack, bucket: str, key: str, body: bytes) -> None:
    """Columns that are no event field are properties; account_id names the account."""
    s3.handler(put(bucket, key, body), Context)
    view, buy = sorted(here.events().values(), key=lambda event: event.event_id)
    assert (view.event_type, view.account_id) == ("view", "default")
    assert (buy.event_type, buy.account_id) == ("buy", "acme")
    assert bytes(view.properties) == b'{"price":7}'  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["ndjson", "array", "events", "object"])
def test_json_files_of_every_form(here: Stack, bucket: str, form: str) -> None:
    """One object, an array, {"events": [...]}, an object a line."""
    rows = [d.event("a"), d.event("b")]
    body = {
        "ndjson": "\n".join(map(json.dumps, rows)),
        "array": json.dumps(rows),
        "events": json.dumps({"events": rows}),
        "object": json.dumps(d.event("a")),
    }[form]
    s3.handler(put(bucket, "raw/events/x", body), Context)
    assert sorted(here.events()) == (["a"] if form == "object" else ["a", "b"])


def test_a_bad_row_is_kept_with_its_number(here: Stack, bucket: str) -> None:
    """And the rows around it go in."""
    body = "event_type,user_id\nview,u\nview,u,too many\nview,\nview,u\n"
    s3.handler(put(bucket, "raw/events/a.csv", body), Context)
    assert len(here.events()) == 2
    found = sorted(here.failed().values(), key=lambda record: record.detail)
    assert [record.detail for record in found] == [
        "row 2 (line 3): 3 cells under 2 columns",
        "row 3 (line 4): /user_id: user_id or anonymous_id is required",
    ]
    assert found[0].body == "view,u,too many"


def test_a_damaged_file_gives_what_it_has(here: Stack, bucket: str) -> None:
    """The rows before the damage are stored, and a failed record says what broke off."""
    noise = random.Random(7)
    rows = [d.event(f"e{i}", properties={"i": noise.randbytes(900).hex()}) for i in range(400)]
    body = gzip.compress("\n".join(map(json.dumps, rows)).encode())
    s3.handler(put(bucket, "raw/events/a.ndjson.gz", body[:-20]), Context)
    assert "e0" in here.events()
    (record,) = here.failed().values()
    assert (record.reason, record.source) == ("malformed", "files")
    assert list(json.loads(record.body)) == ["file"]


def test_an_object_that_is_gone_is_told(here: Stack, bucket: str) -> None:
    """By the time it is read it may be deleted: nothing can be read, and somebody should know.
    One that we put away ourselves is no such thing, however often we are told of it."""
    for _ in range(2):
        s3.handler(d.s3(bucket, "raw/events/gone.csv", eTag="e"), Context)
    (record,) = here.failed().values()
    assert (record.reason, record.source) == ("not-found", "files")
    told = put(bucket, "raw/events/a.csv", CSV)
    tag = client("s3").head_object(Bucket=bucket, Key="raw/events/a.csv")["ETag"].strip('"')
    told["Records"][0]["s3"]["object"]["eTag"] = tag
    for _ in range(2):
        s3.handler(told, Context)
    assert len(here.failed()) == 1
    (archived,) = keys(bucket)
    assert archived.startswith("archive/events/default/")


def test_the_same_content_told_of_by_every_way_counts_once(here: Stack, bucket: str) -> None:
    """S3 may tell twice, and both a function and a bus may be told."""
    told = put(bucket, "raw/events/a.csv", CSV)
    s3.handler(told, Context)
    s3.handler({"Records": told["Records"] * 2}, None)
    bus.handler(d.created(bucket, "raw/events/a.csv"), Context)
    assert len(here.events()) == 2


def test_new_content_under_the_same_key_is_read(here: Stack, bucket: str) -> None:
    """A row is named by its file's content, not by the key alone."""
    s3.handler(put(bucket, "raw/events/a.csv", CSV), Context)
    s3.handler(put(bucket, "raw/events/a.csv", CSV + "view,u,2024-01-20,,9\n"), Context)
    assert len(here.events()) == 5


@pytest.mark.parametrize("key", ["raw/other/a.csv", "processed/raw/events/a.csv", "a.csv"])
def test_objects_elsewhere_are_none_of_ours(
    here: Stack, bucket: str, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing happens to them, whatever way they were told of, and no log has their names."""
    caplog.set_level(logging.INFO, "tallybrook")
    s3.handler(put(bucket, key, CSV), Context)
    client("s3").create_bucket(Bucket=f"{bucket}-other")
    s3.handler(put(f"{bucket}-other", key, CSV), Context)
    assert not here.events()
    assert not here.failed()
    assert keys(bucket) == [key]
    assert key not in caplog.text


def test_events_in_other_buckets_are_read_where_they_lie(here: Stack, bucket: str) -> None:
    """Whoever lets a bucket of theirs tell the function keeps their files; a failed record does not
    hold the file's name."""
    other = f"{bucket}-other"
    client("s3").create_bucket(Bucket=other)
    told = put(other, "raw/events/jane@example.com.csv", CSV + "view\n")
    for _ in range(2):
        s3.handler(told, Context)
    assert len(here.events()) == 2
    assert keys(other) == ["raw/events/jane@example.com.csv"]
    (record,) = here.failed().values()
    assert "row 3 (line 4): 1 cells under 5 columns" in record.detail
    assert "jane" not in record.detail + record.body


READING = Reading(0)


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("a+b.csv", "a b.csv"),
        ("a%2Bb.csv", "a+b.csv"),
        ("Happy%20Face.jpg", "Happy Face.jpg"),
        ("%C3%BC/x", "ü/x"),
        ("100%25.csv", "100%.csv"),
    ],
)
def test_keys_of_notifications_are_decoded_once(encoded: str, key: str) -> None:
    """S3 encodes them as form data, a plus for a space."""
    told = d.s3("b", "x")
    told["Records"][0]["s3"]["object"]["key"] = encoded
    items, (ref,) = read_notification(told, READING)
    assert not items
    assert ref == ObjectRef("b", key, "", "", 1_705_675_043_000_000)


@pytest.mark.parametrize(
    "name",
    [
        "ObjectRemoved:Delete",
        "ObjectRemoved:DeleteMarkerCreated",
        "ObjectRestore:Completed",
        "LifecycleExpiration:Delete",
        "s3:ObjectRemoved:Delete",
    ],
)
def test_what_is_nothing_new_is_ignored(name: str) -> None:
    """Removals, expirations and restores bring no event."""
    assert read_notification(d.s3("b", "raw/events/x", name=name), READING) == ([], [])


def test_the_test_message_of_a_bucket_is_ignored() -> None:
    """S3 sends one when a notification is configured."""
    told = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b", "Time": d.STAMP}
    assert read_notification(told, READING) == ([], [])


def test_memory_does_not_grow_with_the_file(here: Stack, bucket: str) -> None:
    """Rows are handed on as they are read: a file eight times as long takes no more."""

    def peak(rows: int) -> int:
        lines = [json.dumps(d.event(f"e{i}", properties={"x": "y" * 8_000})) for i in range(rows)]
        told = put(bucket, "raw/events/a.ndjson", "\n".join(lines))
        (ref,) = read_notification(told, READING)[1]
        del lines
        tracemalloc.start()
        try:
            assert sum(1 for _ in object_items(ref, runtime.opened())) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # what is loaded and connected once
    assert peak(1600) < peak(200) + 500_000
