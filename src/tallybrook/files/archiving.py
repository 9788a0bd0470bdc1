"""Out of the way, and nothing lost: copied, the copy read and compared, and only then removed."""

from tallybrook.errors import NotFoundError, StorageError
from tallybrook.files.opening import PIECE_BYTES, measured
from tallybrook.ports.objects import Objects


def copy(objects: Objects, key: str, digest: str, target: str) -> None:
    """Copy the content of this digest to ``target``, unless it is there. Raises ``StorageError``
    where the copy, read back in full, is not the content."""
    if is_copy(objects, target, digest):
        return
    try:
        objects.copy(key, target)
    except NotFoundError:
        raise StorageError("the file is gone before it was copied") from None
    if not is_copy(objects, target, digest):
        raise StorageError("the archived copy is not what was put; nothing is removed")


def is_copy(objects: Objects, key: str, digest: str) -> bool:
    """Whether an object has this very content; read in full."""
    try:
        return measured(objects.stream(key, PIECE_BYTES))[0] == digest
    except NotFoundError:
        return False


def remove(objects: Objects, key: str, etag: str) -> None:
    """Remove what was read, unless something else lies there by now."""
    head = objects.head(key)
    if head is not None and head.etag == etag:
        objects.delete(key)
