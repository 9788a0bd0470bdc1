"""A stack of the test's own, as the handlers find it in their environment."""

from collections.abc import Iterator

import pytest

from tallybrook.entrypoints.lambdas import runtime
from tallybrook.ports.aws.clients import client
from tests.lambdas.stack import ADMIN_KEY, Stack
from tests.support.emulator import make_tables


@pytest.fixture
def here(stack: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """The stack's tables and admin key, and the environment of a function that works on them."""
    make_tables(stack)
    secrets = client("secretsmanager")
    secrets.create_secret(Name=f"{stack}/admin-key", SecretString=ADMIN_KEY)
    monkeypatch.setenv("TALLYBROOK_BACKEND", "aws")
    monkeypatch.setenv("TALLYBROOK_STACK", stack)
    runtime.forget()
    yield Stack(stack)
    runtime.forget()
