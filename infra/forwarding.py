"""Forwarding: what the function may write to, what it signs with, and events for it alone."""

from aws_cdk import Aws, Fn, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from infra.arns import Arns
from infra.function import Functions
from infra.intake import TRIES, Intake
from infra.settings import StackSettings
from tallybrook.forwarding.delivering import BUS_SOURCE

_CfnSecret = secrets.CfnSecret
STREAMS = {"kinesis": "stream", "firehose": "deliverystream"}
"""What the service calls that which is written to, in ARNs."""


class Forwarding(Construct):
    """Made in two steps, as ``Intake``. A shard of the events table's stream has no room for a
    third reader: the function follows the log when the clock calls it. Its timeout is shorter than
    the time to the next call, so that no two follow it at once.

    Without a target nothing is made; without an address to post to, ``secret`` is None.
    """

    def __init__(
        self, scope: Construct, settings: StackSettings, arns: Arns, intake: Intake
    ) -> None:
        super().__init__(scope, "Forwarding")
        self._settings, self._intake = settings, intake
        target = settings.forward_target
        self.secret = self._secret() if target and target.kind == "http" else None
        made = self.secret.node.default_child if self.secret else None
        arns.add("secret:forwarding", *([made.attr_id] if isinstance(made, _CfnSecret) else []))
        for kind, noun in STREAMS.items():
            found = [_arn(kind, noun, target.name)] if target and target.kind == kind else []
            arns.add(f"sink:{kind}", *found)

    def connect(self, functions: Functions) -> None:
        function = functions.by_name.get("forward")
        if function is None:
            return
        undelivered = self._intake.undelivered
        events.Rule(
            self,
            "Rule",
            event_bus=self._intake.bus,
            description="What is said to be for forwarding alone is forwarded at once",
            event_pattern=events.EventPattern(account=[Aws.ACCOUNT_ID], source=[BUS_SOURCE]),
            targets=[
                targets.LambdaFunction(
                    function, dead_letter_queue=undelivered, retry_attempts=TRIES
                )
            ],
        )

    def _secret(self) -> secrets.Secret:
        return secrets.Secret(
            self,
            "Secret",
            secret_name=f"{self._settings.stack}/forwarding",
            description="What Tallybrook signs posts of events with; the receiver has to know it",
            generate_secret_string=secrets.SecretStringGenerator(
                exclude_punctuation=True, password_length=40
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )


def _arn(service: str, noun: str, name: str) -> str:
    place = ["arn:", Aws.PARTITION, f":{service}:", Aws.REGION, ":", Aws.ACCOUNT_ID]
    return Fn.join("", [*place, f":{noun}/{name}"])
