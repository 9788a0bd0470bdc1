"""Errors as problem documents (RFC 9457): one shape on every route."""

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tallybrook.errors import FieldError, RetryableError, TallybrookError

_log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"


class Problem(Struct, omit_defaults=True):
    """A problem document. ``type`` names a section of the page of errors; ``failed_id`` the failed
    record that keeps what was sent, where it is kept."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
    failed_id: str = ""


def problem_of(error: TallybrookError) -> Problem:
    """The document of an error."""
    kind = f"/docs/errors#{error.slug}"
    return Problem(kind, error.title, error.status, error.detail, list(error.errors))


def headers_of(error: TallybrookError) -> dict[str, str]:
    """What goes with the status: when to come back, how to authenticate."""
    headers: dict[str, str] = {}
    if isinstance(error, RetryableError):
        headers["retry-after"] = str(error.retry_after_s)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="tallybrook"'
    return headers


def problem_response(error: TallybrookError, failed_id: str = "") -> Response:
    problem = problem_of(error)
    problem.failed_id = failed_id
    return Response(msgspec.json.encode(problem), error.status, headers_of(error), CONTENT_TYPE)


async def on_error(_request: Request, error: Exception) -> Response:
    """Starlette's exception handler for our own errors."""
    assert isinstance(error, TallybrookError)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("%s: %s", error.slug, error.detail)
    return problem_response(error)


async def on_http_exception(_request: Request, error: Exception) -> Response:
    """The framework's own refusals (unknown path, method) in the same shape."""
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    document = Problem("about:blank", title, error.status_code, str(error.detail))
    return Response(
        msgspec.json.encode(document),
        error.status_code,
        dict(error.headers or {}),
        CONTENT_TYPE,
    )


async def on_unexpected(request: Request, error: Exception) -> Response:
    """A fault of ours: logged whole, told without its trace."""
    _log.error("unexpected error on %s %s", request.method, request.url.path, exc_info=error)
    return problem_response(TallybrookError("an unexpected error; it is in the server's log"))


def json_response(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
