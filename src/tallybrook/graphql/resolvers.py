"""Every field of Query and Mutation as data: a plain function each, for any engine to call."""

from collections.abc import Iterable, Mapping

from tallybrook.errors import RetryableError, TallybrookError
from tallybrook.graphql.metrics import get_metrics, list_metrics, put_metrics
from tallybrook.graphql.names import type_names
from tallybrook.graphql.ports import ConditionError, Operation, Resolver
from tallybrook.graphql.records import record_resolvers

Fields = Mapping[str, tuple[Operation, Resolver]]

_METRICS: Fields = {
    "getAggregatedMetrics": ("Query", get_metrics),
    "listAggregatedMetrics": ("Query", list_metrics),
    "createAggregatedMetrics": ("Mutation", put_metrics),
    "updateAggregatedMetrics": ("Mutation", put_metrics),
}


def resolvers(record_types: Iterable[str]) -> Fields:
    """The fields of the schema of these types."""
    fields = dict(_METRICS)
    for name in type_names(record_types):
        fields.update(record_resolvers(name))
    return fields


def error_type(error: TallybrookError) -> str:
    """What AppSync would call the error: clients decide by it whether to try again."""
    if isinstance(error, ConditionError):
        return "DynamoDB:ConditionalCheckFailedException"
    if isinstance(error, RetryableError):
        return "ServiceUnavailable"
    if error.status in (401, 403):
        return "Unauthorized"
    return "ValidationException" if error.status < 500 else "InternalFailure"
