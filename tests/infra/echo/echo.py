"""Stands in for every function: keeps what it was called with where the test can read it."""

import json
import os
import uuid

import boto3


def handler(event, context):
    name = context.function_name.removeprefix(os.environ["TALLYBROOK_STACK"] + "-")
    seen = {"event": event, "environment": dict(os.environ)}
    boto3.client("s3").put_object(
        Bucket=os.environ["TALLYBROOK_BUCKET"],
        Key=f"seen/{name}/{uuid.uuid4()}",
        Body=json.dumps(seen, default=str).encode(),
    )
    if "rawPath" in event:
        return {"statusCode": 200, "body": json.dumps({"function": name, "path": event["rawPath"]})}
    if "info" in event:
        return {"recordType": "echo", "count": 1}
    return {"statusCode": 200, "batchItemFailures": []}
