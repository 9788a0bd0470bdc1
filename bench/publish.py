"""``--publish``: the table into the README and the reference, between their markers."""

from pathlib import Path

from bench.report import ROOT, Results, cells
from bench.row import Row

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
PAGES = (ROOT / "README.md", ROOT / "docs" / "reference" / "benchmarks.md")


def publish(results: Results) -> None:
    """Write the block anew: the README has the rows with a goal, the reference has all."""
    readme, reference = PAGES
    fill(readme, block(results, [row for row in results.rows if row.goal]))
    fill(reference, block(results, results.rows, notes=True))


def block(results: Results, rows: list[Row], *, notes: bool = False) -> str:
    """Markdown: about the machine, the table, and what was not measured."""
    about = ", ".join(f"{name} {text}" for name, text in results.about.items())
    lines = [f"Measured on: {about}. Absolute figures belong to that machine; compare ratios.", ""]
    lines += ["| benchmark | what | Tallybrook | beside | ratio | goal | |"]
    lines += ["|---|---|--:|---|--:|--:|---|"]
    lines += [f"| {' | '.join(cells(row))} |" for row in rows]
    missing = {**results.skipped, **results.failed}
    lines += ["", *(f"- {name}: not measured, {why}" for name, why in missing.items())]
    if notes:
        lines += [f"- {row.benchmark}, {row.what}: {row.note}" for row in rows if row.note]
    return "\n".join(lines).strip()


def fill(page: Path, text: str) -> None:
    """Put text between the markers of a page, in place of what is there."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RuntimeError(f"{page.name} has no {BEGIN} … {END}")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
