"""Agreement of two AIs: the queue of their messages."""

from constructs import Construct

from infra.arns import Arns
from infra.function import Functions
from infra.queues import WorkQueue
from infra.settings import StackSettings
from tallybrook.wiring.agreement import MAX_RECEIVES


class Agreement(Construct):
    """Made in two steps, as ``Intake``. The API queues messages, and so may whoever has the right:
    ``account_id`` in a message names its account."""

    def __init__(self, scope: Construct, settings: StackSettings, arns: Arns) -> None:
        super().__init__(scope, "Agreement")
        self.messages = WorkQueue(
            self, "Messages", settings, arns, name="agreement", function="dual_ai",
            max_receives=MAX_RECEIVES,
        )  # fmt: skip

    def connect(self, functions: Functions) -> None:
        self.messages.connect(functions)
