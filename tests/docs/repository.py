"""The files of the repository, as git sees them, for the tests of the documents."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def files() -> list[Path]:
    """Everything that is or would be committed, absolute; the folder's files outside of git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if ".venv" not in path.parts]
    return sorted(path for path in set(found) if path.is_file())


def pages() -> list[Path]:
    """Every Markdown page that is ours."""
    return [path for path in files() if path.suffix == ".md" and "vendor" not in path.parts]


def fences(page: Path, language: str) -> list[str]:
    """The code blocks of one language in a page."""
    return [code for lang, code in _FENCE.findall(page.read_text("utf-8")) if lang == language]


def without_fences(page: Path) -> str:
    return _FENCE.sub("", page.read_text("utf-8"))
