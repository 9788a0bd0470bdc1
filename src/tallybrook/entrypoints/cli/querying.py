"""One statement over HTTP: all of its pages, or its file."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tallybrook.entrypoints.cli.api import Api, RefusedError, problem_text
from tallybrook.errors import RetryableError, StorageError


def ask(api: Api, asked: dict[str, Any], path: str = "/query") -> dict[str, Any]:
    """The answer to the body ``asked`` with the rows of every page; metadata is the last one's."""
    answer: dict[str, Any] = api.post(path, msgspec.json.encode(asked))
    scanned = answer["metadata"]
    while token := answer["metadata"].get("next_token"):
        page = api.post("/query", msgspec.json.encode({"next_token": token}))
        answer["rows"] += page["rows"]
        answer["metadata"] = scanned | {"next_token": page["metadata"].get("next_token")}
    return answer


def download(api: Api, path: str, asked: dict[str, Any], to: Path) -> dict[str, Any]:
    """Write the file that answers ``asked``; what it took. The file appears whole or not at all.

    Raises ``RefusedError``, ``RetryableError``, and ``StorageError`` when it cannot be written.
    """
    part = to.with_name(to.name + ".part")
    try:
        with api.stream("POST", path, msgspec.json.encode(asked)) as response:
            if not response.is_success:
                raise RefusedError(f"{response.status_code} {problem_text(response.read())}")
            with part.open("wb") as file:
                for chunk in response.iter_bytes(1 << 20):
                    file.write(chunk)
        part.replace(to)
    except httpx.HTTPError as error:
        raise RetryableError(f"the connection failed: {error}") from error
    except OSError as error:
        raise StorageError(f"{to} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    found: dict[str, Any] = msgspec.json.decode(response.headers["x-tallybrook-metadata"])
    return found
