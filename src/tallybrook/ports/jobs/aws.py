"""Jobs of a stack: executions of its state machine, named after the attempt."""

import msgspec

from tallybrook.ports.aws.clients import client, error_code, translated
from tallybrook.ports.jobs import Started

MAX_NAME = 80


class StepFunctionsJobs:
    """``ports.jobs.Jobs``: Step Functions know an execution by its name for ninety days."""

    def __init__(self, state_machine_arn: str) -> None:
        self._arn = state_machine_arn

    def start(self, started: Started) -> None:
        states = client("stepfunctions")
        body = {
            "run_id": started.run_id, "account_id": started.account_id,
            "kind": "job" if started.steps == ("run",) else "work",
        }  # fmt: skip
        with translated("start a run"):
            try:
                states.start_execution(
                    stateMachineArn=self._arn,
                    name=started.name[-MAX_NAME:],
                    input=msgspec.json.encode(body).decode(),
                )
            except states.exceptions.ClientError as error:
                if error_code(error) != "ExecutionAlreadyExists":
                    raise
