"""Pieces of Markdown."""

from collections.abc import Iterable, Sequence


def cell(value: object) -> str:
    """Text that stays inside its cell of a table."""
    return " ".join(str(value).split()).replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def code(value: object) -> str:
    return f"`{value}`"


def first_paragraph(doc: str | None) -> str:
    """The first paragraph of a docstring on one line, with Markdown's code marks."""
    text = (doc or "").strip().split("\n\n")[0]
    return " ".join(text.split()).replace("``", "`")
