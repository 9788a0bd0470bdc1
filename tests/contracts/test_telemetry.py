"""What every telemetry promises (``tallybrook.ports.telemetry``)."""

import io
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from jsonschema import validate

from tallybrook.ports.telemetry import MAX_NAMES, MAX_VALUES, CostRecord, Telemetry
from tallybrook.ports.telemetry.aws import NAMESPACE, EmfTelemetry
from tallybrook.ports.telemetry.local import LocalTelemetry
from tests.support.commands import clean_env

EMF = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 1_000_000_000_000},
                "CloudWatchMetrics": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "properties": {
                            "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "maxItems": 30,
                                    "items": {"type": "string", "minLength": 1, "maxLength": 250},
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "properties": {
                                        "Name": {"type": "string", "minLength": 1},
                                        "Unit": {
                                            "enum": ["Count", "Milliseconds", "Bytes", "Seconds",
                                                     "Percent", "None"]
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}  # fmt: skip
"""The embedded metric format as its specification has it."""

Seen = dict[tuple[str, str, tuple[tuple[str, str], ...]], tuple[int, float]]
"""(name, unit, dimensions): how many values and their sum."""


class World:
    """A telemetry and what it wrote so far. ``seen`` adds up all lines."""

    def __init__(self, telemetry: Telemetry, written: Callable[[], str]) -> None:
        self.telemetry, self._written = telemetry, written
        self.lines: list[dict[str, Any]] = []

    def read(self) -> list[dict[str, Any]]:
        fresh = [json.loads(line) for line in self._written().splitlines()]
        self.lines += fresh
        return fresh

    def seen(self) -> Seen:
        self.read()
        total: Seen = {}
        for line in self.lines:
            for key, (values, amount) in metrics_of(line).items():
                known = total.get(key, (0, 0.0))
                total[key] = (known[0] + values, known[1] + amount)
        return total


def metrics_of(line: dict[str, Any]) -> Seen:
    if "_aws" not in line:
        dimensions = tuple(sorted(line["dimensions"].items()))
        return {
            (name, one["unit"], dimensions): (one["values"], one["sum"])
            for name, one in line["metrics"].items()
        }
    validate(line, EMF)
    (told,) = line["_aws"]["CloudWatchMetrics"]
    assert told["Namespace"] == NAMESPACE
    (names,) = told["Dimensions"]
    dimensions = tuple(sorted((name, line[name]) for name in names))
    return {
        (one["Name"], one["Unit"], dimensions): (len(line[one["Name"]]), sum(line[one["Name"]]))
        for one in told["Metrics"]
        if len(line[one["Name"]]) <= 100
    }


@pytest.fixture
def costs() -> list[CostRecord]:
    return []


@pytest.fixture(params=["local", "aws"])
def world(
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    costs: list[CostRecord],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "of-somebody-else")
    if request.param == "aws":
        return World(EmfTelemetry(on_cost=costs.append), lambda: capsys.readouterr().out)
    stream = io.StringIO()

    def written() -> str:
        text = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return text

    return World(LocalTelemetry(stream, on_cost=costs.append), written)


def test_what_was_told_is_written_by_a_flush(world: World) -> None:
    """Counts add up, the last gauge counts, every duration counts."""
    world.telemetry.count("Accepted", 3, account="acme")
    world.telemetry.count("Accepted", account="acme")
    world.telemetry.gauge("Depth", 5, "Count")
    world.telemetry.gauge("Depth", 2, "Count")
    world.telemetry.duration("Commit", 1.5)
    world.telemetry.duration("Commit", 2.5)
    assert world.read() == []
    world.telemetry.flush()
    assert world.seen() == {
        ("Accepted", "Count", (("account", "acme"),)): (1, 4),
        ("Depth", "Count", ()): (1, 2),
        ("Commit", "Milliseconds", ()): (2, 4.0),
    }


def test_sets_of_dimensions_are_apart(world: World) -> None:
    """The same name with other values is another series; the order of dimensions is none."""
    world.telemetry.count("Seen", a="1", b="2")
    world.telemetry.count("Seen", b="2", a="1")
    world.telemetry.count("Seen", a="2", b="2")
    world.telemetry.count("Seen")
    world.telemetry.flush()
    assert {key[2]: amount for key, (_, amount) in world.seen().items()} == {
        (("a", "1"), ("b", "2")): 2,
        (("a", "2"), ("b", "2")): 1,
        (): 1,
    }


def test_absence_and_zero(world: World) -> None:
    """Nothing told, nothing written; a zero is told."""
    world.telemetry.flush()
    assert world.read() == []
    world.telemetry.count("Errors", 0)
    world.telemetry.flush()
    assert world.seen() == {("Errors", "Count", ()): (1, 0)}
    world.telemetry.flush()
    assert world.read() == []


def test_nothing_is_lost_above_the_limits_of_a_line(world: World) -> None:
    """More values and more names than one line holds come in several."""
    for n in range(2 * MAX_VALUES + 1):
        world.telemetry.duration("Call", n)
    for n in range(MAX_NAMES + 1):
        world.telemetry.count(f"Name{n}", a="b")
    world.telemetry.flush()
    seen = world.seen()
    total = 2 * MAX_VALUES * (2 * MAX_VALUES + 1) / 2
    assert seen["Call", "Milliseconds", ()] == (2 * MAX_VALUES + 1, total)
    assert len(seen) == MAX_NAMES + 2


def test_threads_tell_together(world: World) -> None:
    """No count is lost."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: world.telemetry.count("Seen"), range(400)))
    world.telemetry.flush()
    assert world.seen() == {("Seen", "Count", ()): (1, 400)}


@pytest.mark.parametrize(
    ("name", "dimensions"),
    [("", {}), ("a b", {}), ("é", {}), ("A", {"A": "x"}), ("A", {"x": ""}), ("A", {"x": " "}),
     ("A", {"x": "\n"}), ("A", {"x": "é"}), ("A", {"x": "y" * 1025}),
     ("A", {f"d{n}": "1" for n in range(29)})],
)  # fmt: skip
def test_what_cloudwatch_would_drop_is_an_error(
    world: World, name: str, dimensions: dict[str, str]
) -> None:
    """On every backend, so that it is found by whoever runs the code first."""
    with pytest.raises(ValueError, match=r"is no|more than"):
        world.telemetry.count(name, **dimensions)
    world.telemetry.flush()
    assert world.read() == []


def test_a_cost_record_is_a_line_and_is_handed_on(world: World, costs: list[CostRecord]) -> None:
    """With the names that the cost report reads, at once; without invocations there is no mean."""
    record = CostRecord(
        at=1_705_674_923_000_000, function="sqs", service="lambda", account_id="acme",
        invocations=1000, avg_duration_ms=450.0, avg_memory_mb=96.5, estimated_usd=0.00114,
    )  # fmt: skip
    none = CostRecord(
        at=1, function="sqs", service="lambda", account_id="acme", invocations=0,
        avg_duration_ms=0.0, avg_memory_mb=0.0, estimated_usd=0.0,
    )  # fmt: skip
    world.telemetry.cost(record)
    world.telemetry.cost(none)
    assert costs == [record, none]
    first, second = world.read()
    assert first == {
        "event": "COST_METRICS", "at": 1_705_674_923_000_000, "function": "sqs",
        "service": "lambda", "account_id": "acme", "invocations": 1000, "avg_duration_ms": 450.0,
        "avg_memory_mb": 96.5, "estimated_cost": 0.00114,
        "cost_per_invocation": pytest.approx(0.00114 / 1000),
    }  # fmt: skip
    assert second["cost_per_invocation"] is None


def test_a_span_lets_errors_through(world: World) -> None:
    """It watches and does not interfere."""
    with pytest.raises(ZeroDivisionError), world.telemetry.span("work", n=1):
        _ = 1 / 0
    with world.telemetry.span("work"):
        pass
    assert world.read() == []


def test_every_metric_has_the_dimensions_of_its_function(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Those given once for all (AWS)."""
    telemetry = EmfTelemetry({"stack": "t1"})
    telemetry.count("Seen", account="acme")
    telemetry.flush()
    (key,) = metrics_of(json.loads(capsys.readouterr().out))
    assert key[2] == (("account", "acme"), ("stack", "t1"))


def test_totals_are_kept_for_who_asks() -> None:
    """Since the start, flushed or not; a flush changes nothing in them (local)."""
    telemetry = LocalTelemetry(io.StringIO())
    telemetry.count("Seen", 2, account="acme")
    telemetry.flush()
    telemetry.count("Seen", 3, account="acme")
    telemetry.gauge("Depth", 7)
    telemetry.gauge("Depth", 4)
    totals = telemetry.totals()
    assert totals["Seen", (("account", "acme"),)].sum == 5
    assert totals["Depth", ()].last == 4


def test_spans_are_lines_where_they_are_wanted() -> None:
    """Name, annotations and milliseconds (local)."""
    stream = io.StringIO()
    with LocalTelemetry(stream, spans=True).span("work", rows=3):
        pass
    line = json.loads(stream.getvalue())
    assert (line["event"], line["name"], line["rows"], line["ms"] >= 0) == ("span", "work", 3, True)


TRACED = """
import sys
from tallybrook.ports.telemetry.aws import EmfTelemetry
telemetry = EmfTelemetry()
try:
    with telemetry.span("outer", rows=3):
        with telemetry.span("inner"):
            1 / 0
except ZeroDivisionError:
    pass
print(*sorted(name for name in ("aws_xray_sdk", "aws_lambda_powertools") if name in sys.modules))
"""


def traced(sampled: int, port: int) -> str:
    env = {
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;"
        f"Sampled={sampled}",
        "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{port}",
        "LAMBDA_TASK_ROOT": "/var/task",
    }
    done = subprocess.run(
        [sys.executable, "-c", TRACED], env=clean_env(env), capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    return done.stdout.strip()


def test_spans_of_a_sampled_invocation_go_to_the_daemon() -> None:
    """As nested segments of the invocation's trace, faults included (AWS)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(10)
        traced(1, daemon.getsockname()[1])
        documents = [json.loads(daemon.recv(65536).splitlines()[1]) for _ in range(2)]
    inner, outer = documents
    assert (inner["name"], inner["fault"], inner["parent_id"]) == ("inner", True, outer["id"])
    assert (outer["name"], outer["annotations"]) == ("outer", {"rows": 3})
    assert outer["trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"
    assert outer["parent_id"] == "53995c3f42cd8ad8"


def test_an_invocation_that_is_not_sampled_loads_nothing() -> None:
    """Neither Powertools nor the X-Ray SDK: most invocations pay nothing for tracing (AWS)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        assert traced(0, daemon.getsockname()[1]) == ""
