"""``assessment_events`` and ``ocean_scores``: what was scored, under pseudonyms.

Both have a row for every event ``assessment_scored``, which is one for every content of an
assessment. Of several contents of one ``assessment_id`` the one with the latest ``timestamp``
counts, of those with the same the one with the greatest ``content``.
"""

from tallybrook.lake.tables.model import (
    ACCOUNT,
    DAY_TEXT,
    MONTH,
    SEQ,
    YEAR,
    Column,
    Partition,
    Person,
    Table,
)

EVENT_TYPE = "assessment_scored"

_WHO = (
    Column("anonymous_user_id", "VARCHAR", "Pseudonym of the person."),
    Column("session_id", "VARCHAR", "Pseudonym of the session."),
    Column("assessment_id", "VARCHAR", "Pseudonym of the assessment."),
    Column("timestamp", "TIMESTAMP", "When it was taken, to the hour (UTC)."),
    Column("version", "VARCHAR", "Version of the questionnaire."),
)
_GROUPS = (
    Column("age_range", "VARCHAR", "Age in bands: under-18, 18-20, … 61+."),
    Column("industry", "VARCHAR", "Industry, one of a list or other."),
    Column("role", "VARCHAR", "executive, senior-management, management, … contributor."),
    Column("experience", "VARCHAR", "Years of experience in bands: 0-2, 2-5, … 15+."),
    Column("region", "VARCHAR", "Continent, or a region of your own."),
)
_CONTENT = Column("content", "VARCHAR", "Digest of what was scored; a correction has another.")
_DOMAINS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
_KIND = "Inventory, for example ocean-120."

INVENTORIES = ("ocean-50", "ocean-120", "ocean-300")
"""What Athena looks for; DuckDB finds every one."""

INVENTORY = Partition("assessment_type", "VARCHAR", _KIND, "value", INVENTORIES)

ASSESSMENT_EVENTS = Table(
    name="assessment_events",
    description="One row for each assessment that was scored: who, where and how, without scores.",
    columns=(
        *_WHO,
        Column("completion_time", "BIGINT", "Seconds it took, in steps of ten."),
        Column("device", "VARCHAR", "desktop, mobile, tablet or other."),
        Column("platform", "VARCHAR", "android, api, ios, … web, windows or other."),
        *_GROUPS,
        _CONTENT,
        SEQ,
    ),
    partitions=(ACCOUNT, DAY_TEXT, INVENTORY),
    sort=("timestamp", "seq"),
    person=Person(("anonymous_user_id",), pseudonymous=True),
)

OCEAN_SCORES = Table(
    name="ocean_scores",
    description="One row for each assessment that was scored: domains, facets, validity. Null is"
    " what could not be scored.",
    columns=(
        *_WHO,
        Column("assessment_type", "VARCHAR", _KIND),
        Column("scoring_version", "VARCHAR", "Changes when the same answers get other numbers."),
        *(Column(name, "DOUBLE", f"{name.capitalize()}, 0 to 100.") for name in _DOMAINS),
        Column("consistency", "DOUBLE", "Even-odd reliability, 0 to 1."),
        Column("completeness", "DOUBLE", "Share of the items that were answered, 0 to 1."),
        Column(
            "facets",
            "MAP(VARCHAR, STRUCT(score DOUBLE, responses INTEGER, std_dev DOUBLE))",
            "By facet: score and std_dev (0 to 100), responses (answered items).",
        ),
        Column(
            "dark_side_indicators",
            "MAP(VARCHAR, DOUBLE)",
            "By name, 0 to 100; null unless turned on. No diagnosis.",
        ),
        *_GROUPS,
        _CONTENT,
        SEQ,
    ),
    partitions=(ACCOUNT, YEAR, MONTH),
    sort=("assessment_type", "timestamp", "seq"),
    person=Person(("anonymous_user_id",), pseudonymous=True),
)
