"""The ASGI application: routes, errors, the page, and what lives as long as it does."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, WebSocketRoute
from starlette.routing import Route as StarletteRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from tallybrook import dashboard
from tallybrook.entrypoints.server import live, openapi, pages, problems
from tallybrook.entrypoints.server.auth import Gate, presented_key
from tallybrook.entrypoints.server.collect import Intake
from tallybrook.entrypoints.server.context import Call, Context
from tallybrook.entrypoints.server.handoff import Handoff
from tallybrook.entrypoints.server.hub import Hub
from tallybrook.entrypoints.server.route import Route
from tallybrook.entrypoints.server.routes import ROUTES
from tallybrook.entrypoints.server.telemetry import Telemetry
from tallybrook.errors import NotFoundError, RetryableError, StorageError, TallybrookError
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log.relay import Relay
from tallybrook.settings import Settings
from tallybrook.wiring import Product, open_product

READERS = 4

Started = Callable[[Context], None]


class Server:
    """The application and its state. ``running`` is there from startup to shutdown."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock = system_clock,
        on_start: Started | None = None,
        *,
        sql: bool = True,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.running: Context | None = None
        self.hub: Hub | None = None
        self._with_sql = sql
        self._on_start = on_start
        self.app = Starlette(
            routes=self._routes(),
            lifespan=self._lifespan,
            exception_handlers={
                TallybrookError: problems.on_error,
                HTTPException: problems.on_http_exception,
                Exception: problems.on_unexpected,
            },
        )
        # An address is what the reference says: /users does not lead to a user without an id.
        self.app.router.redirect_slashes = False

    @property
    def context(self) -> Context:
        """The running server; asked for only while it runs."""
        if self.running is None:
            raise StorageError("the server is starting or stopping")
        return self.running

    def _routes(self) -> list[BaseRoute]:
        by_path: dict[str, list[Route]] = {}
        for route in ROUTES:
            by_path.setdefault(route.path, []).append(route)
        own = [
            StarletteRoute(
                _PLAIN_NAME.sub(r"{\1:path}", path),
                self._dispatcher(routes),
                methods=[route.method for route in routes],
            )
            for path, routes in sorted(by_path.items(), key=_specific_first)
        ]
        static = StaticFiles(directory=dashboard.static_dir() / "assets")
        return [
            WebSocketRoute("/live", self._websocket),
            *own,
            StarletteRoute("/", _page),
            StarletteRoute("/openapi.json", _openapi),
            StarletteRoute("/docs", pages.reference),
            StarletteRoute("/docs/errors", pages.errors_page),
            Mount("/assets", with_headers(static)),
        ]

    def _dispatcher(self, routes: list[Route]) -> Callable[[Request], object]:
        by_method = {route.method: route for route in routes}
        if "GET" in by_method:
            by_method["HEAD"] = by_method["GET"]

        async def dispatch(request: Request) -> Response:
            try:
                return await self._answer(by_method[request.method], request)
            except RetryableError as error:
                self.context.telemetry.throttled += error.status == 429
                raise
            except asyncio.CancelledError:
                # Stopping has waited for it as long as it may. Left to uvicorn it would be a fault
                # of ours in plain text, and not something to send again.
                raise StorageError("the server is stopping") from None

        return dispatch

    async def _answer(self, route: Route, request: Request) -> Response:
        context = self.context
        principal = context.gate.open
        if route.scope is not None:
            principal = context.gate.identify(presented_key(request.headers))
            principal.require(route.scope)
        call = Call(context, request, principal)
        if route.handler is None:
            return await live.events(call, self._live())
        return await route.handler(call)

    async def _websocket(self, socket: WebSocket) -> None:
        await live.websocket(self.context, self._live(), socket)

    def _live(self) -> Hub:
        if self.hub is None:
            raise NotFoundError("live updates come from the WebSocket API of the stack")
        return self.hub

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        product = open_product(self.settings, self.clock, sql=self._with_sql)
        stores, engine = product.stores, product.sql
        gate = Gate(
            stores.keys, required=self.settings.auth, queries_a_minute=self.settings.query_rate
        )
        telemetry = Telemetry()
        context = self.running = Context(
            self.settings,
            self.clock,
            product.log,
            Handoff(product.log),
            stores,
            gate,
            engine,
            telemetry,
            Intake(telemetry, self.settings.keep_ip),
            readers,
            product.positions,
            product.shelves,
        )
        try:
            async with (
                self._publishing(product, readers),
                self._relaying(product),
                self._metering(product, context),
            ):
                if engine is not None:
                    await engine.start()
                if self._on_start is not None:
                    self._on_start(context)
                yield
        finally:
            self.running = None
            if engine is not None:
                await engine.close()
            await asyncio.to_thread(product.log.close)
            readers.shutdown()
            if product.shelves is not None:
                product.shelves.close()
            stores.close()

    @asynccontextmanager
    async def _publishing(
        self, product: Product, readers: ThreadPoolExecutor
    ) -> AsyncIterator[None]:
        """The live hub, where the commits happen in this process."""
        if not product.commits_here:
            yield
            return
        hub = self.hub = Hub(product.stores.counters, readers, product.log.head)
        product.log.watch(hub.committed)
        tasks = [asyncio.create_task(hub.run())]
        if product.tail is not None:
            from tallybrook.entrypoints.server.watching import Watch

            watch = Watch(hub, product.stores.entities, product.tail, self.clock, readers)
            hub.before = watch.begin
            tasks.append(asyncio.create_task(watch.run()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    @asynccontextmanager
    async def _relaying(self, product: Product) -> AsyncIterator[None]:
        """Events of other processes into the log, where this process writes it."""
        if product.outside is None:
            yield
            return
        from tallybrook.wiring.files import taking_over

        relay = Relay(product.outside, product.log)
        files = taking_over(self.settings, product.log, product.stores, self.clock)
        files.__enter__()
        try:
            yield
        finally:
            await asyncio.to_thread(files.__exit__, None, None, None)
            await asyncio.to_thread(relay.stop)

    @asynccontextmanager
    async def _metering(self, product: Product, context: Context) -> AsyncIterator[None]:
        """Usage by account, where this is one process for all."""
        if not product.commits_here:
            yield
            return
        from tallybrook.entrypoints.server.metering import Metering
        from tallybrook.wiring.workflows import present_tier

        metering = context.metering = Metering(
            product.stores.works().usage, present_tier(self.settings), context.gate.taken_calls,
            self.clock,
        )  # fmt: skip
        task = asyncio.create_task(metering.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await asyncio.to_thread(metering.close)


_PLAIN_NAME = re.compile(r"\{(id|series)\}")
"""Names chosen by users may hold a slash, which arrives decoded."""


def _specific_first(item: tuple[str, list[Route]]) -> tuple[bool, int, str]:
    """Fixed paths first, then those with more parts, so that none is taken for a name."""
    return "{" in item[0], -item[0].count("/"), item[0]


async def _page(_request: Request) -> Response:
    return FileResponse(
        dashboard.static_dir() / "index.html", headers=dict(dashboard.SECURITY_HEADERS)
    )


async def _openapi(_request: Request) -> Response:
    return problems.json_response(openapi.document())


def with_headers(files: StaticFiles) -> ASGIApp:
    """The page's security headers on its assets."""
    extra = [(k.lower().encode(), v.encode()) for k, v in dashboard.SECURITY_HEADERS.items()]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await files(scope, receive, send_with)

    return app
