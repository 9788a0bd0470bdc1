"""Queues that a function of ours works off, each with dead letters of its own."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.arns import Arns
from infra.function import Functions
from infra.functions import FUNCTIONS
from infra.mapping import read_queue
from infra.settings import StackSettings


class WorkQueue(Construct):
    """``<stack>-<name>`` and ``<stack>-<name>-dlq``, which the backend of the port finds by name.

    The function itself shortens the pause of what it could not do; a message whose function died
    comes again when the function can be done with it.
    """

    def __init__(
        self, scope: Construct, id_: str, settings: StackSettings, arns: Arns, *, name: str,
        function: str, max_receives: int,
    ) -> None:  # fmt: skip
        super().__init__(scope, id_)
        self._settings, self.name, self._function = settings, name, function
        self.dead = self._queue("Dead", f"{name}-dlq", Duration.days(14))
        timeout_s = next(spec.timeout_s for spec in FUNCTIONS if spec.name == function)
        self.queue = self._queue(
            "Queue", name, Duration.days(4),
            visibility_timeout=Duration.seconds(6 * timeout_s),
            receive_message_wait_time=Duration.seconds(settings.tier.queue_wait_s),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=max_receives, queue=self.dead),
        )  # fmt: skip
        arns.add(f"queue:{name}", self.queue.queue_arn)
        arns.add(f"queue:{name}-dlq", self.dead.queue_arn)

    def connect(self, functions: Functions) -> None:
        """Let the function read it, no more of it at once than its reserve."""
        tier = self._settings.tier
        reserved = tier.reserved_concurrency.get(self._function, tier.concurrency)
        read_queue(
            self, "Mapping", functions.by_name[self._function], self.queue.queue_arn,
            batch=tier.queue_batch, concurrency=min(tier.concurrency, reserved),
        )  # fmt: skip

    def _queue(self, id_: str, name: str, keep: Duration, **more: object) -> sqs.Queue:
        return queue(self, id_, f"{self._settings.stack}-{name}", keep, **more)


def queue(scope: Construct, id_: str, name: str, keep: Duration, **more: object) -> sqs.Queue:
    """A queue as every one of the stack is: encrypted, reached by TLS, gone with the stack."""
    return sqs.Queue(
        scope,
        id_,
        queue_name=name,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=keep,
        removal_policy=RemovalPolicy.DESTROY,
        **more,  # type: ignore[arg-type]
    )
