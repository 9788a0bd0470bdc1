"""What each function loads, at work: a package that is not on its list fails its test, and so does
a budget that is passed. Memory and start-up time are paid for at every cold start."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from msgspec import Struct

from tallybrook.ports.aws.clients import client
from tests.lambdas import deliveries as d
from tests.lambdas.requests import socket_event, v2
from tests.lambdas.stack import Stack

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
import json, sys
before = set(sys.modules)
import importlib
module = importlib.import_module("tallybrook.entrypoints.lambdas." + sys.argv[1])
class Context:
    get_remaining_time_in_millis = staticmethod(lambda: 60_000)
answer = module.handler(json.load(sys.stdin), Context)
assert (answer or {}).get("statusCode", 200) in (200, 401), answer
loaded = set(sys.modules) - before
known = sys.stdlib_module_names
others = [name.partition(".")[0] for name in loaded]
others = [top for top in others if top not in known and not top.startswith("_")]
print(json.dumps([len(others), sorted(set(others))]))
"""


def loaded(name: str, event: Any) -> tuple[int, set[str]]:
    """How many modules besides the standard library's a fresh process loads for one invocation,
    and from which packages."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name],
        input=json.dumps(event), capture_output=True, text=True, check=False, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    count, tops = json.loads(done.stdout.splitlines()[-1])
    return count, set(tops)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_loads_what_it_needs_and_no_more(
    here: Stack, name: str, monkeypatch: pytest.MonkeyPatch
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
