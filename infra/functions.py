"""The functions as data: what each is for, how large it is and how long it may take."""

from msgspec import Struct

from infra.settings import StackSettings

HTTP_LIMIT_S = 29
"""An HTTP API waits 30 s for a function; giving up before it does is answered with a reason."""


class FunctionSpec(Struct, frozen=True, kw_only=True):
    """One function. ``memory_mb`` is an exception from the tier, for the reason in ``why``;
    ``tier_name`` is what the table of tiers calls it."""

    name: str
    about: str
    timeout_s: int
    memory_mb: int | None = None
    why: str = ""
    tier_name: str = ""
    sockets: bool = False


FUNCTIONS: tuple[FunctionSpec, ...] = (
    FunctionSpec(
        name="http", about="Collects events and records, answers reads", timeout_s=HTTP_LIMIT_S
    ),
    FunctionSpec(
        name="query", about="Runs SQL over the lake", timeout_s=HTTP_LIMIT_S, memory_mb=1024,
        why="DuckDB: 64 MB once used, and a query wants memory and the CPU that comes with it",
    ),
    FunctionSpec(
        name="sockets", about="Opens, subscribes and closes WebSockets", timeout_s=10, sockets=True
    ),
    FunctionSpec(
        name="sequence", about="Numbers events, counts them, pushes them", timeout_s=60,
        sockets=True,
    ),
    FunctionSpec(
        name="recount", about="Counts records again where they changed", timeout_s=120,
        sockets=True,
    ),
    FunctionSpec(name="resolve", about="Answers GraphQL fields", timeout_s=HTTP_LIMIT_S),
    FunctionSpec(name="kinesis", about="Collects from the Kinesis stream", timeout_s=60),
    FunctionSpec(name="sqs", about="Collects from the queue", timeout_s=60),
    FunctionSpec(
        name="s3", about="Works off files put into the bucket", timeout_s=900, tier_name="files"
    ),
    FunctionSpec(name="bus", about="Collects from the event bus", timeout_s=60),
    FunctionSpec(
        name="entities", about="Keeps entities, tells alerts", timeout_s=120, sockets=True
    ),
    FunctionSpec(name="webhook", about="Posts alerts to the webhook", timeout_s=30),
    FunctionSpec(name="anonymizer", about="Anonymises raw assessments", timeout_s=60),
    FunctionSpec(name="ocean", about="Scores anonymised assessments", timeout_s=60),
    FunctionSpec(name="dual_ai", about="Measures messages of two AIs", timeout_s=60),
    FunctionSpec(
        name="forward", about="Forwards events in Pinpoint's format", timeout_s=240,
        tier_name="forwarder",
    ),
    FunctionSpec(name="schedule", about="Hourly chores", timeout_s=300),
    FunctionSpec(
        name="workflow", about="Does the steps of workflows", timeout_s=900, memory_mb=256,
        why="numpy counts again: 25 MB beside the SDK's 46",
    ),
    FunctionSpec(
        name="lake", about="Writes the log as Parquet", timeout_s=300, memory_mb=512,
        why="DuckDB writes the Parquet files",
    ),
)  # fmt: skip


READ_DEFINITIONS = frozenset({"http", "entities", "sockets"})
"""Functions that have to know how entities are defined."""


READ_FORWARDING = frozenset({"forward", "http"})
"""Functions that have to know where events are forwarded to."""


STARTS_RUNS = frozenset({"http", "schedule"})
"""Functions that start runs of the state machine."""


def functions_of(settings: StackSettings) -> tuple[FunctionSpec, ...]:
    """The functions of a stack: without a stream nobody reads it, without a webhook nobody posts
    to it, without a target nothing is forwarded."""
    wanted = {
        "kinesis": settings.with_kinesis,
        "webhook": bool(settings.alert_webhook),
        "forward": bool(settings.forward_to),
    }
    return tuple(spec for spec in FUNCTIONS if wanted.get(spec.name, True))


def memory_mb(spec: FunctionSpec, settings: StackSettings) -> int:
    """Configured memory: the exception, or what the tier gives."""
    return spec.memory_mb or settings.tier.memory_of(spec.tier_name or spec.name)


def environment(spec: FunctionSpec, settings: StackSettings, bucket: str) -> dict[str, str]:
    """Environment variables of a function; none of them is a secret."""
    variables = {
        "TALLYBROOK_BACKEND": "aws",
        "TALLYBROOK_STACK": settings.stack,
        "TALLYBROOK_BUCKET": bucket,
        "CURRENT_MRR": f"{settings.mrr_usd:g}",
    }
    if settings.record_types:
        variables["TALLYBROOK_RECORD_TYPES"] = settings.record_types
    if spec.name in READ_DEFINITIONS:
        variables["TALLYBROOK_ENTITIES"] = settings.definitions
    if spec.name == "webhook":
        variables["TALLYBROOK_ALERT_WEBHOOK"] = settings.alert_webhook
    if spec.name in READ_FORWARDING and settings.forward_to:
        variables["TALLYBROOK_FORWARD_TO"] = settings.forward_to
        variables["TALLYBROOK_FORWARD_FROM"] = settings.forward_from
    if spec.name == "ocean" and settings.indicators:
        variables["TALLYBROOK_INDICATORS"] = "true"
    if spec.name == "anonymizer" and settings.norms:
        variables["TALLYBROOK_NORMS"] = "true"
    if spec.name == "dual_ai" and settings.token_prices:
        variables["TALLYBROOK_TOKEN_PRICES"] = settings.token_prices
    if spec.name == "query":
        variables |= {
            "TALLYBROOK_QUERY_WORKERS": "1",
            "TALLYBROOK_QUERY_MEMORY_MB": str(memory_mb(spec, settings) * 5 // 8),
            "TALLYBROOK_QUERY_TIMEOUT_S": str(HTTP_LIMIT_S - 4),
        }
        if settings.with_athena:
            variables["TALLYBROOK_ATHENA"] = "true"
    return variables
