"""The API document is what is served: OpenAPI 3.1, and schemathesis finds nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tallybrook.entrypoints.server.routes import ROUTES
from tests.server.running import Account, Running
from tests.support.commands import clean_env

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("TALLYBROOK_SCHEMA_EXAMPLES", "3")
"""Of each kind for each call, besides what the phase of examples always tries."""


@pytest.fixture
def seeded(account: Account) -> Account:
    """An account that has something of everything, so that reads have something to show."""
    account.send({"event_type": "0", "user_id": "0", "event_id": "0"}, {"user_id": "no type"})
    account.http.put("/records/items/0", json={"createdAt": "2000-01-01T00:00:00Z"})
    return account


PHASES = "examples,fuzzing,stateful"


@pytest.mark.parametrize(
    ("seed", "examples", "phases"),
    [
        (1, EXAMPLES, PHASES),
        pytest.param(2, "60", f"coverage,{PHASES}", marks=pytest.mark.slow),
    ],
)
def test_schemathesis_finds_nothing(
    server: Running, seeded: Account, tmp_path: Path, seed: int, examples: str, phases: str
) -> None:
    """All checks, with valid and with invalid data, on every call of the served document; each
    limit of each parameter in turn (three thousand requests) in `make soak`."""
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run",
            f"{server.url}/openapi.json", "--header", f"Authorization: Bearer {seeded.key}",
            "--max-examples", examples, "--phases", phases,
            "--seed", str(seed), "--continue-on-failure", "--warnings", "off",
            "--request-timeout", "20", "--generation-database", "none",
        ],
        cwd=tmp_path,
        env=clean_env(),
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, _brief(done.stdout) + done.stderr
    assert "generated" in done.stdout


def _brief(report: str) -> str:
    return "\n".join(line[:400] for line in report.splitlines())


def test_every_route_is_described(account: Account) -> None:
    """The document names every call with its statuses, bodies and the scope it needs."""
    document = account.get("/openapi.json")
    assert document["openapi"].startswith("3.1")
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        assert str(route.status) in operation["responses"]
        assert operation["summary"]
        if route.scope is not None:
            assert {"401", "403"} <= set(operation["responses"])
            assert route.scope in operation["description"]
    ids = [o["operationId"] for path in document["paths"].values() for o in path.values()]
    assert len(ids) == len(set(ids))


def test_the_pages_are_browsable(account: Account) -> None:
    """/docs and /docs/errors are pages without scripts of others; every error type is there."""
    for path in ("/docs", "/docs/errors"):
        page = account.http.get(path)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "http://" not in page.text
        assert "https://" not in page.text
    errors = account.http.get("/docs/errors").text
    kinds = {
        account.http.get("/events/none").json()["type"],
        account.http.get("/analytics").json()["type"],
    }
    for kind in kinds:
        assert f'id="{kind.partition("#")[2]}"' in errors
