"""The rival: a handler that makes one boto3 client and reads one item with it."""

import shutil
from pathlib import Path

from infra.bundling import host
from infra.bundling.packing import pack

SOURCE = """
import os
import boto3

CLIENT = boto3.client("dynamodb")


def handler(event, context):
    CLIENT.get_item(TableName=os.environ["TABLE"], Key={"pk": {"S": "none"}})
    return {"statusCode": 200}
"""

DISTRIBUTIONS = {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}


def bare_bundle(out_dir: Path) -> Path:
    """Its folder, packed as the functions' are."""
    folder = out_dir / "bare"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / "bare.py").write_text(SOURCE)
    pack(folder, host(), DISTRIBUTIONS, {"dynamodb"})
    return folder
