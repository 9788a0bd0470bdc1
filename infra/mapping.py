"""Event source mappings: what a stream or a queue hands a function, and what after failures."""

from aws_cdk import aws_lambda as lambda_
from constructs import Construct


def read_stream(
    scope: Construct,
    name: str,
    function: lambda_.IFunction,
    stream_arn: str,
    *,
    batch: int,
    window_s: int,
    partial: bool,
    retries: int,
    on_failure_arn: str | None = None,
) -> lambda_.CfnEventSourceMapping:
    """Every record since the stream began, in order of a shard.

    ``partial``: the function names the records that failed, and a failing batch is halved.
    ``retries`` -1: until the records expire.
    """
    destination = lambda_.CfnEventSourceMapping.OnFailureProperty(destination=on_failure_arn)
    return lambda_.CfnEventSourceMapping(
        scope,
        name,
        function_name=function.function_arn,
        event_source_arn=stream_arn,
        starting_position="TRIM_HORIZON",
        batch_size=batch,
        maximum_batching_window_in_seconds=window_s,
        bisect_batch_on_function_error=partial,
        maximum_retry_attempts=retries,
        maximum_record_age_in_seconds=-1,
        parallelization_factor=1,
        function_response_types=["ReportBatchItemFailures"] if partial else None,
        destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
            on_failure=destination
        )
        if on_failure_arn
        else None,
    )


def read_queue(
    scope: Construct,
    name: str,
    function: lambda_.IFunction,
    queue_arn: str,
    *,
    batch: int,
    concurrency: int,
) -> lambda_.CfnEventSourceMapping:
    """Messages of a queue, in no order; the function names those that failed."""
    return lambda_.CfnEventSourceMapping(
        scope,
        name,
        function_name=function.function_arn,
        event_source_arn=queue_arn,
        batch_size=batch,
        function_response_types=["ReportBatchItemFailures"],
        scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(
            maximum_concurrency=concurrency
        ),
    )


def on_async_failure(
    scope: Construct, name: str, function: lambda_.IFunction, queue_arn: str
) -> None:
    """Asynchronous calls are tried three times within six hours, then kept in the queue."""
    lambda_.CfnEventInvokeConfig(
        scope,
        name,
        function_name=function.function_name,
        qualifier="$LATEST",
        maximum_retry_attempts=2,
        maximum_event_age_in_seconds=6 * 3600,
        destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
            on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=queue_arn)
        ),
    )
