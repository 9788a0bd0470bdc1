"""The index of decisions, inside docs/decisions/README.md."""

from pathlib import Path

INDEX = Path(__file__).resolve().parents[2] / "docs" / "decisions" / "README.md"
BEGIN, END = "<!-- decisions:begin -->\n", "<!-- decisions:end -->\n"


def entry(decision: Path) -> str:
    title = decision.read_text("utf-8").splitlines()[0].removeprefix("# ")
    return f"- [{title}]({decision.name})\n"


def page() -> str:
    before, _, rest = INDEX.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    entries = "".join(entry(decision) for decision in sorted(INDEX.parent.glob("[0-9]*.md")))
    return before + BEGIN + entries + END + after
