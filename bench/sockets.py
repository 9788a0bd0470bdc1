"""A WebSocket client with almost no cost of its own, and plain HTTP beside it, for one loop."""

import asyncio
import base64
import os
import time
from collections.abc import Callable
from typing import cast

Heard = Callable[["Subscriber", bytes, float], None]
_TEXT, _CLOSE, _PING = 0x81, 0x88, 0x89


class Subscriber(asyncio.Protocol):
    """Subscribes to ``metrics`` on /live; ``heard`` gets each message and when it came."""

    def __init__(self, key: str, heard: Heard) -> None:
        self._key, self._heard = key, heard
        self._buffer = b""
        self._open = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none by inheritance.
        self.transport = cast("asyncio.Transport", transport)
        nonce = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {nonce}\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {self._key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        at_s = time.perf_counter()
        self._buffer += data
        if not self._open and not self._handshake():
            return
        while (frame := self._frame()) is not None:
            opcode, payload = frame
            if opcode == _TEXT:
                if not self.ready.done():  # the snapshot: from now on this one is told
                    self.ready.set_result(None)
                self._heard(self, payload, at_s)
            elif opcode == _PING:
                self._send(0x8A, payload)
            elif opcode == _CLOSE:
                self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("closed before the snapshot"))

    def _handshake(self) -> bool:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(f"no WebSocket: {head[:100]!r}")
        self._open, self._buffer = True, rest
        self._send(_TEXT, b'{"subscribe":["metrics"]}')
        return True

    def _send(self, opcode: int, payload: bytes) -> None:
        # Masked, as clients must, with a mask of zeros, which changes nothing.
        self.transport.write(bytes([opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload)

    def _frame(self) -> tuple[int, bytes] | None:
        """The next whole frame, taken out of the buffer."""
        data = self._buffer
        if len(data) < 2:
            return None
        length, start = data[1] & 0x7F, 2
        if length >= 126:
            start = 4 if length == 126 else 10
            if len(data) < start:
                return None
            length = int.from_bytes(data[2:start], "big")
        if len(data) < start + length:
            return None
        self._buffer = data[start + length :]
        return data[0], data[start : start + length]


class Http:
    """One keep-alive connection that asks and waits."""

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def open(self) -> "Http":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body."""
        self._writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        return int(head[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


async def subscribe(port: int, key: str, heard: Heard) -> Subscriber:
    """A subscriber that has its snapshot."""
    loop = asyncio.get_running_loop()
    _, subscriber = await loop.create_connection(lambda: Subscriber(key, heard), "127.0.0.1", port)
    await asyncio.wait_for(subscriber.ready, 30)
    return subscriber
