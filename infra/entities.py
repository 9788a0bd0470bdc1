"""Entities: the second reader of the events table's stream, and the way of alerts to a webhook."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_secretsmanager as secrets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.arns import Arns
from infra.function import Functions
from infra.functions import FUNCTIONS
from infra.intake import TRIES, Intake
from infra.mapping import read_queue, read_stream
from infra.settings import StackSettings
from infra.storage import Storage
from tallybrook.entities.alerts import PUBLISHER
from tallybrook.entities.webhook import MAX_TRIES

BATCH, WINDOW_S = 100, 1
WEBHOOK_CONCURRENCY = 2
"""The fewest that a queue's mapping takes: nobody wants their receiver flooded."""

LOST_TRIES = 3
"""Receives beyond those that the function counts: it died each time."""


class Entities(Construct):
    """Made in two steps, as ``Intake``. A shard of a stream has room for two readers: ``sequence``
    and ``entities``; a third would slow down both.

    Without a webhook ``alerts`` and ``secret`` are None, and alerts are on the bus alone.
    """

    def __init__(
        self, scope: Construct, settings: StackSettings, arns: Arns, intake: Intake
    ) -> None:
        super().__init__(scope, "Entities")
        self._settings, self._intake = settings, intake
        self.alerts = self._queue() if settings.alert_webhook else None
        self.secret = self._secret() if settings.alert_webhook else None
        if self.alerts and self.secret:
            arns.add("queue:alerts", self.alerts.queue_arn)
            made = self.secret.node.default_child
            assert isinstance(made, secrets.CfnSecret)
            arns.add("secret:alert-webhook", made.attr_id)

    def connect(self, storage: Storage, functions: Functions) -> None:
        undelivered_arn = self._intake.undelivered.queue_arn
        read_stream(
            self, "Stream", functions.by_name["entities"],
            storage.tables["events"].table_stream_arn or "",
            batch=BATCH, window_s=WINDOW_S, partial=True, retries=TRIES,
            on_failure_arn=undelivered_arn,
        )  # fmt: skip
        if self.alerts:
            read_queue(
                self, "AlertsMapping", functions.by_name["webhook"], self.alerts.queue_arn,
                batch=1, concurrency=WEBHOOK_CONCURRENCY,
            )  # fmt: skip
            self._route(self.alerts)

    def _queue(self) -> sqs.Queue:
        timeout_s = next(spec.timeout_s for spec in FUNCTIONS if spec.name == "webhook")
        dead = sqs.DeadLetterQueue(
            max_receive_count=MAX_TRIES + LOST_TRIES, queue=self._intake.undelivered
        )
        return sqs.Queue(
            self,
            "Alerts",
            queue_name=f"{self._settings.stack}-alerts",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(4),
            visibility_timeout=Duration.seconds(6 * timeout_s),
            receive_message_wait_time=Duration.seconds(20),
            dead_letter_queue=dead,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _secret(self) -> secrets.Secret:
        return secrets.Secret(
            self,
            "Secret",
            secret_name=f"{self._settings.stack}/alert-webhook",
            description="What Tallybrook signs alerts with; the receiver has to know it too",
            generate_secret_string=secrets.SecretStringGenerator(
                exclude_punctuation=True, password_length=40
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _route(self, queue: sqs.Queue) -> None:
        events.Rule(
            self,
            "AlertsRule",
            event_bus=self._intake.bus,
            description="Alerts go to the webhook",
            event_pattern=events.EventPattern(source=[PUBLISHER]),
            targets=[
                targets.SqsQueue(
                    queue, dead_letter_queue=self._intake.undelivered, retry_attempts=TRIES
                )
            ],
        )
