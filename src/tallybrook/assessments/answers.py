"""From an assessment as it comes to keyed answers: every answer known, on one scale, once."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tallybrook.assessments.inventories import Inventory, Item
from tallybrook.errors import FieldError, InvalidError

TEXTS = ("strongly_disagree", "disagree", "neutral", "agree", "strongly_agree")
SCALES: dict[str, tuple[float, float]] = {
    "1-5": (1, 5),
    "1-6": (1, 6),
    "0-100": (0, 100),
    "text": (1, 5),
}
"""The scales answers may be on; ``text`` is the five texts, from strongly_disagree on."""

MAX_FAULTS = 20


class Answer(Struct, frozen=True):
    """One answer: as given, and keyed, so that more means more of what the facet measures."""

    item: Item
    given: float
    keyed: float


class Answers(Struct, frozen=True):
    """Checked answers in the order of the inventory, at most one an item, and their scale."""

    inventory: Inventory
    scale: str
    answers: tuple[Answer, ...]

    @property
    def missing(self) -> int:
        return len(self.inventory.items) - len(self.answers)

    def percent(self, keyed_mean: float) -> float:
        """A mean of keyed answers as a score from 0 to 100."""
        low, high = SCALES[self.scale]
        return 100 * (keyed_mean - low) / (high - low)


def read_answers(assessment: Mapping[str, Any], inventory: Inventory) -> Answers:
    """The answers of an assessment (``responses``, ``scale``).

    A null answer is an unanswered item. Raises ``InvalidError`` with a pointer to each answer that
    is off the scale, of an unknown item, or a second one of its item. It quotes none of them: what
    stands there may be anything, and somebody's name.
    """
    scale = assessment.get("scale") or inventory.scale
    if not isinstance(scale, str) or scale not in SCALES:
        raise InvalidError.of("/scale", f"must be one of {', '.join(SCALES)}")
    responses = assessment.get("responses")
    if not isinstance(responses, list) or not responses:
        raise InvalidError.of("/responses", "must be a list of answers that is not empty")
    faults: list[FieldError] = []
    found: dict[str, Answer] = {}
    by_name = _by_name(inventory)
    for index, response in enumerate(responses):
        read = _answer(response, by_name, scale)
        if isinstance(read, FieldError):
            faults.append(FieldError(f"/responses/{index}{read.pointer}", read.detail))
        elif read is not None and read.item.id in found:
            detail = f"item {read.item.id} is answered already"
            faults.append(FieldError(f"/responses/{index}/questionId", detail))
        elif read is not None:
            found[read.item.id] = read
    if faults:
        first = faults[0]
        raise InvalidError(f"{first.pointer}: {first.detail}", faults[:MAX_FAULTS])
    ordered = tuple(found[item.id] for item in inventory.items if item.id in found)
    return Answers(inventory, scale, ordered)


def _by_name(inventory: Inventory) -> dict[str, Item]:
    known = {item.id: item for item in inventory.items}
    return known | {item.key: item for item in inventory.items if item.key}


def _answer(
    response: object, by_name: Mapping[str, Item], scale: str
) -> Answer | FieldError | None:
    if not isinstance(response, Mapping):
        return FieldError("", "must be an object with questionId and answer")
    question = response.get("questionId")
    if isinstance(question, int) and not isinstance(question, bool) and abs(question) < 1 << 63:
        question = str(question)
    item = by_name.get(question) if isinstance(question, str) else None
    if item is None:
        return FieldError("/questionId", "names no item of this inventory")
    if response.get("answer") is None:
        return None
    given = _value(response["answer"], scale)
    if given is None:
        return FieldError("/answer", f"is not on the scale {scale}")
    low, high = SCALES[scale]
    return Answer(item, given, low + high - given if item.reversed else given)


def _value(answer: object, scale: str) -> float | None:
    """The answer as a number, or None when it is not one of the scale's."""
    if scale == "text":
        return TEXTS.index(answer) + 1 if isinstance(answer, str) and answer in TEXTS else None
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return None
    low, high = SCALES[scale]
    if not low <= answer <= high:
        return None
    return float(answer) if scale == "0-100" or float(answer).is_integer() else None
