"""What a stack costs in a month in which nothing happens. Pure.

``standing_of`` says what the tier's stack has; the infrastructure reads the same out of the
synthesised template, and a test holds the two together.
"""

from msgspec import Struct

from tallybrook.costs.bill import Use
from tallybrook.costs.prices import Arch
from tallybrook.costs.tiers import Tier

HOURS = 730
DAYS = HOURS / 24
"""Of a month."""

IDLE_POLLS = 5 * HOURS * 3600 / 20
"""Lambda keeps five long polls of 20 s open on a queue that is empty."""

QUEUES = 4
"""That functions read: events, assessments as they came and anonymised, messages of two AIs."""

RUNS = {
    "lake": 12 * HOURS, "entities": 12 * HOURS, "schedule": HOURS, "anonymizer": 4 * HOURS,
    "ocean": 4 * HOURS, "dual_ai": 4 * HOURS,
}  # fmt: skip
"""How often the schedules call their functions."""

IDLE_RUN_S = 0.5
"""How long a scheduled function is taken to run when there is nothing to do."""

DUE_READS = 9
"""Of a look at what changes by time alone: eight partitions of due dates, the alerts that wait."""

SHARD_METRICS = 7
OWN_METRICS = 3
"""Head of the log, open failed records, lag: told by the hourly chores."""

WARM_HTTP = 2
LAKE_MEMORY_MB = 512
VITAL_ALARMS = 10
"""Without enhanced monitoring: as many as an account has free."""

OTHER_ALARMS = 9
"""Beside errors and throttles: three late streams, five queues, the API."""

SECRETS = 2
"""The first admin key, and what pseudonyms are made with."""

FUNCTIONS = 16
"""Without the one that reads Kinesis."""


class Standing(Struct, frozen=True, kw_only=True):
    """What is there whether or not anything happens. ``warm_mb`` is the memory of all instances
    that are kept warm, ``memory_mb`` that of the scheduled functions."""

    arch: Arch
    secrets: int
    queues: int
    alarms: int
    dashboards: int
    shards: int
    watched_shards: int
    warm_mb: int
    memory_mb: dict[str, int]


def standing_of(tier: Tier, arch: Arch) -> Standing:
    """What the stack of a tier has."""
    functions = FUNCTIONS + tier.kinesis
    everything = tier.enhanced_monitoring
    return Standing(
        arch=arch,
        secrets=SECRETS,
        queues=QUEUES,
        alarms=2 * functions + OTHER_ALARMS if everything else VITAL_ALARMS,
        dashboards=1,
        shards=int(tier.kinesis),
        watched_shards=int(tier.kinesis and everything),
        warm_mb=WARM_HTTP * tier.memory_of("http") if tier.provisioned else 0,
        memory_mb={name: tier.memory_of(name) for name in RUNS} | {"lake": LAKE_MEMORY_MB},
    )


def standing_uses(standing: Standing) -> list[Use]:
    """A month of it."""
    busy = sum(runs * standing.memory_mb[name] / 1024 * IDLE_RUN_S for name, runs in RUNS.items())
    warm_gb_s = standing.warm_mb / 1024 * HOURS * 3600
    watched = standing.watched_shards * SHARD_METRICS
    return [
        Use("Secrets", "secrets.secret", standing.secrets),
        Use("Alarms", "cloudwatch.alarm", standing.alarms),
        Use("Dashboard", "cloudwatch.dashboard", standing.dashboards),
        Use("Metrics of the log", "cloudwatch.metric", OWN_METRICS),
        Use("Polls of empty queues", "sqs.request", standing.queues * IDLE_POLLS),
        Use("Kinesis shard", "kinesis.shard_hour", standing.shards * HOURS),
        Use("Metrics of the shard", "cloudwatch.metric", watched),
        Use("Warm instances", f"lambda.warm_gb_s.{standing.arch}", warm_gb_s),
        Use("Scheduled runs", f"lambda.gb_s.{standing.arch}", busy),
        Use("Scheduled calls", "lambda.request", sum(RUNS.values())),
        Use("Schedules", "scheduler.call", sum(RUNS.values())),
        Use("Looking for what is due", "dynamodb.read_unit", RUNS["entities"] * DUE_READS),
    ]
