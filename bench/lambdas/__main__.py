"""``python -m bench.lambdas [FUNCTION ...]``: measure the functions, beside a bare handler.

Emulated services on loopback, in a directory that is deleted afterwards. Exit code 1 when a
function could not be measured.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench import machine
from bench.lambdas import sizes, table
from bench.lambdas.bare import bare_bundle
from bench.lambdas.measuring import BundlingError, FunctionError, Plan, Result, measure, specs
from bench.lambdas.world import running_world
from infra.bundling import host


def main() -> int:
    """Measure what was asked for."""
    given = _arguments()
    about = machine.describe() | {"Python": host().python, "rounds": str(given.rounds)}
    results: list[Result] = []
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
        plan = Plan(given.rounds, given.warm, Path(scratch), sizes=not given.quick)
        bare = bare_bundle(plan.scratch / "bundles")
        with running_world(plan.scratch) as world:
            for spec in specs(given.functions):
                begun_s = time.monotonic()
                try:
                    results.append(measure(spec, world, bare, plan))
                except (BundlingError, FunctionError) as error:
                    failed[spec.name] = str(error).splitlines()[0]
                    print(f"{spec.name}: {error}", file=sys.stderr)
                took_s = time.monotonic() - begun_s
                print(f"{spec.name}: {took_s:.0f} s", file=sys.stderr, flush=True)
    print(table.markdown(results, failed, about))
    if given.publish:
        table.publish(results, failed, about)
        sizes.write([one.sizes for one in results if one.sizes is not None], about)
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.lambdas", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    names = [spec.name for spec in specs([])]
    parser.add_argument("functions", nargs="*", metavar="FUNCTION", help=f"of: {', '.join(names)}")
    parser.add_argument(
        "--quick", action="store_true", help="one round, one warm invocation, no sizes"
    )
    parser.add_argument("--rounds", type=int, help="starts of each (2; quick: 1)")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="put the table into the docs, and the runs at several sizes into the package",
    )
    given = parser.parse_args()
    unknown = [name for name in given.functions if name not in names]
    if unknown:
        parser.error(f"no function {', '.join(unknown)}; there are {', '.join(names)}")
    given.rounds = given.rounds or (1 if given.quick else 2)
    given.warm = 1 if given.quick else 5
    return given


if __name__ == "__main__":
    sys.exit(main())
