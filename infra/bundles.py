"""Where the code of a function comes from."""

import shutil
from pathlib import Path

from infra.bundling import bundle
from infra.functions import READ_DEFINITIONS, functions_of
from infra.settings import DEPLOYED, StackSettings

HANDLERS = "tallybrook.entrypoints.lambdas"
PLACEHOLDER = Path(__file__).parent / "placeholder"
BUILD = Path("build/bundles")
WITH_DEFINITIONS = Path("build/with-definitions")


def handler_of(name: str) -> str:
    return f"{HANDLERS}.{name}.handler"


def folder_of(name: str, settings: StackSettings) -> Path:
    """The code of a function: its folder below ``settings.bundles`` (or that folder itself, the
    same for all), without one a placeholder that cannot run. Definitions of one's own lie in a
    copy, beside those that come with the product."""
    folder = settings.bundles or PLACEHOLDER
    own = folder / name
    code = own if own.is_dir() else folder
    if settings.definitions == DEPLOYED and name in READ_DEFINITIONS:
        return _with_definitions(code, WITH_DEFINITIONS / settings.stack / name, settings.entities)
    return code


def _with_definitions(code: Path, to: Path, definitions: str) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(code, to)
    place = to / "tallybrook/entities/data"
    place.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(definitions, place / f"{DEPLOYED}.toml")
    return to


def packed(settings: StackSettings) -> Path:
    """Pack every function for the chosen processor and Python; the folder that holds them."""
    folder = BUILD / f"{settings.arch}-{settings.python}"
    for spec in functions_of(settings):
        bundle(spec.name, folder, arch=settings.arch, python=settings.python)
    return folder
