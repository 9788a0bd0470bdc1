"""docs/reference/parity.md from the contract suites and their strict expected failures."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.contracts.parity import differences
from tools.pages.markdown import table

SUITES = Path(__file__).resolve().parents[2] / "tests" / "contracts"
INTRO = """# Parity: embedded and AWS

Each port has one contract, in the words of its docstring, and one suite of tests that runs on every
backend. What a backend does not promise is a test that is expected to fail there, strictly: if it
ever passes, the run fails until the line below is gone. So this page lists what differs, and no
other promise does.

The services are emulated ones (see [AWS in the tests](../concepts/aws-emulator.md)); what only a
real account can show is listed there too.

"""


class Suite(Struct):
    """One contract: the port it is of, its tests, and which of them differ and why."""

    port: str
    promises: list[str]
    different: list[tuple[str, str, str]]


def suites() -> Iterator[Suite]:
    for path in sorted(SUITES.glob("test_*.py")):
        module = importlib.import_module(f"tests.contracts.{path.stem}")
        tests = [found for name, found in vars(module).items() if name.startswith("test_")]
        yield Suite(
            path.stem.removeprefix("test_").replace("_", " "),
            [_promise(test) for test in tests],
            [
                (_promise(test), backend, reason)
                for test in tests
                for backend, reason in differences(test).items()
            ],
        )


def _promise(test: Callable[..., Any]) -> str:
    """A test's docstring on one line."""
    return " ".join((inspect.getdoc(test) or test.__name__.replace("_", " ")).split())


def page() -> str:
    found = list(suites())
    counts = table(
        ["contract", "promises tested", "not kept somewhere"],
        [(suite.port, len(suite.promises), len(suite.different)) for suite in found],
    )
    parts = [INTRO, counts, "\n"]
    for suite in found:
        if suite.different:
            parts.append(f"\n## {suite.port.capitalize()}\n\n")
            parts.append(table(["promise", "backend", "instead"], suite.different))
            parts.append("\n")
    return "".join(parts)
