"""From the tables' streams to numbered events and counters."""

from constructs import Construct

from infra.function import Functions
from infra.mapping import read_stream
from infra.settings import DEFAULT_BATCHING, RECORD_BATCHING, StackSettings
from infra.storage import Storage

SEQUENCE_BATCH = 1000
RECOUNT_RETRIES = 3


class Processing(Construct):
    """The sequencer goes on where it stopped, so its batch must come again from the same record:
    not halved, not in part, and until it works. A recount can be told about any part of a batch.
    """

    def __init__(
        self,
        scope: Construct,
        settings: StackSettings,
        storage: Storage,
        functions: Functions,
        undelivered_arn: str,
    ) -> None:
        super().__init__(scope, "Processing")
        read_stream(
            self, "Sequence", functions.by_name["sequence"],
            storage.tables["events"].table_stream_arn or "",
            batch=SEQUENCE_BATCH, window_s=settings.window_s, partial=False, retries=-1,
        )  # fmt: skip
        for kind in settings.types:
            batch, window_s = RECORD_BATCHING.get(kind, DEFAULT_BATCHING)
            read_stream(
                self, f"Recount{kind[0].upper()}{kind[1:]}", functions.by_name["recount"],
                storage.records[kind].table_stream_arn or "",
                batch=batch, window_s=window_s, partial=True, retries=RECOUNT_RETRIES,
                on_failure_arn=undelivered_arn,
            )  # fmt: skip
