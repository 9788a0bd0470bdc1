"""The state machine that calls the steps of a run one after the other."""

import json

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infra.arns import Arns
from infra.function import Functions, function_arn, workflow_arn
from infra.settings import StackSettings
from infra.states import definition
from tallybrook.workflows.policy import policy_of


class Workflow(Construct):
    """``<stack>-workflow``. Its name is given, so that functions can start it that it calls."""

    def __init__(self, scope: Construct, settings: StackSettings, arns: Arns) -> None:
        super().__init__(scope, "Workflow")
        self._settings = settings
        arns.add("states:workflow", workflow_arn(settings.stack))
        arns.add("function:query", function_arn(settings.stack, "query"))

    def connect(self, functions: Functions) -> None:
        function = functions.by_name["workflow"]
        role = iam.Role(
            self, "Role",
            description="Lets the state machine call the function that does steps",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com").with_conditions(
                {
                    "ArnLike": {"aws:SourceArn": workflow_arn(self._settings.stack)},
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                }
            ),
            inline_policies={
                "call": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            actions=["lambda:InvokeFunction"], resources=[function.function_arn]
                        )
                    ]
                )
            },
        )  # fmt: skip
        stepfunctions.CfnStateMachine(
            self, "Machine",
            state_machine_name=f"{self._settings.stack}-workflow",
            role_arn=role.role_arn,
            definition_string=json.dumps(definition(policy_of(self._settings.tier))),
            definition_substitutions={"function": function.function_arn},
            tracing_configuration=stepfunctions.CfnStateMachine.TracingConfigurationProperty(
                enabled=self._settings.tier.xray
            ),
        )  # fmt: skip
