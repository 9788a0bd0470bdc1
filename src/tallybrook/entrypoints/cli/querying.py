"""One statement over HTTP, all of its pages."""

from typing import Any

import msgspec

from tallybrook.entrypoints.cli.api import Api


def ask(api: Api, asked: dict[str, Any]) -> dict[str, Any]:
    """The answer to the body ``asked`` with the rows of every page; metadata is the last one's."""
    answer: dict[str, Any] = api.post("/query", msgspec.json.encode(asked))
    while token := answer["metadata"].get("next_token"):
        page = api.post("/query", msgspec.json.encode(asked | {"next_token": token}))
        answer["rows"] += page["rows"]
        answer["metadata"] = page["metadata"]
    return answer
