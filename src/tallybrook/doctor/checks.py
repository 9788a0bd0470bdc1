"""What a check says, and running many of them."""

from collections.abc import Callable, Iterable
from typing import Literal

from msgspec import Struct

from tallybrook.errors import TallybrookError

Status = Literal["ok", "warn", "fail"]


class Check(Struct, frozen=True):
    """One answer. ``fix`` says what to do and is "" when all is well.

    ``warn``: it works and deserves a look. ``fail``: it does not work, or will not for long.
    """

    name: str
    status: Status
    detail: str
    fix: str = ""


Answers = Iterable[Check]
Ask = Callable[[], Answers]


def ok(name: str, detail: str) -> Check:
    return Check(name, "ok", detail)


def warn(name: str, detail: str, fix: str) -> Check:
    return Check(name, "warn", detail, fix)


def fail(name: str, detail: str, fix: str) -> Check:
    return Check(name, "fail", detail, fix)


def run(asks: Iterable[tuple[str, str, Ask]]) -> list[Check]:
    """The answers of (name, what to do when it cannot even be asked, check), in order.

    One that cannot be asked fails with the reason, and the others are asked all the same.
    """
    found: list[Check] = []
    for name, fix, ask in asks:
        try:
            found += ask()
        except TallybrookError as error:
            found.append(fail(name, error.detail, fix))
        except OSError as error:
            found.append(fail(name, str(error), fix))
    return found


def failed(checks: Iterable[Check]) -> bool:
    """Whether any of them failed; warnings do not count."""
    return any(check.status == "fail" for check in checks)
