"""What an HTTP route is, as data."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct
from starlette.responses import Response

from tallybrook.entrypoints.server.context import Call
from tallybrook.ports.keys import Scope

JSON = "application/json"

Handler = Callable[[Call], Awaitable[Response]]


class Param(Struct, frozen=True):
    """A path or query parameter with its JSON schema."""

    name: str
    schema: dict[str, Any]
    description: str
    required: bool = False


class Route(Struct, frozen=True, kw_only=True):
    """One method of one path. ``body`` maps content types to schemas; ``errors`` are statuses;
    ``reply_types`` are further types of the reply, for clients that ask for them; ``files`` the
    types of files it may be instead; ``begun`` is what a 202 says, where there is one beside."""

    method: str
    path: str
    handler: Handler | None
    summary: str
    tag: str
    scope: Scope | None
    query: tuple[Param, ...] = ()
    path_schemas: dict[str, dict[str, Any]] = {}
    body: dict[str, Any] = {}
    body_required: bool = True
    status: int = 200
    reply: Any = None
    reply_type: str = "application/json"
    reply_types: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    open_query: bool = False
    files: tuple[str, ...] = ()
    begun: Any = None
