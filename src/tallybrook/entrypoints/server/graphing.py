"""The route ``/graphql``. GraphQL's library is loaded when somebody first asks for it."""

from typing import TYPE_CHECKING

from starlette.responses import Response

from tallybrook.entrypoints.server.context import Call, Context
from tallybrook.errors import NotFoundError

if TYPE_CHECKING:
    from tallybrook.entrypoints.server.graphql import Endpoint


async def graphql(call: Call) -> Response:
    """GET and POST /graphql; the endpoint itself looks at the key, which a mutation needs more
    of than a query."""
    context = call.context
    if context.graphql is None:
        context.graphql = await context.read(_endpoint, context)
    return await context.graphql(call.request)


def _endpoint(context: Context) -> "Endpoint":
    if context.shelves is None:
        raise NotFoundError("GraphQL is answered by the stack's own API")
    from tallybrook.entrypoints.server.graphql import Endpoint
    from tallybrook.graphql.ports import Ports

    shelves, stores = context.shelves, context.stores
    ports = Ports(shelves.records, shelves.metrics, context.log, stores.records, context.clock)
    return Endpoint(ports, context.gate, context.read)
