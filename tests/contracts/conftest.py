"""The SQL engines, which are opened once for all modules of their suite."""

from collections.abc import Iterator

import pytest

from tests.contracts.engines import Place, Places, opened
from tests.support.emulator import new_stack


@pytest.fixture(scope="package")
def places(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Places]:
    def stack() -> str:
        request.getfixturevalue("emulator")
        return new_stack()

    with opened(tmp_path_factory.mktemp("places"), stack, pytest.MonkeyPatch) as found:
        yield found


@pytest.fixture(scope="package", params=["local", "aws", "athena"])
def place(request: pytest.FixtureRequest, places: Places) -> Place:
    return places.open(request.param)
