"""The table on the screen and ``bench-results/latest.json``."""

import time
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.row import Row, number

ROOT = Path(__file__).parent.parent
LATEST = ROOT / "bench-results" / "latest.json"


class Results(Struct):
    """Everything one run found."""

    about: dict[str, str]
    rows: list[Row]
    skipped: dict[str, str] = {}
    failed: dict[str, str] = {}


def show(results: Results) -> None:
    """Print the table."""
    table = Table(title=", ".join(f"{name}: {text}" for name, text in results.about.items()))
    for name, justify in (
        ("benchmark", "left"), ("what", "left"), ("Tallybrook", "right"), ("beside", "left"),
        ("ratio", "right"), ("goal", "right"), ("", "left"),
    ):  # fmt: skip
        table.add_column(name, justify="right" if justify == "right" else "left")
    for row in results.rows:
        table.add_row(*cells(row))
    console = Console(width=None if Console().is_terminal else 150)
    console.print(table)
    for row in results.rows:
        if row.note:
            console.print(f"{row.benchmark}, {row.what}: {row.note}")
    for name, reason in results.skipped.items():
        console.print(f"{name} skipped: {reason}")
    for name, reason in results.failed.items():
        console.print(f"{name} FAILED: {reason}")


def cells(row: Row) -> tuple[str, ...]:
    """A row as text."""
    rival = "" if row.rival is None else f"{row.rival_name}: {number(row.rival)} {row.unit}"
    ratio = "" if row.rival is None else f"{number(row.value)}×"
    goal = "" if row.goal is None else str(row.goal)
    mark = {None: "", True: "✓", False: "✗"}[row.reached]
    return row.benchmark, row.what, f"{number(row.ours)} {row.unit}", rival, ratio, goal, mark


def write(results: Results) -> None:
    """Write the JSON file, whole."""
    LATEST.parent.mkdir(exist_ok=True)
    document = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "about": results.about,
        "rows": [msgspec.to_builtins(row) | {"reached": row.reached} for row in results.rows],
        "skipped": results.skipped,
        "failed": results.failed,
    }
    fresh = LATEST.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2))
    fresh.replace(LATEST)
