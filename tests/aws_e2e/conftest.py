"""The synthesised stack, deployed into the emulator and reached from outside."""

import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct

from infra.functions import functions_of
from infra.settings import StackSettings
from infra.synth import synthesize
from tallybrook.entities import library
from tallybrook.ports.aws.clients import client
from tallybrook.reaching import NO_AUTHORITIES
from tests.support.bundles import shared_bundles
from tests.support.deploy import deploy
from tests.support.emulator import Emulator, new_stack
from tests.support.faults import FaultyServices, faulty_services

DEFINITIONS = Path(library.__file__).parent / "data" / "tutoring.toml"
"""A file of one's own, as far as the deployment knows."""

ARCHITECTURES = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


class Deployed(Struct):
    """A deployed stack: its name, its outputs, and a client with the first admin key."""

    stack: str
    outputs: dict[str, str]
    services: FaultyServices
    http: httpx.Client
    key: str

    def get(self, path: str, **params: Any) -> Any:
        """The answer of a GET that succeeds."""
        reply = self.http.get(path, params=params)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def send(self, events: list[dict[str, Any]]) -> Any:
        """Post a batch; the answer."""
        reply = self.http.post("/events/batch", json={"events": events})
        assert reply.status_code == 202, reply.text
        return reply.json()

    def counted(self, series: str) -> int:
        """What the counters say a series has."""
        return sum(s["count"] for s in self.get("/series")["series"] if s["series"] == series)

    def environment(self, function: str, **variables: str) -> None:
        """Change a function's environment: its next invocation starts anew with it."""
        functions: Any = client("lambda")
        name = f"{self.stack}-{function}"
        known = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": known | variables}
        )

    @contextmanager
    def with_environment(self, function: str, **variables: str) -> Iterator[None]:
        """The same for a while."""
        functions: Any = client("lambda")
        name = f"{self.stack}-{function}"
        before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        self.environment(function, **variables)
        try:
            yield
        finally:
            functions.update_function_configuration(
                FunctionName=name, Environment={"Variables": before}
            )


def host_settings(stack: str) -> StackSettings:
    """A stack whose functions run on this machine, with everything that a tier may add."""
    return StackSettings(
        stack=stack,
        mrr_usd=0,
        arch=ARCHITECTURES[platform.machine()],  # type: ignore[arg-type]
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        kinesis=True,
        entities=str(DEFINITIONS),
        alert_webhook="http://127.0.0.1:9/set-by-the-test",
        forward_to="http://127.0.0.1:9/set-by-the-test",
        forward_from="now",
        keep_data=False,
    )


@pytest.fixture(scope="session")
def deployed(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Made once a test process; the tests keep apart by the names of their series."""
    stack = new_stack()
    settings = host_settings(stack)
    assembly: Path = tmp_path_factory.mktemp("assembly")
    bundles = _packed(settings, tmp_path_factory)
    synthesize(replace(settings, bundles=bundles), assembly, checked=False, staged=False)
    outputs = deploy(emulator, assembly, stack)
    key = client("secretsmanager").get_secret_value(SecretId=f"{stack}/admin-key")["SecretString"]
    with (
        faulty_services(emulator.endpoint) as services,
        httpx.Client(
            base_url=outputs["ApiUrl"],
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
            trust_env=False,
            verify=NO_AUTHORITIES,
        ) as http,
    ):
        yield Deployed(stack, outputs, services, http, key)


def _packed(settings: StackSettings, factory: pytest.TempPathFactory) -> Path:
    """The folder of this machine's bundles, with every function of the stack in it."""
    made = shared_bundles(factory)
    (folder,) = {made(spec.name).parent for spec in functions_of(settings)}
    return folder
