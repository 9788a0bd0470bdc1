"""The ways in: HTTP API, queue, Kinesis stream and event bus. Files are in ``files``."""

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from infra.arns import Arns
from infra.function import KEEP_LOGS, Functions
from infra.functions import FUNCTIONS
from infra.mapping import on_async_failure, read_queue, read_stream
from infra.queues import queue
from infra.settings import StackSettings
from tallybrook.entities.alerts import PUBLISHER
from tallybrook.forwarding.delivering import BUS_SOURCE
from tallybrook.ports.bus import SOURCE

QUERY_ROUTES = (
    ("/query", apigateway.HttpMethod.POST),
    ("/api/analytics/query", apigateway.HttpMethod.POST),
    ("/queries/{id}/run", apigateway.HttpMethod.POST),
    ("/executions/{id}", apigateway.HttpMethod.GET),
    ("/executions/{id}", apigateway.HttpMethod.DELETE),
    ("/executions/{id}/results", apigateway.HttpMethod.GET),
    ("/analytics", apigateway.HttpMethod.GET),
)
"""Routes that may run SQL; everything else never loads the engine."""

TRIES = 3
REQUESTS_A_SECOND = 500
ACCESS_LOG = (
    '{"id":"$context.requestId","ip":"$context.identity.sourceIp","at":"$context.requestTime",'
    '"method":"$context.httpMethod","route":"$context.routeKey","status":"$context.status",'
    '"bytes":"$context.responseLength","ms":"$context.responseLatency",'
    '"error":"$context.integrationErrorMessage"}'
)


class Intake(Construct):
    """Made in two steps: the channels first, for the roles to name them; then ``connect``."""

    def __init__(self, scope: Construct, settings: StackSettings, arns: Arns) -> None:
        super().__init__(scope, "Intake")
        self._settings = settings
        self.undelivered = self._queue("undelivered", "Undelivered", Duration.days(14))
        self.dead = self._queue("intake-dlq", "Dead", Duration.days(14))
        self.queue = self._intake_queue()
        self.bus = events.EventBus(self, "Bus", event_bus_name=settings.stack)
        self.stream = self._stream() if settings.with_kinesis else None
        arns.add_all(
            {
                "queue:undelivered": self.undelivered.queue_arn,
                "queue:intake": self.queue.queue_arn,
                "bus:": self.bus.event_bus_arn,
            }
        )
        if self.stream:
            arns.add("kinesis:intake", self.stream.stream_arn)

    def connect(self, functions: Functions) -> None:
        self.api = self._http_api(functions)
        read_queue(
            self, "QueueMapping", functions.by_name["sqs"], self.queue.queue_arn,
            batch=self._settings.tier.queue_batch, concurrency=self._settings.tier.concurrency,
        )  # fmt: skip
        self._read_kinesis(functions)
        self._read_bus(functions.by_name["bus"])
        on_async_failure(self, "BusFailures", functions.by_name["bus"], self.undelivered.queue_arn)

    def _queue(self, name: str, id_: str, keep: Duration) -> sqs.Queue:
        return queue(self, id_, f"{self._settings.stack}-{name}", keep)

    def _intake_queue(self) -> sqs.Queue:
        timeout_s = next(spec.timeout_s for spec in FUNCTIONS if spec.name == "sqs")
        return queue(
            self,
            "Queue",
            f"{self._settings.stack}-intake",
            Duration.days(4),
            # A batch that fails comes back only after the function can be done with it.
            visibility_timeout=Duration.seconds(6 * timeout_s),
            receive_message_wait_time=Duration.seconds(self._settings.tier.queue_wait_s),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=TRIES, queue=self.dead),
        )

    def _stream(self) -> kinesis.Stream:
        watched = [kinesis.ShardLevelMetrics.ALL]
        return kinesis.Stream(
            self,
            "Stream",
            stream_name=f"{self._settings.stack}-intake",
            stream_mode=kinesis.StreamMode.PROVISIONED,
            shard_count=1,
            encryption=kinesis.StreamEncryption.MANAGED,
            retention_period=Duration.hours(24),
            shard_level_metrics=watched if self._settings.tier.enhanced_monitoring else None,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _http_api(self, functions: Functions) -> apigateway.HttpApi:
        api = apigateway.HttpApi(
            self,
            "Api",
            api_name=self._settings.stack,
            description="Tallybrook: events in, counts and SQL out",
            create_default_stage=False,
            default_integration=HttpLambdaIntegration("Http", functions.target("http")),
        )
        query = HttpLambdaIntegration("Query", functions.target("query"))
        for path, method in QUERY_ROUTES:
            api.add_routes(path=path, methods=[method], integration=query)
        self._http_stage(api)
        return api

    def _http_stage(self, api: apigateway.HttpApi) -> None:
        group = logs.LogGroup(
            self,
            "AccessLog",
            log_group_name=f"/aws/apigateway/{self._settings.stack}",
            retention=KEEP_LOGS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(
                rate_limit=REQUESTS_A_SECOND, burst_limit=2 * REQUESTS_A_SECOND
            ),
            detailed_metrics_enabled=self._settings.tier.enhanced_monitoring,
        )
        made = stage.node.default_child
        assert isinstance(made, apigateway.CfnStage)
        made.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=group.log_group_arn, format=ACCESS_LOG
        )

    def _not_collected(self) -> list[str]:
        """What the product itself tells, and what is said to be for forwarding alone."""
        return [SOURCE, PUBLISHER, *([BUS_SOURCE] if self._settings.forward_to else [])]

    def _read_kinesis(self, functions: Functions) -> None:
        if self.stream:
            read_stream(
                self, "StreamMapping", functions.by_name["kinesis"], self.stream.stream_arn,
                batch=self._settings.tier.batch, window_s=1, partial=True, retries=TRIES,
                on_failure_arn=self.undelivered.queue_arn,
            )  # fmt: skip

    def _read_bus(self, function: lambda_.Function) -> None:
        target = targets.LambdaFunction(
            function, dead_letter_queue=self.undelivered, retry_attempts=TRIES
        )
        events.Rule(
            self,
            "BusRule",
            event_bus=self.bus,
            description="Every event on the bus is collected but what the product itself tells",
            event_pattern=events.EventPattern(
                account=[Aws.ACCOUNT_ID], source=events.Match.anything_but(*self._not_collected())
            ),
            targets=[target],
        )
