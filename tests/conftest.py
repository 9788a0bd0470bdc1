"""Fixtures of every folder: the emulated AWS account, one a test process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.contracts import parity
from tests.support.emulator import Emulator, new_stack, running_emulator

# A slow machine is no finding: what is to be fast is measured by `make bench`.
settings.register_profile("tallybrook", deadline=None)
settings.load_profile("tallybrook")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    parity.expect(items)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A running emulator, to which every AWS client of this process is pointed."""
    folder: Path = tmp_path_factory.mktemp("aws")
    with running_emulator(folder) as running:
        before = {name: os.environ.get(name) for name in running.environment}
        os.environ.update(running.environment)
        yield running
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@pytest.fixture
def stack(emulator: Emulator) -> str:
    """The name of a stack of this test's own; nothing is in it yet."""
    return new_stack()
