"""Secrets in files of a directory, mode 0600: one a secret, named after it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tallybrook.errors import StorageError
from tallybrook.ports.secrets import Cache, check_name, check_value


class FileSecrets:
    """``ports.secrets.Secrets`` over a directory, which is made if it is not there."""

    def __init__(self, folder: Path, cache: Cache | None = None) -> None:
        self._folder = folder
        self._cache = cache or Cache()
        with _disk("open the secrets"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def get(self, name: str, *, fresh: bool = False) -> str | None:
        check_name(name)
        held = None if fresh else self._cache.get(name)
        if held is not None:
            return held
        with _disk(f"read the secret {name}"):
            try:
                value = (self._folder / name).read_text("utf-8")
            except FileNotFoundError:
                return None
        return self._cache.keep(name, value)

    def create(self, name: str, make: Callable[[], str]) -> str:
        found = self.get(name, fresh=True)
        if found is not None:
            return found
        with self._written(name, check_value(make())) as fresh, suppress(FileExistsError):
            # A hard link is made whole or not at all, and never over another.
            os.link(fresh, self._folder / name)
        created = self.get(name, fresh=True)
        if created is None:
            raise StorageError(f"the secret {name} went away while it was made")
        return created

    def put(self, name: str, value: str) -> None:
        with self._written(name, check_value(value)) as fresh:
            fresh.replace(self._folder / check_name(name))
        self._cache.keep(name, value)

    @contextmanager
    def _written(self, name: str, value: str) -> Iterator[Path]:
        """The value in a synced file under a name of its own; afterwards the folder is synced."""
        # Begins as no name of a secret does.
        fresh = self._folder / f".{check_name(name)[:64]}.{os.urandom(8).hex()}"
        with _disk(f"write the secret {name}"):
            try:
                fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with os.fdopen(fd, "wb") as file:
                    file.write(value.encode())
                    file.flush()
                    os.fsync(file.fileno())
                yield fresh
            finally:
                fresh.unlink(missing_ok=True)
            _sync(self._folder)


@contextmanager
def _disk(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{doing}: {error.strerror or error}") from error


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
