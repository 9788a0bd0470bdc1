"""What is told of assessments: results, standings and distributions. Pure, and light to load."""

from typing import Any, Literal, get_args

from msgspec import Struct

from tallybrook.assessments.norms import Normed
from tallybrook.assessments.validity import Validity

Status = Literal["received", "scored", "failed"]
GroupBy = Literal["industry", "role", "experience", "age_range", "region"]
GROUPS: tuple[GroupBy, ...] = get_args(GroupBy)


class Scored(Struct, frozen=True, kw_only=True):
    """One content of one assessment, scored. ``content`` is the digest of the anonymised object.

    What is null has a reason in ``reasons`` under its own name, as in ``scoring.Result``.
    ``norm_set`` and ``norms`` are null where norms do not apply.
    """

    assessment_id: str
    anonymous_user_id: str
    session_id: str
    content: str
    timestamp: str
    assessment_type: str
    version: str | None
    completion_time: int | None
    device: str | None
    platform: str | None
    age_range: str | None
    industry: str | None
    role: str | None
    experience: str | None
    region: str | None
    scoring_version: str
    scale: str
    scores: dict[str, Any]
    validity: Validity
    reasons: dict[str, str]
    norm_set: str | None
    norms: Normed | None
    dark_side_indicators: dict[str, float | None] | None


class Standing(Struct, frozen=True, kw_only=True):
    """How an assessment stands. ``timestamp`` and ``content`` are those of the content that
    counts, None before there is a score; ``received_at`` is in microseconds."""

    status: Status
    received_at: int
    timestamp: str = ""
    content: str | None = None
    reason: str | None = None
    failed_id: str | None = None


class Latest(Struct, frozen=True, kw_only=True):
    """The latest score of a person, as much as distributions need."""

    timestamp: str
    assessment_id: str
    content: str
    assessment_type: str
    age_range: str | None
    industry: str | None
    role: str | None
    experience: str | None
    region: str | None
    domains: dict[str, float | None]
    facets: dict[str, float | None]


class Spread(Struct):
    """One scale in one group. ``std_dev`` is the sample's; all null below k people."""

    people: int | None
    mean: float | None
    std_dev: float | None
    quantiles: dict[str, float | None]
    histogram: list[int | None]


class Group(Struct):
    """One group: the value that all in it have, null where nothing was said."""

    value: str | None
    people: int
    domains: dict[str, Spread]
    facets: dict[str, Spread]


class Distributions(Struct):
    """Groups in the order of their names. ``withheld`` counts those that are too small, or would
    give one of those away; ``complete`` is false where it is of a random sample of the people."""

    group_by: GroupBy
    assessment_type: str
    k: int
    complete: bool
    withheld: int
    groups: list[Group]
