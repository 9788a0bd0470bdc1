"""Objects in S3: parts, broken connections, and what a second emulator says of conditions."""

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from urllib3.exceptions import ProtocolError

from tallybrook.errors import ConflictError, NotFoundError, StorageError
from tallybrook.ports.aws.clients import client
from tallybrook.ports.objects.aws import S3Objects, _regrouped
from tests.support import wait_for

MIB = 1 << 20


@pytest.fixture
def bucket(stack: str) -> str:
    client("s3").create_bucket(Bucket=f"{stack}-objects")
    return f"{stack}-objects"


class Breaking:
    """A body whose connection breaks after so many bytes."""

    def __init__(self, content: bytes, after: int) -> None:
        self._content, self._after = content, after

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        for at in range(0, self._after, size):
            yield self._content[at : min(at + size, self._after)]
        if self._after < len(self._content):
            raise ProtocolError("connection broken")


class Broken:
    """S3 whose downloads break off after 1000 bytes, so many times."""

    def __init__(self, times: int) -> None:
        self._s3: Any = client("s3")
        self._times = times
        self.asked: list[str | None] = []
        self.between: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def get_object(self, **request: Any) -> Any:
        self.asked.append(request.get("Range"))
        answer = self._s3.get_object(**request)
        if len(self.asked) > self._times:
            return answer
        content = answer["Body"].read()
        if self.between is not None:
            self.between()
        return {**answer, "Body": Breaking(content, min(1000, len(content)))}


def broken_store(bucket: str, times: int) -> tuple[S3Objects, Broken]:
    store, broken = S3Objects(bucket), Broken(times)
    store._s3 = broken
    return store, broken


def test_a_download_that_breaks_goes_on_where_it_was(bucket: str) -> None:
    """Every byte once."""
    content = bytes(itertools.islice(itertools.cycle(range(251)), 5000))
    store, broken = broken_store(bucket, times=2)
    store.put("a", content)
    assert store.get("a") == content
    assert broken.asked == [None, "bytes=1000-", "bytes=2000-"]


def test_a_download_that_goes_on_breaking_is_told(bucket: str) -> None:
    """The same call may succeed later."""
    store, _ = broken_store(bucket, times=99)
    store.put("a", b"x" * 10_000)
    with pytest.raises(StorageError):
        store.get("a")


def test_a_download_never_mixes_two_versions(bucket: str) -> None:
    """An object that was replaced in between is a conflict."""
    store, broken = broken_store(bucket, times=1)
    store.put("a", b"x" * 5000)
    broken.between = lambda: client("s3").put_object(Bucket=bucket, Key="a", Body=b"y" * 5000)
    with pytest.raises(ConflictError):
        list(store.stream("a"))


def test_an_upload_that_is_cut_off_leaves_no_parts(bucket: str) -> None:
    """What was sent of it is given up."""

    def body() -> Iterator[bytes]:
        yield b"x" * (12 * MIB)
        raise RuntimeError("source lost")

    store = S3Objects(bucket, part_bytes=5 * MIB)
    with pytest.raises(RuntimeError, match="source lost"):
        store.put("a", body())
    assert client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_a_large_object_is_copied_part_by_part(bucket: str) -> None:
    """With its type and metadata."""
    store = S3Objects(bucket, max_copy_bytes=5 * MIB)
    content = bytes(itertools.islice(itertools.cycle(range(251)), 11 * MIB))
    store.put("a", content, content_type="x/y", metadata={"n": "1"})
    etag = store.copy("a", "b")
    head = store.head("b")
    assert head is not None
    assert (head.etag, head.content_type, head.metadata) == (etag, "x/y", {"n": "1"})
    assert store.get("b") == content


def test_parts_grow_so_that_ten_thousand_are_enough() -> None:
    """All of them but the last of the size it should have, and nothing lost."""
    parts = list(_regrouped(iter([b"x" * 700] * 300), 10))
    assert sum(map(len, parts)) == 700 * 300
    assert {len(part) for part in parts[:1000]} == {10}
    assert {len(part) for part in parts[1000:2000]} == {20}
    assert len(parts) <= 6000


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of moto's server, which was written by others from the same documents."""
    log = tmp_path_factory.mktemp("moto") / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield wait_for(lambda: address_in(log), 60)
    finally:
        process.terminate()
        process.wait(10)


def address_in(log: Path) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
    if not found:
        return ""
    with urlopen(f"{found[0]}/moto-api/", timeout=10) as answer:
        return found[0] if answer.status == 200 else ""


@pytest.fixture
def elsewhere(second: str, stack: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Objects]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", second)
    client.cache_clear()
    client("s3").create_bucket(Bucket=f"{stack}-objects")
    yield S3Objects(f"{stack}-objects")
    client.cache_clear()


def test_a_second_emulator_agrees(elsewhere: S3Objects) -> None:
    """On absence, conditions, order, paging, copies and etags."""
    assert (elsewhere.get("a"), elsewhere.head("a"), elsewhere.page("")) == (None, None, [])
    with pytest.raises(NotFoundError):
        elsewhere.stream("a")
    first = elsewhere.put("a", b"1", create_only=True, metadata={"n": "1"})
    with pytest.raises(ConflictError):
        elsewhere.put("a", b"2", create_only=True)
    for key in ("a-b", "a/b", "b+c d&é"):
        elsewhere.put(key, b"x")
    assert elsewhere.copy("a", "copy") == first
    head = elsewhere.head("copy")
    assert head is not None
    assert (head.etag, head.metadata) == (first, {"n": "1"})
    assert [found.key for found in elsewhere.page("", after="a", limit=3)] == [
        "a-b", "a/b", "b+c d&é",
    ]  # fmt: skip
    elsewhere.delete("a/b")
    assert elsewhere.get("a/b") is None
