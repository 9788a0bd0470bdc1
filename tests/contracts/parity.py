"""What a backend does not promise: strict expected failures, from which the parity page is made.

``@lacks("aws", "why")`` on a contract test: on that backend the test has to fail. Once it passes
the run fails, so that the page never claims a difference that is not there.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "_lacks"


def lacks(backend: str, reason: str) -> Callable[[F], F]:
    """Expect the test to fail on the backend. ``reason`` is a sentence for the parity page."""

    def mark(test: F) -> F:
        known: dict[str, str] = getattr(test, _MARK, {})
        setattr(test, _MARK, {**known, backend: reason})
        return test

    return mark


def differences(test: Any) -> dict[str, str]:
    """The backends that a test is expected to fail on, with the reasons."""
    return dict(getattr(test, _MARK, {}))


def expect(items: list[pytest.Item]) -> None:
    """Mark the collected tests. A backend is the id of one of a test's parameters."""
    for item in items:
        known = differences(getattr(item, "function", None))
        callspec = getattr(item, "callspec", None)
        if not known or callspec is None:
            continue
        chosen = set(callspec.id.split("-"))
        for backend in chosen & known.keys():
            item.add_marker(pytest.mark.xfail(reason=known[backend], strict=True))
