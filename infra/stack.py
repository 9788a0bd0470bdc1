"""The stack: every capability's construct, tags and outputs."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from infra.agreement import Agreement
from infra.arns import Arns
from infra.assessments import Assessments
from infra.athena import Athena
from infra.entities import Entities
from infra.files import Files
from infra.forwarding import Forwarding
from infra.function import Functions
from infra.graphql import GraphQl
from infra.intake import Intake
from infra.live import Live
from infra.notifications import Notifications
from infra.observability import Observability
from infra.processing import Processing
from infra.schedules import Schedules
from infra.settings import StackSettings
from infra.storage import Storage
from infra.workflow import Workflow
from tallybrook.assessments.flow.places import OUT_PREFIX


class TallybrookStack(cdk.Stack):
    """Channels and stores first, then the functions that may use them, then who calls them."""

    def __init__(self, scope: Construct, settings: StackSettings, **options: Any) -> None:
        super().__init__(
            scope,
            settings.stack,
            stack_name=settings.stack,
            description="Tallybrook: analytics a small team owns",
            **options,
        )
        self.settings = settings
        self.arns = Arns()
        self.storage = Storage(self, settings, self.arns)
        self.intake = Intake(self, settings, self.arns)
        self.entities = Entities(self, settings, self.arns, self.intake)
        self.assessments = Assessments(self, settings, self.arns)
        self.agreement = Agreement(self, settings, self.arns)
        self.forwarding = Forwarding(self, settings, self.arns, self.intake)
        self.live = Live(self, settings, self.arns)
        self.workflow = Workflow(self, settings, self.arns)
        self.athena = Athena(self, settings, self.arns, self.storage.bucket_name)
        if settings.quicksight_principal:
            # By far the largest of the CDK's libraries: half a second for what few ask for.
            from infra.quicksight import QuickSight

            QuickSight(self, settings, self.athena)
        self.functions = Functions(
            self, settings, self.arns, self.storage.bucket_name, self.live.management_url
        )
        self._connect()
        self._outputs()
        for key, value in {"project": "tallybrook", "stack": settings.stack}.items():
            cdk.Tags.of(self).add(key, value)

    def _connect(self) -> None:
        undelivered = self.intake.undelivered.queue_arn
        self.intake.connect(self.functions)
        queues = {OUT_PREFIX: self.assessments.told.queue}
        Notifications(self, self.functions, self.storage.bucket, queues)
        Files(self, self.functions, undelivered)
        self.live.connect(self.functions)
        Processing(self, self.settings, self.storage, self.functions, undelivered)
        self.entities.connect(self.storage, self.functions)
        for part in (self.assessments, self.agreement, self.forwarding):
            part.connect(self.functions)
        Schedules(self, self.settings, self.functions, undelivered)
        self.workflow.connect(self.functions)
        self.graphql = GraphQl(self, self.settings, self.functions)
        worked = (self.assessments.tasks, self.assessments.told, self.agreement.messages)
        self.observability = Observability(self, self.settings, self.intake, self.functions, worked)

    def _outputs(self) -> None:
        outputs = {
            "ApiUrl": (self.intake.api.api_endpoint, "Where events are posted and counts read"),
            "SocketsUrl": (self.live.url, "Live updates, for clients"),
            "SocketsManagementUrl": (self.live.management_url, "Live updates, for functions"),
            "GraphqlUrl": (self.graphql.api.attr_graph_ql_url, "GraphQL"),
            "GraphqlApiId": (self.graphql.api.attr_api_id, "To list its keys"),
            "Bucket": (self.storage.bucket.bucket_name, "Lake and files"),
            "TablesPrefix": (f"{self.settings.stack}-", "How the tables' names begin"),
            "QueueUrl": (self.intake.queue.queue_url, "Events as messages"),
            "DeadLetterQueueUrl": (self.intake.dead.queue_url, "Messages that failed"),
            "UndeliveredQueueUrl": (self.intake.undelivered.queue_url, "Calls that failed"),
            "AgreementQueueUrl": (
                self.agreement.messages.queue.queue_url,
                "Messages of two AIs, to be measured",
            ),
            "PrivacySecret": (
                f"{self.settings.stack}/privacy",
                "Secret that pseudonyms are made with",
            ),
            "BusName": (self.intake.bus.event_bus_name, "Events as EventBridge events"),
            "AdminKeySecret": (f"{self.settings.stack}/admin-key", "Secret of the first admin key"),
            "AlarmsTopic": (self.observability.topic.topic_arn, "Where alarms are sent"),
            "Tier": (str(self.settings.tier.from_mrr_usd), "From which revenue this tier is"),
        }
        if self.intake.stream:
            outputs["StreamName"] = (self.intake.stream.stream_name, "Events by Kinesis")
        if self.entities.secret:
            name = f"{self.settings.stack}/alert-webhook"
            outputs["AlertWebhookSecret"] = (name, "Secret that alerts are signed with")
        if self.forwarding.secret:
            name = f"{self.settings.stack}/forwarding"
            outputs["ForwardingSecret"] = (name, "Secret that forwarded events are signed with")
        for name, (value, about) in outputs.items():
            cdk.CfnOutput(self, name, value=value, description=about)
