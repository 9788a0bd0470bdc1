"""The account through its own services: STS, CloudFormation, DynamoDB, SQS, Lambda."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

from tallybrook.errors import TallybrookError
from tallybrook.ports.account import (
    Concurrency,
    Deployment,
    FunctionState,
    Identity,
    MappingState,
    QueueState,
    TableState,
)
from tallybrook.ports.aws.clients import client, error_code, translated
from tallybrook.ports.aws.tables import TABLES, Table, physical, records_table
from tallybrook.ports.clock import Clock, system_clock

QUEUES = ("intake", "intake-dlq", "undelivered")

_NO_TABLE = "ResourceNotFoundException"
_NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_SETTLED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})


class AwsAccount:
    """``ports.account.Account``: the stack of this name in the account of our credentials."""

    def __init__(
        self, stack: str, record_types: Sequence[str] = (), *, clock: Clock = system_clock
    ) -> None:
        self._stack, self._clock = stack, clock
        self._tables = (*TABLES, *(records_table(name) for name in record_types))

    def identity(self) -> Identity:
        with _asking("who are we") as sts_of:
            sts = sts_of("sts")
            before = self._clock()
            answer = sts.get_caller_identity()
            here_s = (before + self._clock()) / 2e6
        told = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        # The header has whole seconds: it was, on average, half a second later.
        there_s = parsedate_to_datetime(told).timestamp() + 0.5 if told else here_s
        region = str(sts.meta.region_name)
        return Identity(answer["Account"], answer["Arn"], region, here_s - there_s)

    def deployment(self) -> Deployment | None:
        with _asking("describe the stack") as service:
            try:
                (found,) = service("cloudformation").describe_stacks(StackName=self._stack)[
                    "Stacks"
                ]
            except ClientError as error:
                # CloudFormation has no code of its own for a stack that is not there.
                if error_code(error) != "ValidationError":
                    raise
                return None
        status = str(found["StackStatus"])
        outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())}
        return Deployment(status, status in _SETTLED, status.endswith("IN_PROGRESS"), outputs)

    def tables(self) -> list[TableState]:
        return sorted((self._table(table) for table in self._tables), key=lambda one: one.name)

    def queues(self) -> list[QueueState]:
        return [self._queue(f"{self._stack}-{name}") for name in QUEUES]

    def functions(self) -> list[FunctionState]:
        with _asking("list the functions") as service:
            lambda_ = service("lambda")
            names = sorted(self._made(service("cloudformation"), "AWS::Lambda::Function"))
            return [_function(lambda_, name) for name in names]

    def concurrency(self) -> Concurrency:
        with _asking("read the quota of functions") as service:
            limit = service("lambda").get_account_settings()["AccountLimit"]
        return Concurrency(limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"])

    def _made(self, formation: Any, kind: str) -> Iterator[str]:
        """Names of the resources of a kind; none when there is no stack."""
        try:
            for page in formation.get_paginator("list_stack_resources").paginate(
                StackName=self._stack
            ):
                for one in page["StackResourceSummaries"]:
                    if one["ResourceType"] == kind and one.get("PhysicalResourceId"):
                        yield one["PhysicalResourceId"]
        except ClientError as error:
            if error_code(error) != "ValidationError":
                raise

    def _table(self, table: Table) -> TableState:
        name = physical(self._stack, table)
        wanted = {"stream_wanted": table.stream, "ttl_wanted": table.ttl}
        with _asking(f"describe table {name}") as service:
            dynamo = service("dynamodb")
            try:
                found = dynamo.describe_table(TableName=name)["Table"]
            except ClientError as error:
                if error_code(error) != _NO_TABLE:
                    raise
                return TableState(name, None, **wanted)
            ttl = dynamo.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        stream = found.get("StreamSpecification") or {}
        return TableState(
            name,
            found["TableStatus"],
            **wanted,
            stream=stream.get("StreamViewType") if stream.get("StreamEnabled") else None,
            ttl=ttl.get("AttributeName") if ttl["TimeToLiveStatus"] in _TTL_ON else None,
        )

    def _queue(self, name: str) -> QueueState:
        wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        with _asking(f"look at queue {name}") as service:
            sqs = service("sqs")
            try:
                url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
                counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
            except ClientError as error:
                if error_code(error) not in _NO_QUEUE:
                    raise
                return QueueState(name, None, None)
        return QueueState(name, *(int(counts[one]) for one in wanted))


_TTL_ON = frozenset({"ENABLED", "ENABLING"})


@contextmanager
def _asking(doing: str) -> Iterator[Any]:
    """Hands out ``client``; what is wrong with our own configuration is no passing trouble."""
    try:
        with translated(doing):
            try:
                yield client
            except (NoCredentialsError, NoRegionError) as error:
                raise TallybrookError(f"{doing}: {error}") from error
    except ValueError as error:  # an endpoint or profile that is none
        raise TallybrookError(f"{doing}: {error}") from error


def _function(lambda_: Any, name: str) -> FunctionState:
    found: Mapping[str, Any] = lambda_.get_function_configuration(FunctionName=name)
    pages = lambda_.get_paginator("list_event_source_mappings").paginate(FunctionName=name)
    return FunctionState(
        name=name,
        state=found.get("State", "Active"),
        last_update=found.get("LastUpdateStatus", "Successful"),
        reason=found.get("StateReason") or found.get("LastUpdateStatusReason") or "",
        mappings=[_mapping(one) for page in pages for one in page["EventSourceMappings"]],
    )


def _mapping(found: Mapping[str, Any]) -> MappingState:
    return MappingState(
        uuid=found["UUID"],
        source=found.get("EventSourceArn", ""),
        state=found.get("State", ""),
        last_result=found.get("LastProcessingResult", ""),
    )
