"""The same application with the SQL engine: ``/query``, ``/api/analytics/query``, ``/analytics``.

A function of its own, as the engine takes more memory than collecting needs. The function that
does what is due by the clock calls it too: with a saved query whose answer is to be made anew.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from tallybrook.entrypoints.lambdas import runtime, web
from tallybrook.errors import TerminalError
from tallybrook.events.instants import format_instant


@runtime.metered
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answer one request; ``{"refresh": {account_id, query_id, now_us}}`` is none."""
    if "refresh" in event:
        return _refreshed(**event["refresh"])
    return web.answer(event, context, sql=True)


def _refreshed(account_id: str, query_id: str, now_us: int) -> dict[str, Any]:
    """The answer is handed in: the lake's writer makes a table of it at its next turn."""
    from tallybrook.lake.asking import post
    from tallybrook.sql.libraries import Library
    from tallybrook.sql.refreshing import Desk, refresh
    from tallybrook.wiring import open_objects, open_state

    found = runtime.opened()
    state, objects = open_state(found.settings, found.clock), open_objects(found.settings)
    try:
        metadata = web.opened(sql=True).run(
            lambda engine: refresh(
                Desk(engine, Library(None), objects, partial(post, state)),
                query_id, account_id, now_us,
            )
        )  # fmt: skip
    except TerminalError as error:
        return {"failed": error.detail}
    return {"rows": metadata.rows, "refreshed_at": format_instant(now_us)}


runtime.prepare(partial(web.opened, sql=True))
