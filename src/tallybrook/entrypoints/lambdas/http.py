"""Requests of an HTTP API, a REST API or a load balancer: every route but those of SQL."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from tallybrook.entrypoints.lambdas import runtime, web


@runtime.metered
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answer one request."""
    return web.answer(event, context, sql=False)


runtime.prepare(partial(web.opened, sql=False))
