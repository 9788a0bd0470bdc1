"""A road to a server: open, closed, or one on which answers get lost."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

State = Literal["open", "closed", "no way back"]


class Road:
    """Forwards whole connections to a port of this machine. ``no way back`` delivers what is sent
    and breaks the connection when the answer comes; ``lost`` counts those answers."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.state: State = "open"
        self.lost = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def cut(self) -> None:
        """Break every connection there is."""
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self.state == "closed":
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._port))
                self._ends += [near, far]
                for target, ends in ((self._there, (near, far)), (self._back, (far, near))):
                    self._threads.append(threading.Thread(target=target, args=ends))
                    self._threads[-1].start()

    def _there(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(1 << 16):
                if self.state == "closed":
                    break
                far.sendall(data)
            near.shutdown(socket.SHUT_RDWR)
            far.shutdown(socket.SHUT_RDWR)

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while data := far.recv(1 << 16):
                if self.state == "no way back":
                    self.lost += 1
                    break
                near.sendall(data)
            near.shutdown(socket.SHUT_RDWR)
            far.shutdown(socket.SHUT_RDWR)
