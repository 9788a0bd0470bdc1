"""Calling another function of the stack, and waiting for what it says."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
import msgspec
from botocore.config import Config

from tallybrook.errors import StorageError
from tallybrook.ports.aws.clients import translated

LONGEST_S = 60
"""Longer than any function that is called answers."""


def call(function: str, event: Mapping[str, Any]) -> Any:
    """What a function gives. Called again after an answer that was lost: it has to bear that.

    Raises ``StorageError`` with its message where it failed.
    """
    with translated(f"call {function}"):
        answer = _functions().invoke(FunctionName=function, Payload=msgspec.json.encode(event))
        body = answer["Payload"].read()
    found = msgspec.json.decode(body) if body else None
    if "FunctionError" in answer:
        reason = found.get("errorMessage") if isinstance(found, dict) else found
        raise StorageError(f"{function} failed: {reason}")
    return found


@cache
def _functions() -> Any:
    patient = Config(read_timeout=LONGEST_S, connect_timeout=2, retries={"total_max_attempts": 2})
    return boto3.client("lambda", config=patient)
