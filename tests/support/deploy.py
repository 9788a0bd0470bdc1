"""Deploying a synthesised stack into the emulator, and the little it needs beforehand."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.deploying import BOOTSTRAP
from infra.deploying import deploy as deploy_stack
from tallybrook.ports.aws.clients import client
from tests.support.emulator import REGION, Emulator

ASSETS = "cdk-hnb659fds-assets-{account}-{region}"
PUSHING = ("sockets", "sequence", "recount", "entities")
"""Functions that post to open WebSockets."""


def deploy(emulator: Emulator, template_dir: Path, stack: str) -> dict[str, str]:
    """Deploy what ``infra synth --out template_dir`` wrote; returns the stack's outputs.

    The environment is the emulator's (fixture ``emulator``). Afterwards the addresses in the
    outputs and in the functions' environments are those that answer here: the template's are
    host names of AWS. Safe to call again, for an update.
    """
    _bootstrap()
    outputs = _reachable(emulator, deploy_stack(template_dir, stack, poll_s=0.2, level=0))
    for name in PUSHING:
        _point(f"{stack}-{name}", outputs["SocketsManagementUrl"])
    return outputs


def allow_plain_http(template_dir: Path, stack: str) -> None:
    """Take the refusal of plain HTTP out of a synthesised template.

    For an emulator that checks policies (``AUTH=true``): it speaks plain HTTP on the loopback, and
    the bucket and the queues rightly refuse that.
    """
    path = template_dir / f"{stack}.template.json"
    template = json.loads(path.read_bytes())
    for made in template["Resources"].values():
        if made["Type"] in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"):
            document = made["Properties"]["PolicyDocument"]
            allowed = [s for s in document["Statement"] if s["Effect"] != "Deny"]
            document["Statement"] = allowed or [_NOTHING]
    path.write_text(json.dumps(template))


_NOTHING = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": ["s3:PutBucketAcl", "sqs:AddPermission"],
    "Resource": "*",
}
"""A policy has to say something."""


def _bootstrap() -> None:
    """What `cdk bootstrap` leaves in an account, as far as a deployment looks for it."""
    client("ssm").put_parameter(Name=BOOTSTRAP, Value="30", Type="String", Overwrite=True)
    account = client("sts").get_caller_identity()["Account"]
    bucket = ASSETS.format(account=account, region=REGION)
    known = {found["Name"] for found in client("s3").list_buckets()["Buckets"]}
    if bucket not in known:
        client("s3").create_bucket(Bucket=bucket)


def _reachable(emulator: Emulator, outputs: dict[str, str]) -> dict[str, str]:
    """The emulator answers for every API under one address; the API's id is a part of the path."""
    gateway = f"{emulator.endpoint}/_aws/execute-api"
    api, sockets = (_api_id(outputs[name]) for name in ("ApiUrl", "SocketsUrl"))
    return outputs | {
        "ApiUrl": f"{gateway}/{api}/$default",
        "SocketsUrl": f"{gateway}/{sockets}/live".replace("http://", "ws://"),
        "SocketsManagementUrl": f"{gateway}/{sockets}/live",
        "GraphqlUrl": f"{emulator.endpoint}/v1/apis/{outputs['GraphqlApiId']}/graphql",
    }


def _api_id(url: str) -> str:
    return str(urlsplit(url).hostname).partition(".")[0]


def _point(function: str, url: str) -> None:
    functions: Any = client("lambda")
    known = functions.get_function_configuration(FunctionName=function)
    variables = known["Environment"]["Variables"] | {"TALLYBROOK_SOCKETS_URL": url}
    functions.update_function_configuration(
        FunctionName=function, Environment={"Variables": variables}
    )
