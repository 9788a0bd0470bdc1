"""Raw assessments, and personal data to plant in them."""

import json
from base64 import b64encode
from typing import Any
from unicodedata import normalize
from urllib.parse import quote

from hypothesis import strategies as st

PLANTED = (
    "Zoë Quandt-Brixl",
    "jane.roe+work@mail.example.com",
    "10.117.23.199",
    "2001:db8:85a3::8a2e:370:7334",
    "+49 151 2345 6789",
    "078-05-1120",
    "1985-03-12T04:05:06Z-born",
    "12 Brixl Lane, Leeds LS1 4AP",
    "山田太郎",
    "user-0815-ident",
)
"""Names, addresses and numbers that stand for a person."""


def forms(token: str) -> set[str]:
    """The ways in which a text can be written without being another."""
    escaped = json.dumps(token)[1:-1]
    composed = {normalize(form, token) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    cased = {token.lower(), token.upper(), token.casefold()}
    return composed | cased | {escaped, quote(token), b64encode(token.encode()).decode()}


def assessment(**fields: Any) -> dict[str, Any]:
    """A complete raw assessment of ocean-120."""
    return {
        "userId": "user-17",
        "email": "u17@mail.example.com",
        "assessmentId": "a-1",
        "assessmentType": "ocean-120",
        "version": "2.0",
        "timestamp": "2026-03-01T10:20:30.123Z",
        "completionTime": 754_321,
        "responses": [
            {"questionId": str(n), "answer": n % 5 + 1, "responseTime": 900 + n, "confidence": 0.5}
            for n in range(1, 121)
        ],
        "demographics": {
            "age": 34, "gender": "female", "country": "Germany", "industry": "Technology",
            "role": "Senior Manager", "yearsExperience": 5,
        },
        "metadata": {
            "userAgent": "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X)", "platform": "iOS",
            "appVersion": "7.1.3-beta", "sessionId": "session-99",
        },
    } | fields  # fmt: skip


TOP = sorted(assessment())
TOLD = sorted(assessment()["demographics"])
META = sorted(assessment()["metadata"])
ANSWER = ["questionId", "answer", "responseTime", "confidence"]
SPOTS: list[tuple[str | int, ...]] = [
    *((name,) for name in [*TOP, "name", "ip", "scores", "scale", "notes"]),
    *(("demographics", name) for name in [*TOLD, "city", "education"]),
    *(("metadata", name) for name in [*META, "ip", "referrer"]),
    *(("responses", 7, name) for name in [*ANSWER, "comment"]),
    ("responses", 7),
]
"""Every field there is, and some that there should not be."""


def wrapped(token: str) -> st.SearchStrategy[Any]:
    """The token as it may come: bare, in another form, in a sentence, an object, a list, a key, or
    JSON in a text in a text."""
    texts = st.sampled_from(sorted(forms(token))) | st.just(f"I am {token}, CEO in Germany")
    nested = texts.flatmap(
        lambda text: st.sampled_from(
            [
                {"name": text}, [text], {text: 1}, {text: {text: text}},
                json.dumps({"name": text}), json.dumps(json.dumps({text: [text]})),
                f"\u202e{text}\u202c", f"{text}\0", f" {text} ",
            ]
        )
    )  # fmt: skip
    return texts | nested


def plant(raw: dict[str, Any], spot: tuple[str | int, ...], what: Any, *, as_key: bool) -> None:
    """Put ``what`` into a place of a raw assessment, or beside it under a key that is ``what``."""
    at: Any = raw
    for step in spot[:-1]:
        try:
            at = at[step]
        except (KeyError, IndexError):  # an earlier one has taken its place
            return
        if not isinstance(at, dict | list):
            return
    if as_key and isinstance(at, dict) and isinstance(what, str):
        at[what] = what
    elif isinstance(at, dict) or isinstance(spot[-1], int):
        at[spot[-1]] = what
