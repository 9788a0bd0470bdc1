"""cdk-nag's AwsSolutions rules and cfn-lint: what is accepted, and why. Everything else fails."""

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from msgspec import Struct

from infra.stack import TallybrookStack


class Accepted(Struct, frozen=True):
    """A finding that is accepted: the rule, parts of the paths it is for, and the reason.

    ``{stack}`` in a rule is the name of the stack.
    """

    rule: str
    paths: tuple[str, ...]
    reason: str


_BUCKET = "Resource::arn:<AWS::Partition>:s3:::{stack}-<AWS::AccountId>-<AWS::Region>"
_CONNECTIONS = (
    "Resource::arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>"
    ":<LiveApi149456B6>/live/POST/@connections/*"
)

ACCEPTED: tuple[Accepted, ...] = (
    Accepted(
        "SMG4", ("Storage/AdminKey", "Entities/Secret", "Assessments/Secret", "Forwarding/Secret"),
        "The secret makes the first admin key, once. Keys are rotated in Tallybrook, where they "
        "are scoped and revocable; a rotated secret would not change any of them. The one that "
        "alerts and forwarded events are signed with is known to their receiver too, who has to "
        "change with it. Pseudonyms change with theirs, so that is rotated by Tallybrook alone.",
    ),
    Accepted(
        "S1", ("Storage/Bucket",),
        "Only the functions of this stack read and write the bucket, and their logs name the "
        "objects. A second bucket of access logs would cost more than the first on a small stack.",
    ),
    Accepted(
        "DDB3", ("Storage/SocketsTable",),
        "Open connections: gone within hours, and of no use after a restore.",
    ),
    Accepted(
        "SQS3", ("Intake/Undelivered",),
        "It is where calls that failed for good are kept; nothing takes from it but a person, and "
        "an alarm says that it is not empty.",
    ),
    Accepted(
        "APIG4", ("Intake/Api", "Live/Api"),
        "Keys are checked by the application, in the same code as in the embedded product: scopes, "
        "accounts and rates belong to Tallybrook's keys, and existing clients send them in ways "
        "an authorizer of the gateway does not read.",
    ),
    Accepted(
        "APIG1", ("Live/Stage",),
        "Access logs of a WebSocket API need a role that is set for the whole account and region; "
        "a stack must not change that. The function logs every connection.",
    ),
    Accepted(
        "L1", ("Functions",),
        "The newest Python that every dependency of the lock file has wheels for.",
    ),
    Accepted(
        "ASC3", ("GraphQl/Api",),
        "Errors are logged. Verbose content is left out because it holds the callers' keys.",
    ),
    Accepted(
        f"IAM5[{_BUCKET}/lake/*]", ("Functions/QueryRole", "Functions/LakeRole"),
        "Objects under one prefix of the stack's own bucket; their names are not known beforehand.",
    ),
    Accepted(
        f"IAM5[{_BUCKET}/tmp/results/*]", ("Functions/QueryRole", "Functions/LakeRole"),
        "Objects under one prefix of the stack's own bucket; their names are not known beforehand.",
    ),
    Accepted(
        f"IAM5[{_BUCKET}/results/athena/*]", ("Functions/QueryRole",),
        "Objects under one prefix of the stack's own bucket; Athena gives them their names.",
    ),
    Accepted(
        f"IAM5[{_BUCKET}/raw/*]",
        ("Functions/S3Role", "Functions/HttpRole", "Functions/AnonymizerRole"),
        "Objects under one prefix of the stack's own bucket; their names are not known beforehand.",
    ),
    Accepted(
        f"IAM5[{_BUCKET}/received/*]",
        ("Functions/S3Role", "Functions/HttpRole", "Functions/AnonymizerRole"),
        "Objects under one prefix of the stack's own bucket; their names are not known beforehand.",
    ),
    Accepted(
        f"IAM5[{_BUCKET}/anonymised/*]",
        ("Functions/HttpRole", "Functions/AnonymizerRole", "Functions/OceanRole"),
        "Objects under one prefix of the stack's own bucket; their names are not known beforehand.",
    ),
    *(
        Accepted(
            f"IAM5[{_BUCKET}/{prefix}/*]", ("Functions/S3Role",),
            "Objects under one prefix of the stack's own bucket; their names are whatever people "
            "call their files, and digests of what is in those.",
        )
        for prefix in (
            "archive", "exports", "imports", "imports/errors", "processed", "processed/insights",
        )
    ),
    *(
        Accepted(
            f"IAM5[{_BUCKET}/{prefix}/*]", ("Functions/WorkflowRole",),
            "Objects under one prefix of the stack's own bucket; their names are not known "
            "beforehand.",
        )
        for prefix in ("raw", "archive", "runs", "rollups", "reports")
    ),
    Accepted(
        "SF1", ("Workflow/Machine",),
        "Each step of each run is kept in the state and shown by GET /runs; a log of every "
        "transition would cost as much again.",
    ),
    Accepted(
        "SF2", ("Workflow/Machine",),
        "Traced from the tier on that pays for tracing, as everything else is.",
    ),
    Accepted(
        f"IAM5[{_CONNECTIONS}]",
        ("Functions/SocketsRole", "Functions/SequenceRole", "Functions/RecountRole",
         "Functions/EntitiesRole"),
        "Connections of this stack's own WebSocket API; their names are not known beforehand.",
    ),
    Accepted(
        "IAM5[Resource::*]", ("Functions",),
        "Listing streams and sending traces: neither action knows a resource. Each role's exact "
        "actions are held by a test.",
    ),
)  # fmt: skip

LINT_ACCEPTED = {
    "W3005": "The CDK writes a dependency that a reference implies as well; it is harmless.",
}
"""Rules of cfn-lint that are left out."""


def check(app: cdk.App, stack: TallybrookStack) -> None:
    """Have synthesis fail on findings that are not accepted."""
    resources = [node for node in stack.node.find_all() if isinstance(node, cdk.CfnResource)]
    for accepted in ACCEPTED:
        rule = accepted.rule.format(stack=stack.settings.stack)
        for resource in resources:
            if any(f"/{path}" in resource.node.path for path in accepted.paths):
                cdk.Validations.of(resource).acknowledge(
                    cdk.Acknowledgment(
                        id=f"AwsSolutions::AwsSolutions-{rule}", reason=accepted.reason
                    )
                )
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
