"""Objects in a directory: what people and crashes do to its files."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tallybrook.errors import ConflictError, StorageError
from tallybrook.ports.objects import Objects, everything
from tallybrook.ports.objects import local as local_module
from tallybrook.ports.objects.local import LocalObjects


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def objects(root: Path) -> LocalObjects:
    return LocalObjects(root)


def keys(objects: Objects) -> list[str]:
    return [found.key for found in everything(objects)]


def test_a_file_that_somebody_dropped_in_is_an_object(objects: LocalObjects, root: Path) -> None:
    """With an etag of its content, the same as if it had been put."""
    (root / "raw").mkdir()
    (root / "raw" / "a.csv").write_bytes(b"dropped")
    found = objects.page("raw/")
    assert [(one.key, one.size_bytes) for one in found] == [("raw/a.csv", 7)]
    head = objects.head("raw/a.csv")
    assert head is not None
    assert (head.etag, head.metadata) == (objects.put("b", b"dropped"), {})
    assert objects.get("raw/a.csv") == b"dropped"
    with pytest.raises(ConflictError):
        objects.put("raw/a.csv", b"x", create_only=True)
    objects.put("raw/a.csv", b"x", if_match=head.etag)
    assert objects.get("raw/a.csv") == b"x"


def test_a_file_that_somebody_changed_is_another_object(objects: LocalObjects, root: Path) -> None:
    """The metadata of the old content is not taken for that of the new."""
    etag = objects.put("a", b"mine", metadata={"n": "1"})
    (root / "a.new").write_bytes(b"other")
    (root / "a.new").replace(root / "a")
    head = objects.head("a")
    assert head is not None
    assert (head.size_bytes, head.etag != etag, head.metadata) == (5, True, {})
    with pytest.raises(ConflictError):
        objects.put("a", b"x", if_match=etag)


def test_links_lead_nowhere(objects: LocalObjects, root: Path, tmp_path: Path) -> None:
    """Neither a file nor a folder outside can be read, listed, written or removed through one."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    assert keys(objects) == []
    for key in ("folder/secret", "file"):
        assert objects.get(key) is None
        assert objects.head(key) is None
    with pytest.raises(ConflictError):
        objects.put("folder/new", b"x")
    objects.delete("folder/secret")
    objects.put("file", b"mine")
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("secret", "x")]
    assert objects.get("file") == b"mine"


def test_what_is_no_file_is_no_object(objects: LocalObjects, root: Path) -> None:
    """Folders, pipes, names that are not text, and the store's own records."""
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff")).write_text("x")
    assert keys(objects) == []
    assert (objects.get("folder"), objects.get("pipe")) == (None, None)


def crash(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("at", ["replace", "sync"])
def test_a_put_that_is_cut_off_is_whole_or_not_at_all(
    objects: LocalObjects, root: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the rename the old object stands with its metadata; after it, the new with its own."""
    objects.put("a", b"old", metadata={"n": "1"})
    with monkeypatch.context() as patched:
        patched.setattr(local_module, at, crash)
        with pytest.raises(KeyboardInterrupt):
            objects.put("a", b"new", metadata={"n": "2"})
    head = LocalObjects(root).head("a")
    assert head is not None
    whole = {"replace": (b"old", {"n": "1"}), "sync": (b"new", {"n": "2"})}[at]
    assert (objects.get("a"), head.metadata) == whole
    objects.put("a", b"next")
    assert sum(1 for path in (root / ".tallybrook" / "about").rglob("*") if path.is_file()) == 1


def test_what_a_killed_put_left_is_swept_some_time(objects: LocalObjects, root: Path) -> None:
    """A day later; a younger file may be somebody's put."""
    for name, age_s in (("old", 100_000), ("young", 10)):
        left = root / ".tallybrook" / "new" / name
        left.write_bytes(b"x")
        when = left.stat().st_mtime - age_s
        os.utime(left, (when, when))
    LocalObjects(root)
    assert [path.name for path in (root / ".tallybrook" / "new").iterdir()] == ["young"]


def test_a_stream_goes_on_with_the_version_it_began_with(objects: LocalObjects) -> None:
    """Whatever happens to the key meanwhile."""
    objects.put("a", b"old" * 1000)
    reading = objects.stream("a", 1000)
    first = next(reading)
    objects.put("a", b"new")
    objects.delete("a")
    assert b"".join([first, *reading]) == b"old" * 1000


def test_a_disk_that_refuses_is_told(
    objects: LocalObjects, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same call may succeed later; nothing was changed, nothing is left."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    def body() -> Iterator[bytes]:
        yield b"x"

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        for content in (b"x", body()):
            with pytest.raises(StorageError, match="No space left"):
                objects.put("a", content)
    assert objects.get("a") is None
    assert list((root / ".tallybrook" / "new").iterdir()) == []
