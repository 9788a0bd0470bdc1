"""Deploying a synthesised stack: publish its files, make or update it, give its outputs.

Plain calls to S3 and CloudFormation with the caller's own credentials, so that one command of
this repository deploys, and the same code deploys into an emulator in the tests. The CDK's own
command line takes the same folder.
"""

import json
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError, WaiterError

from infra.bundling import zip_bundle
from tallybrook.errors import TallybrookError, UsageError

BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
NEEDED_BOOTSTRAP = 6


class DeploymentError(TallybrookError):
    """The stack was not made or updated; its events say why."""


def deploy(assembly: Path, stack: str, *, poll_s: float = 5, level: int = 6) -> dict[str, str]:
    """Publish and deploy; returns the outputs once everything is there.

    The same assembly again changes nothing. Raises ``UsageError`` where the account is not
    bootstrapped, ``DeploymentError`` with CloudFormation's reason where it fails.
    """
    session = boto3.Session()
    _require_bootstrap(session.client("ssm"))
    place = _place(session)
    url = _publish(session.client("s3"), assembly, stack, place, level)
    cloudformation = session.client("cloudformation")
    _apply(cloudformation, stack, url, poll_s)
    return outputs(cloudformation, stack)


def outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    """The outputs of a stack, by name."""
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _require_bootstrap(ssm: Any) -> None:
    try:
        version = int(ssm.get_parameter(Name=BOOTSTRAP)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        version = 0
    if version < NEEDED_BOOTSTRAP:
        raise UsageError("the account is not bootstrapped for the CDK: `make bootstrap` once")


def _place(session: Any) -> dict[str, str]:
    account = session.client("sts").get_caller_identity()["Account"]
    partition = session.get_partition_for_region(session.region_name)
    return {
        "${AWS::AccountId}": account,
        "${AWS::Region}": session.region_name,
        "${AWS::Partition}": partition,
    }


def _filled(text: str, place: Mapping[str, str]) -> str:
    for name, value in place.items():
        text = text.replace(name, value)
    return text


def _publish(s3: Any, assembly: Path, stack: str, place: Mapping[str, str], level: int) -> str:
    """Upload what is not there yet (names are hashes of contents); the template's URL."""
    manifest = json.loads((assembly / f"{stack}.assets.json").read_bytes())
    url = ""
    for file in manifest["files"].values():
        (destination,) = file["destinations"].values()
        bucket = _filled(destination["bucketName"], place)
        key = destination["objectKey"]
        source = assembly / file["source"]["path"]
        if not _exists(s3, bucket, key):
            s3.put_object(Bucket=bucket, Key=key, Body=_packed(source, level))
        if source.name == f"{stack}.template.json":
            url = f"{s3.meta.endpoint_url}/{bucket}/{key}"
    return url


def _exists(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return False
    return True


def _packed(source: Path, level: int) -> bytes:
    """A file as it is, a folder as an archive that is the same for the same contents."""
    if source.is_file():
        return source.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        return zip_bundle(source, Path(folder) / "packed.zip", level).read_bytes()


def _apply(cloudformation: Any, stack: str, url: str, poll_s: float) -> None:
    existing = _status(cloudformation, stack) not in (None, "REVIEW_IN_PROGRESS")
    change: dict[str, Any] = {"StackName": stack, "ChangeSetName": f"deploy-{uuid.uuid4().hex}"}
    cloudformation.create_change_set(
        **change,
        ChangeSetType="UPDATE" if existing else "CREATE",
        TemplateURL=url,
        Capabilities=["CAPABILITY_IAM"],
    )
    wait = {"Delay": poll_s, "MaxAttempts": 720}
    try:
        cloudformation.get_waiter("change_set_create_complete").wait(**change, WaiterConfig=wait)
    except WaiterError:
        _nothing_to_change(cloudformation, change)
        return
    cloudformation.execute_change_set(**change)
    waiter = "stack_update_complete" if existing else "stack_create_complete"
    try:
        cloudformation.get_waiter(waiter).wait(StackName=stack, WaiterConfig=wait)
    except WaiterError:
        raise DeploymentError(_reasons(cloudformation, stack)) from None


def _status(cloudformation: Any, stack: str) -> str | None:
    try:
        described = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    status: str = described[0]["StackStatus"]
    return status


def _nothing_to_change(cloudformation: Any, change: Mapping[str, str]) -> None:
    """A change set without changes fails; that is success. Any other failure is raised."""
    reason = cloudformation.describe_change_set(**change).get("StatusReason", "")
    cloudformation.delete_change_set(**change)
    if "didn't contain changes" not in reason and "No updates" not in reason:
        raise DeploymentError(reason)


def _reasons(cloudformation: Any, stack: str) -> str:
    """What failed first, from the stack's events."""
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
        for event in reversed(events)
        if event.get("ResourceStatus", "").endswith("_FAILED")
    ]
    return "; ".join(failed[:3]) or "the stack was rolled back"


def remove(stack: str, *, poll_s: float = 5) -> None:
    """Delete a stack and wait until it is gone; what it was told to keep stays."""
    cloudformation = boto3.client("cloudformation")
    cloudformation.delete_stack(StackName=stack)
    wait = {"Delay": poll_s, "MaxAttempts": 720}
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=wait)
    except WaiterError:
        raise DeploymentError(_reasons(cloudformation, stack)) from None
