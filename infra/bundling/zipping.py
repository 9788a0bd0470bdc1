"""The same folder, the same archive: a function that did not change is not deployed again."""

import hashlib
import zipfile
from pathlib import Path

_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16


def zip_bundle(folder: Path, file: Path, level: int = 6) -> Path:
    """Pack a folder: names sorted, one time and one mode for all, compressed at ``level``
    (0, as it is, to 9). Returns ``file``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    method = zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w") as archive:
        for name, path in _files(folder):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = method
            entry.external_attr = _MODE
            archive.writestr(entry, path.read_bytes(), compresslevel=level)
    return file


def digest(folder: Path) -> str:
    """SHA-256 over every name and content below, as hex."""
    total = hashlib.sha256()
    for name, path in _files(folder):
        total.update(f"{name}\0{path.stat().st_size}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def _files(folder: Path) -> list[tuple[str, Path]]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted((path.relative_to(folder).as_posix(), path) for path in found)
