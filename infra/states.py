"""What the state machine does, in the language of states."""

from typing import Any

from tallybrook.workflows.policy import Policy
from tallybrook.workflows.runs import STEPS

REFUSED = "StepRefusedError"
"""What the function raises where trying again cannot help."""


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
