"""boto3 clients: one of each service a process, made when first asked for.

Region, credentials and endpoint are the SDK's own affair (``AWS_REGION``, the execution role,
``AWS_ENDPOINT_URL`` for an emulator). Every client retries throttles and broken connections
itself; what reaches ``translated`` afterwards is an answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import botocore
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tallybrook import __version__
from tallybrook.errors import StorageError, TallybrookError
from tallybrook.ports.aws.metering import watch

CONNECTIONS = 32
"""Calls one client may have under way at once."""

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    connect_timeout=2,
    read_timeout=20,
    max_pool_connections=CONNECTIONS,
    # Said once: the SDK's own is put together again for every call, a tenth of what a call takes.
    user_agent=f"tallybrook/{__version__} Botocore/{botocore.__version__}",
)

THROTTLES = frozenset(
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""Codes that say: the same call later."""


@cache
def client(service: str) -> Any:
    """The client of a service. Untyped, as the SDK makes its methods at run time."""
    made = boto3.client(service, config=_CONFIG)
    watch(made)
    return made


def error_code(error: ClientError) -> str:
    """The service's name of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the SDK's errors into ours: ``StorageError`` where the same call may succeed later, a
    plain ``TallybrookError`` where it will not (a missing permission, a malformed request)."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in THROTTLES or status >= 500:
            raise StorageError(f"{doing}: {code}") from error
        raise TallybrookError(f"{doing}: {error}") from error
    except BotoCoreError as error:
        raise StorageError(f"{doing}: {error}") from error
