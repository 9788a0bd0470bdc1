"""``python -m bench [ROW ...]``: measure, print a table, write ``bench-results/latest.json``.

Everything runs on loopback, in a directory that is deleted afterwards, for a bounded time.
"""

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path

from bench import machine, profile, publish, report
from bench.row import Options, Row, Skipped
from bench.rows import BENCHMARKS


def main() -> int:
    """Run what was asked for; 1 when a benchmark failed."""
    given = _arguments()
    if given.rows == ["profile"]:
        return profile.main(given.seconds or 5)
    names = given.rows or list(BENCHMARKS)
    about = machine.describe() | {"mode": "quick" if given.quick else "full"}
    found, skipped, failed = _run(names, given)
    results = report.Results(about, found, skipped, failed)
    report.show(results)
    report.write(results)
    if given.publish:
        publish.publish(results, list(BENCHMARKS))
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*BENCHMARKS, "profile"]
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="less data, one short round")
    parser.add_argument("--rounds", type=int, help="rounds of each side (3; quick: 1)")
    parser.add_argument("--seconds", type=int, help="seconds of load in a round (6; quick: 3)")
    parser.add_argument("--publish", action="store_true", help="put the table into the docs")
    given = parser.parse_args()
    unknown = [name for name in given.rows if name not in names]
    if unknown:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(names)}")
    return given


def _run(
    names: list[str], given: argparse.Namespace
) -> tuple[list[Row], dict[str, str], dict[str, str]]:
    """The rows, and of the benchmarks that gave none the reason."""
    rounds = given.rounds or (1 if given.quick else 3)
    seconds = given.seconds or (3 if given.quick else 6)
    found: list[Row] = []
    skipped: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name in names:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
            options = Options(given.quick, rounds, seconds, Path(scratch))
            try:
                rows = BENCHMARKS[name](options)
            except Skipped as reason:
                skipped[name] = str(reason)
                rows = []
            except Exception as error:  # noqa: BLE001 (one that fails must not cost the others)
                traceback.print_exc()
                failed[name] = f"{type(error).__name__}: {error}"
                rows = []
        for row in rows:
            row.benchmark = name
        found += rows
        print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return found, skipped, failed


if __name__ == "__main__":
    sys.exit(main())
