"""The same application with the SQL engine: ``/query``, ``/api/analytics/query``, ``/analytics``.

A function of its own, as the engine takes more memory than collecting needs. The function that
does what is due by the clock calls it too: with a saved query whose answer is to be made anew.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from tallybrook.entrypoints.lambdas import runtime, web
from tallybrook.errors import TerminalError


@runtime.metered
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answer one request; ``{"refresh": {account_id, query_id, now_us}}`` is none."""
    if "refresh" in event:
        return _refreshed(**event["refresh"])
    return web.answer(event, context, sql=True)


def _refreshed(account_id: str, query_id: str, now_us: int) -> dict[str, Any]:
    from tallybrook.sql.libraries import Library
    from tallybrook.sql.refreshing import refresh
    from tallybrook.wiring import open_state

    found = runtime.opened()
    state = open_state(found.settings, found.clock)
    try:
        answer = web.opened(sql=True).run(
            lambda engine: refresh(
                query_id, engine=engine, state=state, library=Library(None),
                account_id=account_id, now_us=now_us,
            )
        )  # fmt: skip
    except TerminalError as error:
        return {"failed": error.detail}
    return {"rows": len(answer.rows), "refreshed_at": answer.refreshed_at}


runtime.prepare(partial(web.opened, sql=True))
