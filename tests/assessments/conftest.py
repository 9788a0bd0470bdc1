"""What tests of assessments share."""

from typing import Any

import pytest


@pytest.fixture(scope="session")
def stats() -> Any:
    """scipy.stats, which takes a second to load."""
    from scipy import stats as loaded

    return loaded
