"""What reports over many messages hold. Pure."""

from msgspec import Struct

Interval = tuple[float, float]


class Series(Struct, frozen=True):
    """Statistics of scores that both gave: ``missing`` lack one. Null where not defined, and then
    ``reasons`` says why; ``intervals`` are 95 %."""

    pairs: int
    missing: int
    statistics: dict[str, float | None]
    intervals: dict[str, Interval | None]
    reasons: dict[str, str]


class Mean(Struct, frozen=True):
    """The mean over the ``known`` messages that define it."""

    value: float | None
    interval: Interval | None
    known: int
    reason: str | None = None


class Share(Struct, frozen=True):
    """``count`` of the ``known``."""

    value: float | None
    count: int
    known: int
    reason: str | None = None


class Total(Struct, frozen=True):
    """The sum over the ``known`` messages that define it."""

    value: float | None
    known: int
    reason: str | None = None


class Window(Struct, frozen=True):
    """``overall`` takes the five domains together. ``calibration`` judges confidences by whether
    the message stayed within the limit of disagreement."""

    messages: int
    overall: Series
    dimensions: dict[str, Series]
    means: dict[str, Mean]
    high_disagreement: Share
    sla_met: Share
    cost_usd: Total
    tokens: Total
    calibration: dict[str, float | None]
    calibration_reasons: dict[str, str]
    resamples: int


class Point(Struct, frozen=True):
    """A period with messages in it, which starts at ``start`` (µs). ``agreement`` is their mean,
    its 95 % interval Student's; null where it takes more messages that define it."""

    start: int
    messages: int
    agreement: float | None
    interval: tuple[float, float] | None
    icc: float | None
