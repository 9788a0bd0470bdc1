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
from tallybrook.entrypoints.server.routes import ROUTES, Route
from tallybrook.entrypoints.server.telemetry import Telemetry
from tallybrook.errors import RetryableError, StorageError, TallybrookError
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.settings import Settings
from tallybrook.wiring import open_log, open_sql, open_stores

READERS = 4

Started = Callable[[Context], None]


class Server:
    """The application and its state. ``running`` is there from startup to shutdown."""

    def __init__(
        self, settings: Settings, clock: Clock = system_clock, on_start: Started | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.running: Context | None = None
        self.hub: Hub
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

        return dispatch

    async def _answer(self, route: Route, request: Request) -> Response:
        context = self.context
        principal = context.gate.open
        if route.scope is not None:
            principal = context.gate.identify(presented_key(request.headers))
            principal.require(route.scope)
        call = Call(context, request, principal)
        if route.handler is None:
            return await live.events(call, self.hub)
        return await route.handler(call)

    async def _websocket(self, socket: WebSocket) -> None:
        await live.websocket(self.context, self.hub, socket)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        log = open_log(self.settings, self.clock)
        stores = open_stores(self.settings, log, self.clock)
        sql = open_sql(self.settings)
        gate = Gate(
            stores.keys,
            required=self.settings.auth,
            queries_a_minute=self.settings.query_rate,
        )
        telemetry = Telemetry()
        context = self.running = Context(
            self.settings,
            self.clock,
            log,
            Handoff(log),
            stores,
            gate,
            sql,
            telemetry,
            Intake(telemetry, self.settings.keep_ip),
            readers,
        )
        self.hub = Hub(stores.counters, readers, log.head)
        log.watch(self.hub.committed)
        await sql.start()
        publishing = asyncio.create_task(self.hub.run())
        if self._on_start is not None:
            self._on_start(context)
        try:
            yield
        finally:
            self.running = None
            publishing.cancel()
            with suppress(asyncio.CancelledError):
                await publishing
            await sql.close()
            await asyncio.to_thread(log.close)
            readers.shutdown()
            stores.close()


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
