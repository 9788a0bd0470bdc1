"""Raw assessments in the form that ``POST /assessments`` takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from tallybrook.client.calls import Moment, text_of

Answer = float | str | None


def new_assessment(
    user_id: str, assessment_id: str, answers: Sequence[Answer] | Mapping[str | int, Answer],
    timestamp: Moment, *, assessment_type: str = "ocean-120", **fields: Any,
) -> dict[str, Any]:  # fmt: skip
    """A raw assessment. ``answers`` are in the order of the inventory, or by item; None is an item
    without an answer. ``fields`` are further ones as they are called there (``scale``,
    ``demographics``, ``completionTime``, ``metadata``)."""
    named = answers if isinstance(answers, Mapping) else dict(enumerate(answers, 1))
    return {
        "userId": user_id,
        "assessmentId": assessment_id,
        "assessmentType": assessment_type,
        "timestamp": text_of(timestamp),
        "responses": [
            {"questionId": str(item), "answer": answer} for item, answer in named.items()
        ],
        **fields,
    }
