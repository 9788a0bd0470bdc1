"""``python -m infra.bundling --out DIR``: every function's folder and archive, and their sizes."""

import argparse
import sys
from pathlib import Path

from infra.bundling import DEPLOYED, FUNCTIONS, BundlingError, bundle, size_bytes, zip_bundle


def main() -> int:
    """Make them; 1 when one cannot be made."""
    given = _arguments()
    _say(f"{'function':<12}{'unzipped MB':>12}{'zipped MB':>12}")
    for name in given.functions or [known.name for known in FUNCTIONS]:
        try:
            folder = bundle(name, given.out, arch=given.arch, python=given.python)
        except BundlingError as error:
            sys.stderr.write(f"bundling: {name}: {error}\n")
            return 1
        archive = zip_bundle(folder, given.out / f"{name}.zip")
        unzipped, zipped = size_bytes(folder) / 1e6, archive.stat().st_size / 1e6
        _say(f"{name:<12}{unzipped:>12.1f}{zipped:>12.1f}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="infra.bundling", description=__doc__)
    parser.add_argument("functions", nargs="*", metavar="FUNCTION", help="default: all")
    parser.add_argument("--out", type=Path, required=True, help="folder to make them in")
    parser.add_argument("--arch", choices=("arm64", "x86_64"), default=DEPLOYED.arch)
    parser.add_argument("--python", default=DEPLOYED.python, help=f"default {DEPLOYED.python}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
