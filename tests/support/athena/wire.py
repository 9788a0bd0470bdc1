"""The protocol: JSON 1.1 over HTTP. Both directions are checked against botocore's model of Athena,
so that a call the service would not take, or an answer it would not give, fails the test."""

import datetime as dt
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from botocore.session import get_session
from botocore.validate import ParamValidator

PREFIX = "AmazonAthena"
COMMON = ("ThrottlingException", "AccessDeniedException", "ServiceUnavailable")
"""Errors that every operation of every service has."""


class Refused(Exception):  # noqa: N818
    """An error of the service, by its name in the model."""

    def __init__(self, code: str, message: str = "", status: int = 400, **told: str) -> None:
        super().__init__(code)
        self.code, self.status = code, status
        self.body = {"__type": code, "Message": message, **told}


class Service(Protocol):
    def answer(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        """What is answered, or ``Refused``."""


class Listening(ThreadingHTTPServer):
    """``service`` answers; ``faults`` come first, one a call, by operation (None: the call is
    answered). ``calls`` are those so far, ``wrong`` what the model says against one or its
    answer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service: Service | None = None
        self.reset()

    def reset(self) -> None:
        self.faults: dict[str, list[Refused | None]] = defaultdict(list)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.wrong: list[str] = []

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """The bodies of the calls of an operation, in their order."""
        return [body for called, body in self.calls if called == operation]

    @property
    def environment(self) -> dict[str, str]:
        """What points the SDK at it, and has it sign with something."""
        return {
            "AWS_ENDPOINT_URL_ATHENA": f"http://127.0.0.1:{self.server_port}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def told(self, target: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of one call."""
        prefix, _, operation = target.partition(".")
        self.calls.append((operation, body))
        model = _model().operation_model(operation)
        try:
            if prefix != PREFIX:
                raise Refused("UnknownOperationException", target)
            if wrong := self._check(f"{operation} was asked", body, model.input_shape):
                raise Refused("InvalidRequestException", wrong)
            if self.faults[operation] and (fault := self.faults[operation].pop(0)):
                raise fault
            assert self.service is not None
            answer = self.service.answer(operation, body)
            self._check(f"{operation} answered", answer, model.output_shape)
        except Refused as error:
            if error.code not in (*COMMON, *(shape.name for shape in model.error_shapes)):
                self.wrong.append(f"{operation} has no error {error.code}")
            return error.status, error.body
        return 200, answer

    def _check(self, doing: str, body: dict[str, Any], shape: Any) -> str:
        report = ParamValidator().validate(body, shape)
        unknown = sorted(body.keys() - shape.members.keys())
        if report.has_errors() or unknown:
            self.wrong.append(f"{doing}: {report.generate_report()} {unknown or ''}")
            return self.wrong[-1]
        return ""


class _Handler(BaseHTTPRequestHandler):
    server: Listening

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = self.server.told(self.headers["X-Amz-Target"], body)
        told = json.dumps(answer, default=_instant).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _instant(value: object) -> float:
    assert isinstance(value, dt.datetime)
    return value.timestamp()


@cache
def _model() -> Any:
    return get_session().get_service_model("athena")


@contextmanager
def serving() -> Iterator[Listening]:
    """Listen on a free port of the loopback address. At the end, nothing may have been wrong."""
    listening = Listening()
    thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield listening
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
    assert listening.wrong == []
