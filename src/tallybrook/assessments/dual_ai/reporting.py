"""The report of a window, as it is given back. Pure."""

from collections.abc import Callable

from tallybrook.assessments.agreement.trend import trend
from tallybrook.assessments.agreement.window import window
from tallybrook.assessments.dual_ai.reading import Held
from tallybrook.assessments.dual_ai.showing import ShownPoint, ShownWindow
from tallybrook.events.instants import format_instant


def shown_window(
    held: Held, start: int, end: int, start_of: Callable[[int], int] | None
) -> ShownWindow:
    """The report of the messages of a window; ``start_of`` gives the start of an instant's
    period."""
    covered = start if held.complete else held.measured[0].at
    points = None
    if start_of is not None:
        points = [
            ShownPoint(
                format_instant(one.start), one.messages, one.agreement, one.interval, one.icc
            )
            for one in trend(held.measured, start_of)
        ]
    return ShownWindow(
        format_instant(start), format_instant(end), held.complete, format_instant(covered),
        window(held.measured), points,
    )  # fmt: skip
