"""One line of the table, and what a benchmark is."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Literal

from msgspec import Struct


class Options(Struct, frozen=True):
    """``rounds`` of each side, alternating; ``seconds`` of load in a round; ``scratch`` is a
    directory that is deleted afterwards."""

    quick: bool
    rounds: int
    seconds: int
    scratch: Path


class Goal(Struct, frozen=True):
    """``value`` must be at most, or at least, ``limit``."""

    limit: float
    sense: Literal["<=", ">="]
    unit: str = ""

    def reached(self, value: float) -> bool:
        return value <= self.limit if self.sense == "<=" else value >= self.limit

    def __str__(self) -> str:
        sign = {"<=": "≤", ">=": "≥"}[self.sense]
        return f"{sign} {number(self.limit)}{self.unit}"


class Row(Struct, kw_only=True):
    """``value`` is what the goal is about: a ratio where there is a ``rival``, else ``ours``.

    ``rounds`` are the single measurements behind ``ours`` and ``rival``.
    """

    benchmark: str = ""
    what: str
    ours: float
    unit: str
    rival: float | None = None
    rival_name: str = ""
    value: float
    value_unit: str = ""
    goal: Goal | None = None
    note: str = ""
    rounds: dict[str, list[float]] = {}

    @property
    def reached(self) -> bool | None:
        return None if self.goal is None else self.goal.reached(self.value)


class Skipped(Exception):  # noqa: N818 (no error)
    """A benchmark that cannot be run here; the text says why."""


Benchmark = Callable[[Options], list[Row]]


def absolute(
    what: str, values: list[float], unit: str, goal: Goal | None = None, note: str = ""
) -> Row:
    """A row without a rival: the median of the rounds against an absolute goal."""
    found = median(values)
    return Row(
        what=what, ours=found, unit=unit, value=found, value_unit=unit, goal=goal, note=note,
        rounds={"ours": values},
    )  # fmt: skip


def beside(
    what: str,
    ours: list[float],
    unit: str,
    rival_name: str,
    rival: list[float],
    goal: Goal | None = None,
    note: str = "",
) -> Row:
    """A row with a rival: the ratio of the medians, ours to theirs."""
    return Row(
        what=what, ours=median(ours), unit=unit, rival=median(rival), rival_name=rival_name,
        value=median(ours) / median(rival), value_unit="×", goal=goal, note=note,
        rounds={"ours": ours, "rival": rival},
    )  # fmt: skip


def number(value: float) -> str:
    """Three figures, thousands apart."""
    size = abs(value)
    digits = 0 if size >= 100 or size == int(size) else 1 if size >= 10 else 2
    return f"{value:,.{digits}f}".replace(",", " ")
