"""``--publish``: the table into the reference, its first figures into the README.

A run of some benchmarks leaves the rows of the others as they are.
"""

from collections.abc import Iterable
from pathlib import Path

from bench.report import ROOT, Results, cells

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
README, REFERENCE = ROOT / "README.md", ROOT / "docs" / "reference" / "benchmarks.md"
_HEADING = [
    "| benchmark | what | Tallybrook | beside | ratio | goal | |",
    "|---|---|--:|---|--:|--:|---|",
]


def publish(results: Results, order: list[str]) -> None:
    """Fill both blocks anew; ``order`` has the names of all benchmarks."""
    rows, notes = merged(between(REFERENCE.read_text()), results, order)
    about = _about(results, rows)
    fill(REFERENCE, "\n".join([*about, "", *_HEADING, *rows, "", *notes]).strip())
    fill(README, "\n".join([*about, "", *_HEADING, *headlines(rows), "", _reached(rows)]))


def merged(before: str, results: Results, order: list[str]) -> tuple[list[str], list[str]]:
    """Lines of the table, and notes: of this run, and of benchmarks that were not asked for now
    those of the text before, in the order of the benchmarks."""
    measured = {row.benchmark for row in results.rows} | {*results.skipped, *results.failed}
    kept = [
        line
        for line in before.splitlines()
        if line[:2] in ("| ", "- ") and (name := name_of(line)) in order and name not in measured
    ]
    missing = {**results.skipped, **results.failed}
    lines = [
        *kept,
        *(f"| {' | '.join(cells(row))} |" for row in results.rows),
        *(f"- {name}: not measured, {why}" for name, why in missing.items()),
        *(f"- {row.benchmark}, {row.what}: {row.note}" for row in results.rows if row.note),
    ]
    lines.sort(key=lambda line: order.index(name_of(line)))
    return [line for line in lines if line[0] == "|"], [line for line in lines if line[0] == "-"]


def name_of(line: str) -> str:
    """The benchmark that a line of the table, or a note, is of."""
    return line[2:].replace(":", ",").replace(" |", ",").partition(",")[0]


def headlines(rows: Iterable[str]) -> list[str]:
    """Of each benchmark the first row that has a goal, else its first."""
    found: dict[str, str] = {}
    for row in rows:
        name = name_of(row)
        if name not in found or (_has_goal(row) and not _has_goal(found[name])):
            found[name] = row
    return list(found.values())


def _has_goal(row: str) -> bool:
    return "✓" in row or "✗" in row


def _reached(rows: list[str]) -> str:
    goals = [row for row in rows if _has_goal(row)]
    reached = sum("✓" in row for row in goals)
    return (
        f"Of {len(goals)} goals {reached} are reached. All rows, and how they are measured:"
        " [benchmarks](docs/reference/benchmarks.md)."
    )


def _about(results: Results, rows: list[str]) -> list[str]:
    about = ", ".join(f"{name} {text}" for name, text in results.about.items())
    told = f"Measured on: {about}. Absolute figures belong to that machine; compare ratios."
    measured = {row.benchmark for row in results.rows}
    earlier = [name for name in dict.fromkeys(map(name_of, rows)) if name not in measured]
    return [f"{told} Of an earlier run: {', '.join(earlier)}." if earlier else told]


def between(text: str) -> str:
    """What stands between the markers."""
    return text.partition(BEGIN)[2].partition(END)[0]


def fill(page: Path, text: str) -> None:
    """Put text between the markers of a page, in place of what is there."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RuntimeError(f"{page.name} has no {BEGIN} … {END}")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
