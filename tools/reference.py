"""Writes the generated documents from the code: `make docs`.

python tools/reference.py           writes docs/reference/*.md and the index of decisions
python tools/reference.py --check   changes nothing; exit code 1 and the names of stale pages
"""

import difflib
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from tools.pages import (  # noqa: E402
    cli,
    costs,
    decisions,
    errors,
    http,
    metrics,
    parity,
    settings,
    tables,
)

REFERENCE = ROOT / "docs" / "reference"
HEADER = "<!-- Generated from the code by `make docs`; changes here are lost. -->\n\n"

PAGES: dict[Path, Callable[[], str]] = {
    REFERENCE / "cli.md": lambda: HEADER + cli.page(),
    REFERENCE / "costs.md": lambda: HEADER + costs.page(),
    REFERENCE / "http.md": lambda: HEADER + http.page(),
    REFERENCE / "settings.md": lambda: HEADER + settings.page(),
    REFERENCE / "metrics.md": lambda: HEADER + metrics.page(),
    REFERENCE / "errors.md": lambda: HEADER + errors.page(),
    REFERENCE / "parity.md": lambda: HEADER + parity.page(),
    REFERENCE / "tables.md": lambda: HEADER + tables.page(),
    decisions.INDEX: decisions.page,
}


def stale(path: Path, text: str) -> str:
    """The difference between a page on disk and what the code says, "" when there is none."""
    old = path.read_text("utf-8") if path.exists() else ""
    name = str(path.relative_to(ROOT))
    lines = difflib.unified_diff(
        old.splitlines(), text.splitlines(), name, "the code", lineterm="", n=1
    )
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    check = "--check" in arguments
    status = 0
    for path, make in PAGES.items():
        text = make().rstrip() + "\n"
        difference = stale(path, text)
        if not difference:
            continue
        if check:
            print(f"{difference}\n\nstale; run: make docs\n")
            status = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
