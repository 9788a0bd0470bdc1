"""The calls about saved queries: which there are, what they say, running one."""

from functools import lru_cache
from pathlib import Path

import msgspec
from msgspec import Struct
from starlette.responses import Response

from tallybrook.entrypoints.server import asking
from tallybrook.entrypoints.server.answering import answer
from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.ports.sql import Parameter, ResultColumn
from tallybrook.sql.kept import kept
from tallybrook.sql.libraries import Broken, Library
from tallybrook.sql.saved import Kind, Refresh, SavedQuery, bind


class ShownParameter(Struct):
    """A parameter: null is the default of one that is required."""

    name: str
    type: Kind
    description: str
    default: Parameter
    required: bool


class ShownQuery(Struct, kw_only=True):
    """A saved query. ``own`` tells that it is a file of the user's; ``refreshed_at`` when its
    answer with the default parameters was last made by the clock."""

    id: str
    name: str
    category: str
    description: str
    refresh: Refresh
    parameters: list[ShownParameter]
    columns: list[ResultColumn]
    sql: str
    own: bool
    refreshed_at: str | None = None


class QueryList(Struct):
    """All saved queries by id, and the files that are none, with the reason."""

    queries: list[ShownQuery]
    broken: list[Broken]


async def queries(call: Call) -> Response:
    """GET /queries."""
    library = library_of(call)
    found = await call.context.read(library.queries)
    return json_response(QueryList([_shown(query) for query in found], list(library.broken())))


async def query(call: Call) -> Response:
    """GET /queries/{id}."""
    found = await call.context.read(library_of(call).get, call.path["id"])
    state = call.context.stores.works().state
    answer_ = await call.context.read(kept, state, call.account_id, found.id)
    shown = _shown(found)
    shown.refreshed_at = answer_.refreshed_at if answer_ is not None else None
    return json_response(shown)


async def refreshed(call: Call) -> Response:
    """GET /queries/{id}/result: the first rows of what the clock made last."""
    from tallybrook.errors import NotFoundError

    found = await call.context.read(library_of(call).get, call.path["id"])
    state = call.context.stores.works().state
    answer_ = await call.context.read(kept, state, call.account_id, found.id)
    if answer_ is None:
        raise NotFoundError(f"{found.id} has not been refreshed yet: run it")
    return json_response(answer_)


async def run(call: Call) -> Response:
    """POST /queries/{id}/run."""
    asked = await asking.run_of_saved(call)
    found = await call.context.read(library_of(call).get, call.path["id"])
    asked.parameters = bind(found, asked.parameters)
    request = asking.request_of(call, asked, found.sql)
    return await answer(call, asked, request, found.id)


def library_of(call: Call) -> Library:
    """The library of the server's directory of queries."""
    return _library(call.context.settings.queries)


@lru_cache(maxsize=8)
def _library(directory: str) -> Library:
    return Library(Path(directory) if directory else None)


def _shown(query: SavedQuery) -> ShownQuery:
    fields = msgspec.structs.asdict(query)
    fields["parameters"] = [
        ShownParameter(p.name, p.type, p.description, p.default, p.required)
        for p in query.parameters
    ]
    fields["columns"] = list(query.columns)
    return ShownQuery(**fields)
