"""What happens by the clock: writing the lake, looking after entities and dead letters, forwarding,
hourly chores."""

from aws_cdk import Aws, Fn
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.function import Functions
from infra.mapping import on_async_failure
from infra.settings import StackSettings

SCHEDULES = {
    "lake": "rate(5 minutes)",
    "entities": "rate(5 minutes)",
    "forward": "rate(5 minutes)",
    "anonymizer": "rate(15 minutes)",
    "ocean": "rate(15 minutes)",
    "dual_ai": "rate(15 minutes)",
    "schedule": "cron(15 * * * ? *)",
}


class Schedules(Construct):
    """One schedule a function, in a group of the stack's name."""

    def __init__(
        self, scope: Construct, settings: StackSettings, functions: Functions, undelivered_arn: str
    ) -> None:
        super().__init__(scope, "Schedules")
        self._undelivered_arn = undelivered_arn
        group = scheduler.CfnScheduleGroup(self, "Group", name=settings.stack)
        wanted = {name: when for name, when in SCHEDULES.items() if name in functions.by_name}
        called = [functions.by_name[name] for name in wanted]
        role = self._role(settings, called)
        for name, when in wanted.items():
            self._schedule(name, when, group, functions.by_name[name], role)
            on_async_failure(
                self, f"{name.capitalize()}Failures", functions.by_name[name], undelivered_arn
            )

    def _role(self, settings: StackSettings, called: list[lambda_.Function]) -> iam.Role:
        group = ["arn:", Aws.PARTITION, ":scheduler:", Aws.REGION, ":", Aws.ACCOUNT_ID,
                 ":schedule-group/", settings.stack]  # fmt: skip
        return iam.Role(
            self,
            "Role",
            description="Lets the schedules call their functions",
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com").with_conditions(
                {
                    "StringEquals": {
                        "aws:SourceAccount": Aws.ACCOUNT_ID,
                        "aws:SourceArn": Fn.join("", group),
                    }
                }
            ),
            inline_policies={
                "call": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            actions=["lambda:InvokeFunction"],
                            resources=[function.function_arn for function in called],
                        ),
                        iam.PolicyStatement(
                            actions=["sqs:SendMessage"], resources=[self._undelivered_arn]
                        ),
                    ]
                )
            },
        )

    def _schedule(
        self,
        name: str,
        when: str,
        group: scheduler.CfnScheduleGroup,
        function: lambda_.Function,
        role: iam.Role,
    ) -> None:
        scheduler.CfnSchedule(
            self,
            name.capitalize(),
            name=name,
            group_name=group.ref,
            schedule_expression=when,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=function.function_arn,
                role_arn=role.role_arn,
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                    arn=self._undelivered_arn
                ),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_retry_attempts=3, maximum_event_age_in_seconds=3600
                ),
            ),
        )
