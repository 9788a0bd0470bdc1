"""What the server holds while it runs, and one call's view of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from tallybrook.entrypoints.server.auth import Gate, Principal
from tallybrook.entrypoints.server.collect import Intake
from tallybrook.entrypoints.server.handoff import Handoff
from tallybrook.entrypoints.server.telemetry import Telemetry
from tallybrook.errors import NotFoundError
from tallybrook.ports.clock import Clock
from tallybrook.ports.log import Log
from tallybrook.ports.sql import SqlEngine
from tallybrook.settings import Settings
from tallybrook.wiring import Positions, Shelves, Stores

if TYPE_CHECKING:
    from tallybrook.costs.budget import Budget
    from tallybrook.entrypoints.server.metering import Metering

P = ParamSpec("P")
T = TypeVar("T")


class Context(Struct):
    """The running server. ``metering`` is None where functions meter themselves; ``budget`` is the
    one that was last added up, and when."""

    settings: Settings
    clock: Clock
    log: Log
    handoff: Handoff
    stores: Stores
    gate: Gate
    engine: SqlEngine | None
    telemetry: Telemetry
    intake: Intake
    readers: ThreadPoolExecutor
    positions: Positions | None = None
    shelves: Shelves | None = None
    graphql: Callable[[Request], Awaitable[Response]] | None = None
    metering: "Metering | None" = None
    budget: "tuple[int, Budget] | None" = None

    @property
    def sql(self) -> SqlEngine:
        """The SQL engine. Raises ``NotFoundError`` where another process answers queries."""
        if self.engine is None:
            raise NotFoundError("SQL is not answered here")
        return self.engine

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking read beside the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.readers, lambda: function(*args, **kwargs))


class Call(Struct):
    """One request: who asks, and what of."""

    context: Context
    request: Request
    principal: Principal

    @property
    def account_id(self) -> str:
        return self.principal.key.account_id

    @property
    def path(self) -> Mapping[str, str]:
        return self.request.path_params

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params
