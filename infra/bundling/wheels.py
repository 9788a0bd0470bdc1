"""The locked packages of a target, unpacked once and kept."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.bundling.errors import BundlingError
from infra.bundling.target import Target
from tools.pip_settings import pip_settings, uv_settings

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "aws.txt"
KEPT = ROOT / "build" / "wheels"


def unpacked(target: Target) -> Path:
    """The folder with every package of the lock for the target; made when it is not there.

    Wheels only, and each must have the lock's hash. Raises ``BundlingError`` when one cannot be
    had. Several processes may ask at once: the first to finish wins.
    """
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    folder = KEPT / f"{target}-{lock}"
    if not folder.is_dir():
        KEPT.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=KEPT, prefix=".new-"))
        try:
            _install(target, fresh)
            renamed(fresh, folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return folder


def renamed(fresh: Path, folder: Path) -> None:
    """Give a folder its name, unless another process was first."""
    try:
        fresh.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _install(target: Target, folder: Path) -> None:
    tool = Path(sys.executable).parent / "uv"
    if not tool.exists():
        raise BundlingError(f"{tool} is missing: run `make setup`")
    command = [
        str(tool), "pip", "install", "--quiet", "--target", str(folder),
        "--python", sys.executable, "--python-platform", target.platform,
        "--python-version", target.python, "--only-binary", ":all:", "--no-deps",
        "--require-hashes", "--link-mode", "copy", "-r", str(LOCK),
    ]  # fmt: skip
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True)
    if done.returncode:
        raise BundlingError(f"packages for {target}: {done.stderr.strip()}")


def _environment() -> dict[str, str]:
    """uv's settings taken over from pip, as ``make setup`` does."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    return {**os.environ, **uv_settings(pip_settings(listing), frozenset(os.environ))}
