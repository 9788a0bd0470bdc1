"""From an anonymised assessment to its result. Pure.

Everything is made from the anonymised object alone, so the same object has the same bytes
everywhere.
"""

import msgspec
from msgspec import UNSET

from tallybrook.assessments import norms, scoring
from tallybrook.assessments.anonymising import AnonymisedAssessment, digest, encode, to_score
from tallybrook.assessments.flow.shapes import Latest, Scored
from tallybrook.assessments.inventories import Inventory

NO_NORMS = "norms need the gender, which is dropped before scoring"
NO_GROUP = "norms need the gender (female or male) and the age, and one of them was not given"


def calculate(
    assessment: AnonymisedAssessment, inventory: Inventory, *, with_indicators: bool = False
) -> Scored:
    """The score of an anonymised assessment. Raises ``InvalidError`` for answers that cannot be
    used."""
    result = scoring.score(to_score(assessment), inventory, with_indicators=with_indicators)
    reasons = dict(result.reasons)
    if reasons.get("norms") == norms.NEEDED:
        reasons["norms"] = NO_NORMS if assessment.sex is UNSET else NO_GROUP
    columns = {
        name: value
        for name, value in msgspec.structs.asdict(assessment).items()
        if name not in ("responses", "scale", "sex")
    }
    return Scored(
        **columns,
        content=digest(encode(assessment)),
        scoring_version=result.scoring_version,
        scale=result.scale,
        scores=result.scores,
        validity=result.validity,
        reasons=reasons,
        norm_set=result.norms.norm_set if result.norms else None,
        norms=result.norms,
        dark_side_indicators=result.dark_side_indicators,
    )


def canonical(scored: Scored) -> bytes:
    """JSON; the same score has the same bytes."""
    return msgspec.json.encode(scored)


def latest_of(scored: Scored, inventory: Inventory) -> Latest:
    """What is remembered of a person whose latest score this is."""
    facets = {name: facet.score for name, facet in scored.scores["facets"].items()}
    domains = {name: scored.scores[name] for name in inventory.domains}
    return Latest(
        timestamp=scored.timestamp, assessment_id=scored.assessment_id, content=scored.content,
        assessment_type=scored.assessment_type, age_range=scored.age_range,
        industry=scored.industry, role=scored.role, experience=scored.experience,
        region=scored.region, domains=domains, facets=facets,
    )  # fmt: skip
