"""Calls that take several requests, as scripts: what to send next, given what came back. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from tallybrook.client import calls
from tallybrook.client.lines import Pause, Script
from tallybrook.client.shapes import AssessmentOutcome, AssessmentStatus, Batch, Item, OceanScores
from tallybrook.errors import InvalidError, RetryableError
from tallybrook.events.batches import MAX_BATCH_EVENTS

MAX_BATCH_BYTES = 4_000_000
_FIRST_S, _MOST_S = 0.02, 1.0

Progress = Callable[[int], object]
"""Told how many more assessments are done."""


def process_assessment(assessment: Mapping[str, Any], timeout_s: float) -> Script[OceanScores]:
    """Send an assessment and wait for its scores.

    Raises ``InvalidError`` where it cannot be scored, and ``RetryableError`` when it was taken in
    and not scored in time.
    """
    taken = yield calls.send_assessment(assessment)
    standing = yield from _settled(taken.assessment_id, timeout_s)
    if standing.result is not None:
        return standing.result
    if standing.status == "failed":
        raise InvalidError(f"assessment {standing.assessment_id}: {standing.reason}")
    raise RetryableError(
        f"assessment {standing.assessment_id} was taken in and not scored in {timeout_s:g} s"
    )


def _settled(pseudonym: str, timeout_s: float) -> Script[AssessmentStatus]:
    """Ask, less and less often, until it is scored or failed, or about ``timeout_s`` are over."""
    pause_s, waited_s = _FIRST_S, 0.0
    while True:
        standing: AssessmentStatus = yield calls.assessment(pseudonym)
        if standing.status != "received" or waited_s >= timeout_s:
            return standing
        yield Pause(pause_s)
        waited_s += pause_s
        pause_s = min(2 * pause_s, _MOST_S)


def process_batch(
    assessments: Iterable[Mapping[str, Any]], timeout_s: float, progress: Progress, *, wait: bool
) -> Script[list[AssessmentOutcome]]:
    """Send them all, then wait for each; one at fault spoils only itself."""
    items: list[Item] = []
    for lines in batches(assessments):
        reply: Batch = yield calls.send_assessments(lines)
        items += _numbered(reply, len(items))
    found: list[AssessmentOutcome] = []
    for item in items:
        found.append((yield from _outcome(item, timeout_s if wait else 0.0, wait=wait)))
        progress(1)
    return found


def _outcome(item: Item, timeout_s: float, *, wait: bool) -> Script[AssessmentOutcome]:
    if item.assessment_id is None:
        return AssessmentOutcome(index=item.index, status="rejected", reason=item.why)
    if not wait:
        return AssessmentOutcome(
            index=item.index, status="received", assessment_id=item.assessment_id
        )
    standing = yield from _settled(item.assessment_id, timeout_s)
    return AssessmentOutcome(
        index=item.index, status=standing.status, assessment_id=item.assessment_id,
        result=standing.result, reason=standing.reason,
    )  # fmt: skip


def batches(documents: Iterable[Mapping[str, Any]]) -> Iterable[list[bytes]]:
    """Documents as lines, as many together as one request may have."""
    lines: list[bytes] = []
    size_bytes = 0
    for document in documents:
        line = msgspec.json.encode(document)
        if lines and (len(lines) == MAX_BATCH_EVENTS or size_bytes + len(line) > MAX_BATCH_BYTES):
            yield lines
            lines, size_bytes = [], 0
        lines.append(line)
        size_bytes += len(line) + 1
    if lines:
        yield lines


def send_messages(messages: Iterable[Mapping[str, Any]]) -> Script[list[Item]]:
    """Send messages of two AIs; what became of each, in their order."""
    items: list[Item] = []
    for lines in batches(messages):
        reply: Batch = yield calls.send_messages(lines)
        items += _numbered(reply, len(items))
    return items


def _numbered(reply: Batch, before: int) -> list[Item]:
    """Items of a batch by their place among all."""
    return [
        msgspec.structs.replace(item, index=before + number)
        for number, item in enumerate(reply.results)
    ]
