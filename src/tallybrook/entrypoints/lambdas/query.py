"""The same application with the SQL engine: ``/query``, ``/api/analytics/query``, ``/analytics``.

A function of its own, as the engine takes more memory than collecting needs.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from tallybrook.entrypoints.lambdas import runtime, web


@runtime.metered
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answer one request."""
    return web.answer(event, context, sql=True)


runtime.prepare(partial(web.opened, sql=True))
