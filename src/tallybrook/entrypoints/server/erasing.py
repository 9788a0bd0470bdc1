"""The calls that erase somebody, and tell how that stands."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tallybrook.entrypoints.server.context import Call, Context
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.entrypoints.server.schemas import MAX_NAMES
from tallybrook.errors import InvalidError
from tallybrook.events.ids import new_ulid
from tallybrook.lake import erasures
from tallybrook.lake.erasures import Certificate


async def erase(call: Call) -> Response:
    """DELETE /users/{id}: recorded when it is answered, done by whoever writes the lake."""
    _require_one_segment(call)
    also = call.request.query_params.getlist("also")
    if len(also) > MAX_NAMES:
        raise InvalidError.of("/also", f"has over {MAX_NAMES} ids")
    asked = await call.context.read(_ask, call.context, call.account_id, call.path["id"], also)
    response = json_response(asked, 202)
    response.headers["location"] = f"/erasures/{asked.erasure_id}"
    return response


async def erasure(call: Call) -> Response:
    """GET /erasures/{id}."""
    state = call.context.stores.works().state
    return json_response(
        await call.context.read(erasures.find, state, call.account_id, call.path["id"])
    )


def _require_one_segment(call: Call) -> None:
    """A slash in an id is sent as %2F: nobody who meant /users/{id}/events erases somebody."""
    sent = call.request.scope.get("raw_path") or call.request.url.path.encode()
    if b"/" in sent.removeprefix(b"/users/"):
        raise HTTPException(405, headers={"Allow": "GET"})


def _ask(context: Context, account_id: str, given: str, also: list[str]) -> Certificate:
    """Record the erasure under every name, then cut the pseudonyms: in that order, as they are not
    known any more afterwards. What fails in between is asked for again by whoever was told."""
    from tallybrook.lake.recording import request
    from tallybrook.privacy.people import find_people, forget
    from tallybrook.privacy.pseudonyms import canonical

    if not (user := canonical(given)):
        raise InvalidError.of("/id", "is empty")
    using = context.stores.assessments().anonymizer()
    people = find_people(using.state, using.keys, account_id, user)
    pseudonyms = [one.anonymous_user_id for one in people]
    now_us, head = context.clock(), context.stores.reader.head()
    names = list(dict.fromkeys([given, user, *pseudonyms, *also]))
    asked = request(using.state, new_ulid(now_us), account_id, names, head, now_us)
    forget(using.state, using.keys, account_id, user)
    return asked
