"""Alarms, where they are sent, and a dashboard.

The lowest tier has the ten alarms that CloudWatch gives for nothing, and they are enough for no
failure to be silent: what is not answered to a caller ends in one of the two queues. Dead letters
of the functions' own queues become failed records; where a function cannot even do that, its call
by the clock ends there, too. From the tier with enhanced monitoring on there are alarms for each
function and each queue of dead letters.
"""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.function import Functions
from infra.intake import Intake
from infra.queues import WorkQueue
from infra.settings import StackSettings

PERIOD = Duration.minutes(5)
LATE_MS = 10 * 60 * 1000
"""A stream's reader this far behind wakes somebody; records live for 24 hours."""

STREAM_READERS = ("sequence", "recount", "entities")
VITAL_LATE = ("sequence", "recount")
"""``entities`` gives up on a batch after three retries, so that it can hardly be late."""

VITAL_ERRORS = ("sequence", "recount", "sockets")
VITAL_THROTTLES = ("http", "sequence")


class Observability(Construct):
    def __init__(
        self, scope: Construct, settings: StackSettings, intake: Intake, functions: Functions,
        worked: Sequence[WorkQueue],
    ) -> None:  # fmt: skip
        super().__init__(scope, "Observability")
        self._settings, self._worked = settings, worked
        self._intake = intake
        self._functions = functions.by_name
        self.topic = self._topic()
        self._action = actions.SnsAction(self.topic)
        self._function_alarms()
        self._queue_alarms()
        self._api_alarm()
        self.dashboard = self._dashboard()

    def _topic(self) -> sns.Topic:
        topic = sns.Topic(
            self, "Alarms", topic_name=f"{self._settings.stack}-alarms", enforce_ssl=True
        )
        if self._settings.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(self._settings.alarm_email))
        return topic

    def _function_alarms(self) -> None:
        everything = self._settings.tier.enhanced_monitoring
        for name, function in self._functions.items():
            if everything or name in VITAL_ERRORS:
                self._alarm(f"{name}-errors", function.metric_errors(period=PERIOD), 1,
                            f"The {name} function failed; its log says why")  # fmt: skip
            if everything or name in VITAL_THROTTLES:
                self._alarm(f"{name}-throttles", function.metric_throttles(period=PERIOD), 1,
                            f"The {name} function had no instance left to run on")  # fmt: skip
        for name in STREAM_READERS if everything else VITAL_LATE:
            self._alarm(f"{name}-late", self._age(name), LATE_MS,
                        f"The {name} function is ten minutes behind its stream")  # fmt: skip

    def _queue_alarms(self) -> None:
        watched = self._dead_queues()
        if self._settings.tier.enhanced_monitoring:
            watched |= {f"{one.name}-dlq": one.dead for one in self._worked}
        for name, queue in watched.items():
            depth = queue.metric_approximate_number_of_messages_visible(
                period=PERIOD, statistic="Maximum"
            )
            self._alarm(f"{name}-not-empty", depth, 1,
                        "Something could not be processed and waits to be looked at")  # fmt: skip

    def _api_alarm(self) -> None:
        self._alarm("api-errors", self._intake.api.metric_server_error(period=PERIOD), 1,
                    "The HTTP API answered with a server error")  # fmt: skip

    def _dead_queues(self) -> dict[str, sqs.Queue]:
        return {"intake-dlq": self._intake.dead, "undelivered": self._intake.undelivered}

    def _age(self, name: str) -> cloudwatch.Metric:
        return self._functions[name].metric("IteratorAge", period=PERIOD, statistic="Maximum")

    def _alarm(
        self, name: str, metric: cloudwatch.Metric, threshold: int, description: str
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            "".join(part.capitalize() for part in name.split("-")),
            alarm_name=f"{self._settings.stack}-{name}",
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._action)

    def _dashboard(self) -> cloudwatch.Dashboard:
        """At most 50 metrics: CloudWatch asks nothing for three dashboards of that size."""
        api, all_functions = self._intake.api, self._functions.values()
        ages: list[cloudwatch.IMetric] = [self._age(name) for name in STREAM_READERS]
        depths: list[cloudwatch.IMetric] = [
            queue.metric_approximate_number_of_messages_visible(period=PERIOD)
            for queue in (
                self._intake.queue,
                *(one.queue for one in self._worked),
                *self._dead_queues().values(),
            )
        ]
        return cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self._settings.stack,
            widgets=[
                [
                    _graph("Requests", [api.metric_count(period=PERIOD),
                                        api.metric_client_error(period=PERIOD),
                                        api.metric_server_error(period=PERIOD)]),
                    _graph("Latency, ms", [api.metric_latency(period=PERIOD, statistic="p50"),
                                           api.metric_latency(period=PERIOD, statistic="p99")]),
                ],
                [
                    _graph("Calls", [f.metric_invocations(period=PERIOD) for f in all_functions]),
                    _graph("Errors", [f.metric_errors(period=PERIOD) for f in all_functions]),
                ],
                [_graph("Behind the stream, ms", ages), _graph("Messages waiting", depths)],
            ],
        )  # fmt: skip


def _graph(title: str, metrics: list[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=metrics, width=12)
