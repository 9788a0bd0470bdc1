"""The SQL engine inside a Lambda function: the engine of one machine over DynamoDB and S3.

What it promises beside the contract: a query sees every event that has a sequence number. One
that was acknowledged and not numbered yet follows within the lag of the events table's stream.
Files are copied whole to the function's disk, those the statement's dates need, before it runs;
DuckDB itself has no network, no extension for one, and no credentials.
"""

import os
from functools import partial
from pathlib import Path

import boto3

from tallybrook.ports.sql import Limits
from tallybrook.ports.sql.local import LocalSqlEngine
from tallybrook.ports.sql.process import BASE_BYTES
from tallybrook.ports.sql.results import REUSE_S
from tallybrook.ports.sql.source import AwsSource

DEFAULT_CACHE_BYTES = 384 * 1024 * 1024
"""Of the 512 MB that a function's disk has by default."""

OWN_BYTES = 96 * 1024 * 1024
"""What the function's own process takes beside its child."""

SMALLEST_QUERY_BYTES = 64 * 1024 * 1024
_MB_A_CORE = 1769
_KEPT = (
    "AWS_CA_BUNDLE",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
)


def open_engine(
    stack: str,
    bucket: str,
    cache_dir: Path,
    *,
    limits: Limits,
    children: int = 1,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
    reuse_s: float = REUSE_S,
) -> LocalSqlEngine:
    """An engine over a stack; ``start()`` starts its child. ``cache_bytes`` is for each child."""
    source = partial(aws_source, stack, bucket, cache_dir, cache_bytes)
    return LocalSqlEngine(source, children=children, limits=limits, reuse_s=reuse_s)


def aws_source(stack: str, bucket: str, cache_dir: Path, cache_bytes: int) -> AwsSource:
    """What a child needs, with the credentials as they are now: a later child gets later ones."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return AwsSource(stack, bucket, str(cache_dir), cache_bytes, kept | _credentials())


def _credentials() -> dict[str, str]:
    found = boto3.Session().get_credentials()
    if found is None:
        return {}
    frozen = found.get_frozen_credentials()
    named = {
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
        "AWS_SESSION_TOKEN": frozen.token,
    }
    return {name: value for name, value in named.items() if value}


def limits_of(function_mb: int) -> Limits:
    """What one query may use in a function of this size (MiB), so that the watched child is
    stopped before the function would be: ``process`` allows it a quarter and a base on top."""
    left = (function_mb << 20) - OWN_BYTES - BASE_BYTES
    return Limits(max(SMALLEST_QUERY_BYTES, left * 4 // 5), max(1, round(function_mb / _MB_A_CORE)))
