"""What each function loads, at work: a package that is not on its list fails its test, and so does
a budget that is passed. Memory and start-up time are paid for at every cold start."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import Struct

from tallybrook.ports.aws.clients import client
from tests.lambdas import deliveries as d
from tests.lambdas.requests import socket_event, v2
from tests.lambdas.stack import Stack
from tests.support.emulator import Emulator

SDK = frozenset(
    {
        # urllib3 loads what reads Zstandard when it is there.
        "backports",
        "boto3",
        "botocore",
        "certifi",
        "dateutil",
        "jmespath",
        "s3transfer",
        "six",
        "urllib3",
    }
)
CORE = SDK | {"msgspec", "tallybrook", "typing_extensions", "xxhash"}
LIVE = CORE | {"anyio", "starlette"}
WEB = LIVE | {"mangum"}


class Function(Struct):
    """One function: what it is sent, the packages it may load, and how many modules at most."""

    event: Any
    allowed: frozenset[str]
    modules: int


FUNCTIONS = {
    "kinesis": Function(d.kinesis(d.event("e")), CORE, 270),
    "sqs": Function(d.sqs(d.event("e")), CORE, 270),
    "s3": Function(d.s3("none", "raw/events/x"), CORE, 310),
    "bus": Function(d.bus({"n": 1}), CORE, 270),
    "forward": Function([d.event("e")], CORE, 305),
    "http": Function(v2("GET", "/health"), WEB, 425),
    "sequence": Function({"Records": [d.inserted("e")]}, LIVE, 275),
    "entities": Function({"Records": [d.inserted("e")]}, CORE, 305),
    "recount": Function({"Records": [d.inserted("e")]}, CORE, 275),
    "sockets": Function(socket_event("CONNECT"), LIVE, 270),
    "lake": Function({}, CORE | {"duckdb", "_duckdb", "numpy"}, 405),
    "anonymizer": Function(d.sqs("{}"), CORE, 322),
    "ocean": Function(d.sqs("{}"), CORE, 322),
    "dual_ai": Function(d.sqs("{}"), CORE, 310),
    "workflow": Function(
        {"account_id": "default", "run_id": "none", "step": "fail"}, CORE | {"numpy"}, 420
    ),
    "schedule": Function({}, CORE | {"aws_lambda_powertools"}, 320),
    # The engine and what parses SQL are in a child process.
    "query": Function(v2("GET", "/health"), WEB, 430),
}
"""A budget is the count when it was set and a twentieth: raising one is a decision. ``webhook`` is
in ``test_limits`` alone: outside of its bundle httpx brings its command line along."""

SCRIPT = """
import json, os, sys
before = set(sys.modules)
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
import boto3
from importlib import import_module
import_module("tallybrook.entrypoints.lambdas.runtime")
boto3.client("dynamodb")
class Context:
    get_remaining_time_in_millis = staticmethod(lambda: 60_000)
def work(name, event, environment):
    os.environ.clear()
    os.environ.update(environment)
    answer = import_module("tallybrook.entrypoints.lambdas." + name).handler(event, Context)
    assert (answer or {}).get("statusCode", 200) in (200, 401), answer
    known = sys.stdlib_module_names
    others = [name.partition(".")[0] for name in set(sys.modules) - before]
    others = [top for top in others if top not in known and not top.startswith("_")]
    print(json.dumps([len(others), sorted(set(others))]), file=answers, flush=True)
for asked in sys.stdin:
    child = os.fork()
    if child == 0:
        work(*json.loads(asked))
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print("null", file=answers, flush=True)
"""
"""A process that has loaded what every function begins with, and forks for each function."""

Loads = Callable[[str, Any], tuple[int, set[str]]]


@pytest.fixture(scope="module")
def loaded(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loads]:
    """How many modules besides the standard library's a function loads for one invocation, and
    from which packages. Nothing is loaded there that another function asked for."""
    said = tmp_path_factory.mktemp("loading") / "stderr"
    with (
        said.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
        ) as process,
    ):  # fmt: skip
        assert process.stdin is not None
        asking, answers = process.stdin, process.stdout

        def ask(name: str, event: Any) -> tuple[int, set[str]]:
            print(json.dumps([name, event, dict(os.environ)]), file=asking, flush=True)
            assert answers is not None
            answer = json.loads(answers.readline() or "null")
            assert answer is not None, said.read_text()
            return answer[0], set(answer[1])

        yield ask
        asking.close()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_loads_what_it_needs_and_no_more(
    here: Stack, name: str, loaded: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its packages are on the list, and its modules fit the budget, which is not a loose one."""
    client("s3").create_bucket(Bucket=here.name)
    client("events").create_event_bus(Name=here.name)
    monkeypatch.setenv("TALLYBROOK_BUCKET", here.name)
    monkeypatch.setenv("TALLYBROOK_SOCKETS_URL", "http://127.0.0.1:1/prod")
    monkeypatch.setenv("TALLYBROOK_FORWARD_TO", f"kinesis:{here.name}")
    monkeypatch.setenv("TALLYBROOK_SECRET", "s" * 32)
    client("kinesis").create_stream(StreamName=here.name, ShardCount=1)
    function = FUNCTIONS[name]
    count, tops = loaded(name, function.event)
    assert tops - function.allowed == set()
    assert count <= function.modules
    assert count * 1.2 > function.modules, "the budget is loose by now: lower it"
