"""The event that everything is measured with."""

import time
import uuid
from typing import Any

_PAGES = ("home", "pricing", "docs", "blog", "signup")


def event(number: int) -> dict[str, Any]:
    """One event as a client sends it, about 400 bytes; its id is new."""
    return {
        "event_id": str(uuid.uuid4()),
        "event_type": "page_view",
        "timestamp": now(),
        "user_id": f"user-{number % 5000}",
        "session_id": f"session-{number % 20000}",
        "properties": {
            "path": f"/{_PAGES[number % 5]}/{number}",
            "title": "A page with a title of a usual length",
            "score": number % 100,
            "referrer": "https://www.example.com/search?q=analytics",
        },
        "context": {"library": {"name": "bench", "version": "1.0"}, "locale": "en-GB"},
    }


def operation(number: int) -> dict[str, Any]:
    """A completed session, as an event; its id is new."""
    return {
        "event_id": str(uuid.uuid4()),
        "event_type": "session_completed",
        "timestamp": now(),
        "user_id": f"student-{number * 7 % 400}",
        "properties": {
            "session_id": str(uuid.uuid4()),
            "student_id": f"student-{number * 7 % 400}",
            "tutor_id": f"tutor-{number % 40}",
            "tutor_rating": number % 6,
            "completed_successfully": True,
        },
        "context": {"source": "bench"},
    }


def now() -> str:
    """The present second, RFC 3339."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
