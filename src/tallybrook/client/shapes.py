"""What calls answer with. Keys that are not here are passed over: a newer product may send more."""

from typing import Any, Literal

from msgspec import Struct

from tallybrook.client.replies import with_faults
from tallybrook.errors import FieldError


class FacetScore(Struct, frozen=True):
    """``score`` from 0 to 100; ``std_dev`` of the keyed answers in the same units."""

    score: float | None
    responses: int
    std_dev: float | None


class Scores(Struct, frozen=True, kw_only=True):
    """Domains from 0 to 100, completeness and consistency from 0 to 1; None has a reason."""

    openness: float | None = None
    conscientiousness: float | None = None
    extraversion: float | None = None
    agreeableness: float | None = None
    neuroticism: float | None = None
    completeness: float | None = None
    consistency: float | None = None
    facets: dict[str, FacetScore] = {}


class Standing(Struct, frozen=True, kw_only=True):
    """A scale against its norm group. An interval holds the true value with 95 %; None where the
    scale's reliability is not known."""

    t: float
    percentile: float
    t_interval: tuple[float, float] | None = None
    percentile_interval: tuple[float, float] | None = None


class Norms(Struct, frozen=True, kw_only=True):
    """Every scale held against people of the same sex and age."""

    norm_set: str
    group: str
    scales: dict[str, Standing] = {}


class OceanScores(Struct, frozen=True, kw_only=True):
    """One scored assessment. ``reasons`` says of what is None why, under its name.

    Who it is of is a pseudonym; ``timestamp`` is the hour, RFC 3339.
    """

    assessment_id: str
    anonymous_user_id: str
    timestamp: str
    assessment_type: str
    scores: Scores
    scoring_version: str
    reasons: dict[str, str] = {}
    validity: dict[str, Any] = {}
    norms: Norms | None = None
    dark_side_indicators: dict[str, float | None] | None = None


class Taken(Struct, frozen=True, kw_only=True):
    """An assessment that was taken in; ``assessment_id`` is its pseudonym."""

    status: Literal["accepted", "duplicate"]
    assessment_id: str


class AssessmentStatus(Struct, frozen=True, kw_only=True):
    """How an assessment stands."""

    assessment_id: str
    status: Literal["received", "scored", "failed"]
    result: OceanScores | None = None
    reason: str | None = None
    failed_id: str | None = None


class AssessmentOutcome(Struct, frozen=True, kw_only=True):
    """What became of one assessment of a batch, ``index`` counting from 0 in its order.

    ``rejected`` was not taken in, ``failed`` was and could not be scored (``reason`` says why),
    ``received`` was not scored within the time that was given; asking again later finds it.
    """

    index: int
    status: Literal["scored", "failed", "rejected", "received"]
    assessment_id: str | None = None
    result: OceanScores | None = None
    reason: str | None = None


class Fault(Struct, frozen=True):
    """Why one item of a batch was rejected; ``failed_id`` names the failed record that keeps it."""

    detail: str
    failed_id: str = ""
    errors: list[FieldError] = []


class Item(Struct, frozen=True, kw_only=True):
    """What became of one item of a batch."""

    index: int
    status: Literal["accepted", "duplicate", "rejected"]
    event_id: str | None = None
    assessment_id: str | None = None
    error: Fault | None = None

    @property
    def why(self) -> str:
        """What is wrong with a rejected item, every field of it."""
        if self.error is None:
            return "rejected without a reason"
        return with_faults(self.error.detail, self.error.errors)


class Batch(Struct, frozen=True, kw_only=True):
    """``accepted + duplicate + rejected`` items were received."""

    accepted: int
    duplicate: int
    rejected: int
    results: list[Item]


class RangeCount(Struct, frozen=True, kw_only=True):
    """How many of a series lie in ``[counted_start, counted_end)``: whole minutes of what was
    asked for."""

    series: str
    kind: str
    count: int
    start: str
    end: str
    counted_start: str
    counted_end: str


class Point(Struct, frozen=True, kw_only=True):
    """One period of a metric; ``complete`` when it has ended."""

    start: str
    value: float | int | None
    complete: bool


class Analytics(Struct, frozen=True, kw_only=True):
    """A metric over ``[start, end)``; None where nothing defines it."""

    metric: str
    start: str
    end: str
    group_by: str
    total: float | int | None
    series: list[Point]


class Column(Struct, frozen=True):
    name: str
    type: str


class QueryResult(Struct, frozen=True, kw_only=True):
    """Rows in the order of the statement, cells in the order of the columns."""

    execution_id: str
    columns: list[Column]
    rows: list[list[Any]]
    metadata: dict[str, Any]

    def records(self) -> list[dict[str, Any]]:
        """Each row by the names of its columns."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]
