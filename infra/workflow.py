"""The state machine that calls the steps of a run one after the other."""

import json
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infra.arns import Arns
from infra.function import Functions, function_arn, workflow_arn
from infra.settings import StackSettings
from tallybrook.workflows.policy import Policy, policy_of
from tallybrook.workflows.runs import STEPS

REFUSED = "StepRefusedError"
"""What the function raises where trying again cannot help."""


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


def definition(policy: Policy) -> dict[str, Any]:
    """The states: what is done by the clock has one step, everything else five."""
    named = [name.capitalize() for name in STEPS]
    chain = {
        name.capitalize(): _task(name, policy, after)
        for name, after in zip(STEPS, [*named[1:], "Done"], strict=True)
    }
    is_job = {"Variable": "$.kind", "StringEquals": "job", "Next": "Run"}
    return {
        "Comment": "A run of Tallybrook: its steps, each tried again, and what is done at the end",
        "StartAt": "Which",
        "States": {
            "Which": {"Type": "Choice", "Choices": [is_job], "Default": named[0]},
            **chain,
            "Run": _task("run", policy, "Done"),
            "Fail": {
                **_called("fail", {"error.$": "$.error"}), "Retry": [_retry(policy)],
                "Next": "Failed",
            },
            "Failed": {"Type": "Fail", "Error": "RunFailed", "Cause": "A step failed for good"},
            "Done": {"Type": "Succeed"},
        },
    }  # fmt: skip


def _task(name: str, policy: Policy, after: str) -> dict[str, Any]:
    return {
        **_called(name),
        "Retry": [{"ErrorEquals": [REFUSED], "MaxAttempts": 0}, _retry(policy)],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Fail"}],
        "Next": after,
    }


def _called(name: str, more: dict[str, str] | None = None) -> dict[str, Any]:
    given = {"account_id.$": "$.account_id", "run_id.$": "$.run_id", "step": name}
    return {
        "Type": "Task",
        "Resource": "${function}",
        "Parameters": given | (more or {}),
        "ResultPath": None,
    }


def _retry(policy: Policy) -> dict[str, Any]:
    return {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": int(policy.base_s),
        "MaxAttempts": policy.retries,
        "BackoffRate": policy.rate,
    }
