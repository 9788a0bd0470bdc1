"""One function's folder: our modules it can reach, the packages it loads, their bytecode."""

import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

from msgspec import Struct

from infra.bundling.bytecode import compiled
from infra.bundling.closure import (
    PACKAGE,
    SOURCE,
    others,
    package_data,
    reachable,
    services,
    source_of,
)
from infra.bundling.distributions import Unpacked
from infra.bundling.errors import BundlingError
from infra.bundling.functions import IMPORTED_LATE, Function, function
from infra.bundling.loading import Loaded, loaded
from infra.bundling.remembering import remembered, sources
from infra.bundling.target import DEPLOYED, Arch, Target, host
from infra.bundling.wheels import ROOT, unpacked

BYTECODE = ROOT / "build" / "bytecode"
"""Of what is imported to find out: nineteen handlers import the same packages."""


class Contents(Struct):
    """What goes in: our modules, distributions by name, and services the SDK is to know."""

    modules: set[str]
    distributions: set[str]
    services: set[str]


def bundle(
    name: str, out_dir: Path, *, arch: Arch = DEPLOYED.arch, python: str = DEPLOYED.python
) -> Path:
    """Make the folder ``out_dir/name`` anew and return it; the same input gives the same bytes.

    Which packages are in it was found by importing the handler here, so this machine's packages
    are unpacked too. Bytecode goes along when this interpreter's is the target's: Lambda could
    not keep what it compiles. Raises ``BundlingError``.
    """
    wanted = contents(function(name))
    out_dir.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=out_dir, prefix=f".{name}-"))
    try:
        target = Target(arch, python)
        _copy_modules(wanted.modules, fresh, target)
        pack(fresh, target, wanted.distributions, wanted.services)
        fresh.chmod(0o755)
        return _put(fresh, out_dir / name)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def contents(wanted: Function) -> Contents:
    """What a function needs: what it loads when it is imported and opened, and what the modules
    it can reach import later, less what it never calls. Raises ``BundlingError`` when it cannot
    be imported."""
    return remembered(wanted.name, Contents, lambda: _contents(wanted))


def _contents(wanted: Function) -> Contents:
    packages = Unpacked(unpacked(host()))
    modules: set[str] = set()

    def imported_later(at_once: Loaded) -> set[str]:
        modules.update(_ours(at_once), reachable(wanted.module, *wanted.programs))
        later = {name for name in others(modules) if packages.of_module(name) not in wanted.without}
        owners = (packages.of_module(name) or "" for name in later)
        late = {name for owner in owners for name in IMPORTED_LATE.get(owner, ())}
        return {*later, *late, *wanted.programs}

    found = loaded(wanted.module, SOURCE, packages.folder, also=imported_later, bytecode=BYTECODE)
    owners = {packages.owner(Path(file)) for file in found.files.values() if file}
    distributions = {owner for owner in owners if owner} - wanted.without
    return Contents(modules, distributions, services(modules))


def _ours(found: Loaded) -> set[str]:
    return {name for name in found.files if name == PACKAGE or name.startswith(f"{PACKAGE}.")}


def pack(
    folder: Path, target: Target, distributions: Collection[str], services: Collection[str]
) -> None:
    """Put the needed files of these packages beside the code in a folder, and their bytecode if
    it can be made here. Raises ``BundlingError``."""
    packages = Unpacked(unpacked(target))
    for distribution in sorted(distributions):
        for file in _files(packages, distribution, services):
            _copy_with_bytecode(packages.folder, file, folder, target)


def size_bytes(folder: Path) -> int:
    """The sum of the sizes of all files below."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _copy_modules(modules: set[str], folder: Path, target: Target) -> None:
    kept = sources()
    for name in sorted(modules):
        source = source_of(name)
        if source is None:
            raise BundlingError(f"{name} has no source file")
        _copy_with_bytecode(kept, source.relative_to(SOURCE).as_posix(), folder, target)
        for data in package_data(source):
            _copy(data, folder / data.relative_to(SOURCE))


def _copy_with_bytecode(root: Path, file: str, folder: Path, target: Target) -> None:
    _share(root / file, folder / file)
    if target.has_host_python and file.endswith(".py"):
        bytecode = compiled(root / file, root)
        _share(bytecode, folder / bytecode.relative_to(root))


def _files(packages: Unpacked, name: str, services: Collection[str]) -> list[str]:
    try:
        return list(packages.needed(name, services))
    except KeyError:
        raise BundlingError(f"{name} is not in the lock") from None


def _copy(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, to)


def _share(source: Path, to: Path) -> None:
    """A file of the kept ones, which nobody changes: the same one under another name where the
    file system can do that."""
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        to.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, to)


def _put(fresh: Path, folder: Path) -> Path:
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    try:
        return fresh.rename(folder)
    except OSError:
        # Another process put its own there meanwhile: the same input, the same bytes.
        if not folder.is_dir():
            raise
        return folder
