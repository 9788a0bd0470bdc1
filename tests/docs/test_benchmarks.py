"""The published figures: what a run of some benchmarks leaves, and what the README shows."""

from pathlib import Path

import pytest

from bench import publish
from bench.report import Results
from bench.row import Goal, absolute
from bench.rows import BENCHMARKS

ORDER = ["one", "two", "three", "four"]
PAGE = f"before\n{publish.BEGIN}\n{publish.END}\nafter\n"


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """An empty reference and README."""
    paths = tmp_path / "benchmarks.md", tmp_path / "README.md"
    for path, name in zip(paths, ("REFERENCE", "README"), strict=True):
        path.write_text(PAGE)
        monkeypatch.setattr(publish, name, path)
    return paths


def run(**rows: float) -> Results:
    """Of each benchmark a row with a note and one with a goal that 10 reaches."""
    found = []
    for name, value in rows.items():
        made = [absolute("plain, really", [value], "s", note=f"so {value}")]
        made.append(absolute("goal", [value], "s", Goal(10, "<=", " s")))
        for row in made:
            row.benchmark = name
        found += made
    return Results({"cores": "2"}, found)


def test_a_run_of_some_leaves_the_others(pages: tuple[Path, Path]) -> None:
    """Rows and notes of what was not run stay, in the order of the benchmarks; what has become of
    what was run is new, also where it could not be measured."""
    reference, readme = pages
    publish.publish(run(three=7, one=5), ORDER)
    later = run(two=11)
    later.skipped["three"] = "there is no wrk"
    publish.publish(later, ORDER)
    text = reference.read_text()
    assert [line for line in text.splitlines() if line[:2] in ("| ", "- ")][1:] == [
        "| one | plain, really | 5 s |  |  |  |  |",
        "| one | goal | 5 s |  |  | ≤ 10 s | ✓ |",
        "| two | plain, really | 11 s |  |  |  |  |",
        "| two | goal | 11 s |  |  | ≤ 10 s | ✗ |",
        "- one, plain, really: so 5",
        "- two, plain, really: so 11",
        "- three: not measured, there is no wrk",
    ]
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "Of an earlier run: one." in text
    shown = [line for line in readme.read_text().splitlines() if line[:2] == "| "][1:]
    assert [line[:12] for line in shown] == ["| one | goal", "| two | goal"]
    assert "Of 2 goals 1 are reached." in readme.read_text()


def test_every_benchmark_is_explained() -> None:
    """And nothing else is."""
    before = publish.REFERENCE.read_text().partition(publish.BEGIN)[0]
    table = before.partition("## What is measured")[2]
    explained = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(explained) == sorted(BENCHMARKS)
