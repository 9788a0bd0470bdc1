"""What every store of objects promises (``tallybrook.ports.objects``)."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tallybrook.errors import ConflictError, InvalidError, NotFoundError, TooLargeError
from tallybrook.ports.aws.clients import client
from tallybrook.ports.objects import PART_BYTES, Objects, everything
from tallybrook.ports.objects.aws import S3Objects
from tallybrook.ports.objects.local import LocalObjects
from tests.contracts.parity import lacks

Open = Callable[[], Objects]


@pytest.fixture(params=["local", "aws"])
def open_objects(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same store again and again."""
    if request.param == "local":
        return lambda: LocalObjects(tmp_path / "objects")
    bucket = f"{request.getfixturevalue('stack')}-objects"
    client("s3").create_bucket(Bucket=bucket)
    return lambda: S3Objects(bucket)


@pytest.fixture
def objects(open_objects: Open) -> Objects:
    return open_objects()


def keys(objects: Objects, prefix: str = "", after: str = "", limit: int = 1000) -> list[str]:
    return [found.key for found in objects.page(prefix, after, limit)]


def test_what_is_put_is_read(objects: Objects) -> None:
    """Content, type, metadata, size and etag come back; the etag of put is the one of head."""
    etag = objects.put(
        "raw/x+y z&ü.json", b"{}", content_type="application/json", metadata={"row-count": "2 of 3"}
    )
    head = objects.head("raw/x+y z&ü.json")
    assert head is not None
    assert (head.key, head.size_bytes, head.etag) == ("raw/x+y z&ü.json", 2, etag)
    assert (head.content_type, head.metadata) == ("application/json", {"row-count": "2 of 3"})
    assert objects.get("raw/x+y z&ü.json") == b"{}"
    (found,) = objects.page("raw/")
    assert (found.key, found.etag, found.size_bytes) == (head.key, etag, 2)
    assert abs(found.modified_at - head.modified_at) < 1_000_000


def test_absence(objects: Objects) -> None:
    """None, an empty list, ``NotFoundError`` at the call; deleting what is not there is fine."""
    assert objects.get("none") is None
    assert objects.head("none") is None
    assert objects.page("none") == []
    with pytest.raises(NotFoundError):
        objects.stream("none")
    with pytest.raises(NotFoundError):
        objects.copy("none", "other")
    objects.delete("none")
    objects.delete("none/below")


def test_an_empty_object_is_an_object(objects: Objects) -> None:
    """Zero bytes are content."""
    objects.put("empty", b"")
    objects.put("streamed", iter([b"", b""]))
    for key in ("empty", "streamed"):
        assert objects.get(key) == b""
        assert list(objects.stream(key)) == []


def test_a_put_replaces_content_and_metadata_together(objects: Objects) -> None:
    """The etag changes with the content; the old metadata is gone."""
    first = objects.put("a", b"one", metadata={"n": "1"})
    second = objects.put("a", b"two")
    head = objects.head("a")
    assert head is not None
    assert (first != second, head.etag, head.metadata) == (True, second, {})


def test_create_only_is_won_once(objects: Objects) -> None:
    """Of many writers at once one creates; the others get ``ConflictError`` and change nothing."""

    def create(n: int) -> bool:
        try:
            objects.put("lock", b"%d" % n, create_only=True)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(16)))
    assert won.count(True) == 1
    assert objects.get("lock") == b"%d" % won.index(True)


def test_if_match_is_compare_and_swap(objects: Objects) -> None:
    """Only over the version that was read; a version that is gone or absent refuses."""
    first = objects.put("state", b"1")
    second = objects.put("state", b"2", if_match=first)
    with pytest.raises(ConflictError):
        objects.put("state", b"3", if_match=first)
    assert objects.get("state") == b"2"
    objects.delete("state")
    with pytest.raises(ConflictError):
        objects.put("state", b"4", if_match=second)
    assert objects.get("state") is None


def test_conditions_hold_for_bodies_in_parts(objects: Objects) -> None:
    """A large body is refused by the same conditions, and leaves nothing behind."""
    large = b"x" * (PART_BYTES + 1)
    etag = objects.put("large", large, create_only=True)
    with pytest.raises(ConflictError):
        objects.put("large", b"y" * (PART_BYTES + 1), create_only=True)
    assert objects.head("large").etag == etag  # type: ignore[union-attr]
    objects.put("large", b"z" * (PART_BYTES + 1), if_match=etag)
    assert objects.get("large") == b"z" * (PART_BYTES + 1)


def test_large_bodies_stream_in_and_out(objects: Objects) -> None:
    """More than one part in odd pieces arrives byte for byte, in pieces no larger than asked."""
    block = os.urandom(1 << 20)
    sent = [block[: 1 << 19], block, block[1 << 19 :]] * 10
    etag = objects.put("big", iter(sent), content_type="x/y", metadata={"a": "b"})
    got = list(objects.stream("big", 1 << 18))
    assert b"".join(got) == b"".join(sent)
    assert max(map(len, got)) <= 1 << 18
    head = objects.head("big")
    assert head is not None
    assert (head.size_bytes, head.etag, head.content_type) == (20 << 20, etag, "x/y")
    assert head.metadata == {"a": "b"}


@pytest.mark.parametrize("size", [3, PART_BYTES + 10])
def test_a_body_that_breaks_off_stores_nothing(objects: Objects, size: int) -> None:
    """Its error goes through, and the object is as before."""

    def broken() -> Iterator[bytes]:
        yield b"x" * size
        raise RuntimeError("source lost")

    objects.put("a", b"before")
    with pytest.raises(RuntimeError, match="source lost"):
        objects.put("a", broken())
    assert objects.get("a") == b"before"
    assert keys(objects) == ["a"]


def test_get_is_bounded(objects: Objects) -> None:
    """A whole object comes into memory only up to a size."""
    objects.put("a", b"12345")
    with pytest.raises(TooLargeError):
        objects.get("a", max_bytes=4)
    assert objects.get("a", max_bytes=5) == b"12345"


def test_lists_are_in_the_order_of_bytes(objects: Objects) -> None:
    """A slash sorts as a byte, and prefixes need not end at one."""
    names = ["a-b", "a.txt", "a/b", "a/b.c", "a/b/../x"[:3] + "d", "a0", "b/c/d", "é", "z"]
    for name in names:
        objects.put(name, b"")
    in_order = sorted(set(names), key=str.encode)
    assert keys(objects) == in_order
    assert keys(objects, "a/") == [name for name in in_order if name.startswith("a/")]
    assert keys(objects, "a") == [name for name in in_order if name.startswith("a")]
    assert keys(objects, "b/c") == ["b/c/d"]
    assert keys(objects, "b/cc") == []


def test_pages_give_every_key_once(objects: Objects) -> None:
    """Whatever the size of a page, and wherever it starts."""
    names = sorted(f"{folder}/{n:02}" for folder in ("a", "b/c", "b") for n in range(9))
    for name in names:
        objects.put(name, b"x")
    for size in (1, 4, 27, 100):
        assert [found.key for found in everything(objects, "", size)] == names
    assert keys(objects, after="b/04", limit=3) == ["b/05", "b/06", "b/07"]
    assert keys(objects, "b/c/", after="a/99", limit=1) == ["b/c/00"]


def test_copy_keeps_what_belongs_to_the_object(objects: Objects) -> None:
    """Content, type and metadata; the source stays, the target is replaced."""
    objects.put("raw/a", b"one", content_type="x/y", metadata={"n": "1"})
    objects.put("done/a", b"other")
    etag = objects.copy("raw/a", "done/a")
    head = objects.head("done/a")
    assert head is not None
    assert (head.etag, head.content_type, head.metadata) == (etag, "x/y", {"n": "1"})
    assert objects.get("done/a") == objects.get("raw/a") == b"one"


def test_deleted_is_gone_at_once(objects: Objects) -> None:
    """From reads and from lists."""
    objects.put("a/b/c", b"x")
    objects.delete("a/b/c")
    assert objects.get("a/b/c") is None
    assert keys(objects) == []
    objects.put("a", b"what was a folder")
    assert objects.get("a") == b"what was a folder"


@pytest.mark.parametrize(
    "key",
    ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\0b", "a\nb",
     "x" * 256, "/".join(["x" * 100] * 11), ".tallybrook/about", "a/.tallybrook"],
)  # fmt: skip
def test_a_key_that_leads_elsewhere_is_refused(objects: Objects, key: str) -> None:
    """By every call that takes one; nothing is written."""
    calls: list[Callable[[], Any]] = [
        lambda: objects.put(key, b"x"), lambda: objects.get(key), lambda: objects.head(key),
        lambda: objects.stream(key), lambda: objects.delete(key), lambda: objects.copy("a", key),
    ]  # fmt: skip
    objects.put("a", b"x")
    for call in calls:
        with pytest.raises(InvalidError):
            call()
    assert keys(objects) == ["a"]


@pytest.mark.parametrize(
    "metadata", [{"A": "x"}, {"a_b": "x"}, {"a": ""}, {"a": " x"}, {"a": "é"}, {"a": "x" * 2048}]
)
def test_metadata_that_a_header_cannot_carry_is_refused(
    objects: Objects, metadata: dict[str, str]
) -> None:
    """The same on every backend, so that what worked in one works in the other."""
    with pytest.raises(InvalidError):
        objects.put("a", b"x", metadata=metadata)
    assert objects.head("a") is None


@lacks("local", "A key and keys below it (`a` and `a/b`) cannot both be objects of a directory")
def test_a_key_may_be_the_beginning_of_others(objects: Objects) -> None:
    """Keys are words, not places."""
    objects.put("a", b"1")
    objects.put("a/b", b"2")
    assert keys(objects) == ["a", "a/b"]


def test_another_process_sees_the_same(open_objects: Open) -> None:
    """Nothing is kept in memory."""
    etag = open_objects().put("a", b"x", metadata={"n": "1"})
    head = open_objects().head("a")
    assert head is not None
    assert (head.etag, head.metadata) == (etag, {"n": "1"})


def test_readers_see_whole_objects(objects: Objects) -> None:
    """While somebody replaces an object, content and metadata are always of one put."""

    def replace(n: int) -> None:
        objects.put("a", b"%d" % n * 1000, metadata={"n": str(n)})

    replace(0)
    with ThreadPoolExecutor(1) as pool:
        writing = [pool.submit(replace, n % 10) for n in range(60)]
        while not all(write.done() for write in writing):
            content = objects.get("a")
            assert content is not None
            assert len(set(content)) == 1
            head = objects.head("a")
            assert head is not None
            assert head.size_bytes == 1000
        for write in writing:
            write.result()
    assert head is not None
