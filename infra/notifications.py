"""Which function or queue S3 tells of a new object, by the beginning of its key.

One table for the whole bucket: S3 refuses two rules for the same event whose prefixes overlap, so
whoever wants to be told of something adds a line here. What lies under another prefix (outputs,
the archive, the lake) tells nobody.

Files that people drop under ``raw/assessments/`` go to the function of files, which stores their
rows as single assessments under a prefix of their own; that one is the anonymizer's.
"""

from collections.abc import Mapping
from itertools import permutations

from aws_cdk import Aws, Fn
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.function import Functions
from tallybrook.files.places import PREFIXES

NOTIFIED: Mapping[str, str] = dict.fromkeys(PREFIXES, "s3")
"""The name of the function by prefix."""


class Notifications(Construct):
    """The bucket's notifications, and who lets S3 call them."""

    def __init__(
        self, scope: Construct, functions: Functions, bucket: s3.Bucket,
        queues: Mapping[str, sqs.Queue],
    ) -> None:  # fmt: skip
        super().__init__(scope, "Notifications")
        require_apart({**NOTIFIED, **dict.fromkeys(queues, "")})
        made = bucket.node.default_child
        assert isinstance(made, s3.CfnBucket)
        made.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            lambda_configurations=[
                _told(prefix, functions.by_name[name]) for prefix, name in NOTIFIED.items()
            ],
            queue_configurations=[_queued(prefix, queue) for prefix, queue in queues.items()],
        )
        for name in dict.fromkeys(NOTIFIED.values()):
            # S3 asks the function while the notification is set.
            made.add_resource_dependency(self._allowed(name, functions.by_name[name]))

        for queue in queues.values():
            made.add_resource_dependency(_may_be_sent_to(queue, made))

    def _allowed(self, name: str, function: lambda_.Function) -> lambda_.CfnPermission:
        return lambda_.CfnPermission(
            self,
            f"{name.capitalize()}Permission",
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal="s3.amazonaws.com",
            source_account=Aws.ACCOUNT_ID,
        )


def require_apart(prefixes: Mapping[str, str]) -> None:
    """Raise ``ValueError`` for two prefixes of which S3 would refuse the second."""
    for one, other in permutations(prefixes, 2):
        if other.startswith(one):
            raise ValueError(f"S3 takes no rule for {other} beside one for {one}")


CREATED = "s3:ObjectCreated:*"


def _told(prefix: str, function: lambda_.Function) -> s3.CfnBucket.LambdaConfigurationProperty:
    return s3.CfnBucket.LambdaConfigurationProperty(
        event=CREATED, function=function.function_arn, filter=_below(prefix)
    )


def _queued(prefix: str, queue: sqs.Queue) -> s3.CfnBucket.QueueConfigurationProperty:
    return s3.CfnBucket.QueueConfigurationProperty(
        event=CREATED, queue=queue.queue_arn, filter=_below(prefix)
    )


def _below(prefix: str) -> s3.CfnBucket.NotificationFilterProperty:
    rule = s3.CfnBucket.FilterRuleProperty(name="prefix", value=prefix)
    return s3.CfnBucket.NotificationFilterProperty(
        s3_key=s3.CfnBucket.S3KeyFilterProperty(rules=[rule])
    )


def _may_be_sent_to(queue: sqs.Queue, bucket: s3.CfnBucket) -> sqs.CfnQueuePolicy:
    """Let S3 send on behalf of the bucket; it tries while the notification is set. The bucket is
    named and not referred to: it depends on the policy."""
    arn = Fn.join("", ["arn:", Aws.PARTITION, ":s3:::", str(bucket.bucket_name)])
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            principals=[iam.ServicePrincipal("s3.amazonaws.com")],
            conditions={
                "ArnEquals": {"aws:SourceArn": arn},
                "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
            },
        )
    )
    policy = queue.node.find_child("Policy").node.default_child
    assert isinstance(policy, sqs.CfnQueuePolicy)
    return policy
