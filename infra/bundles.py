"""Where the code of a function comes from."""

from pathlib import Path

from infra.bundling import bundle
from infra.functions import functions_of
from infra.settings import StackSettings

HANDLERS = "tallybrook.entrypoints.lambdas"
PLACEHOLDER = Path(__file__).parent / "placeholder"
BUILD = Path("build/bundles")


def handler_of(name: str) -> str:
    return f"{HANDLERS}.{name}.handler"


def folder_of(name: str, settings: StackSettings) -> Path:
    """The code of a function: its folder below ``settings.bundles`` (or that folder itself, the
    same for all), without one a placeholder that cannot run."""
    folder = settings.bundles or PLACEHOLDER
    own = folder / name
    return own if own.is_dir() else folder


def packed(settings: StackSettings) -> Path:
    """Pack every function for the chosen processor and Python; the folder that holds them."""
    folder = BUILD / f"{settings.arch}-{settings.python}"
    for spec in functions_of(settings):
        bundle(spec.name, folder, arch=settings.arch, python=settings.python)
    return folder
