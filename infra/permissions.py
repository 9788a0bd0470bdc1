"""What each function may do: actions and the resources of this stack they are for, as data.

A resource is written ``kind:name``; ``infra.arns`` turns it into ARNs. ``table:records`` is the
table of every record type. A transaction needs the rights of the writes it is made of.
"""

from msgspec import Struct

GET = "dynamodb:GetItem"
BATCH_GET = "dynamodb:BatchGetItem"
BATCH_WRITE = "dynamodb:BatchWriteItem"
QUERY = "dynamodb:Query"
SCAN = "dynamodb:Scan"
PUT = "dynamodb:PutItem"
UPDATE = "dynamodb:UpdateItem"
DELETE = "dynamodb:DeleteItem"
CHECK = "dynamodb:ConditionCheckItem"
DESCRIBE = "dynamodb:DescribeTable"


class Grant(Struct, frozen=True):
    """May do these on those."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]


def _table(name: str, *actions: str) -> Grant:
    return Grant(actions, (f"table:{name}",))


def _reading_stream(name: str) -> tuple[Grant, ...]:
    return (
        Grant(
            ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
            (f"stream:{name}",),
        ),
    )


KEEPING_FAILED = _table("failed", UPDATE)
COLLECTING = (_table("events", PUT), KEEPING_FAILED)
UNDELIVERED = Grant(("sqs:SendMessage",), ("queue:undelivered",))
ADMIN_KEY = Grant(("secretsmanager:GetSecretValue",), ("secret:admin-key",))
KEYS = _table("keys", GET, PUT, UPDATE)
HEAD = _table("log", GET)
FAILED = (
    _table("failed", GET, BATCH_GET),
    Grant((QUERY,), ("index:failed/account",)),
)
COUNTING_FAILED = Grant((SCAN,), ("index:failed/account",))
COUNTS = (
    _table("counters", GET, BATCH_GET, QUERY),
    _table("series", QUERY),
)
EVENTS = (
    _table("events", GET, BATCH_GET),
    Grant((QUERY,), ("index:events/user", "index:events/anonymous")),
)
RECORDS = _table("records", GET, PUT, DELETE)
PUSHING = (
    _table("sockets", BATCH_GET, DELETE),
    Grant((QUERY,), ("index:sockets/account",)),
    Grant(("execute-api:ManageConnections",), ("sockets:connections",)),
)
LOG = _table("log", GET, QUERY)
ENTITIES = _table("state", GET, QUERY)

READING_SECRET = "secretsmanager:GetSecretValue"
PRIVACY = Grant((READING_SECRET,), ("secret:privacy",))
ABSENCE = Grant(("s3:ListBucket",), ("bucket:",))
"""Without it S3 does not say that an object is not there, but that one may not know."""


def _sending(*queues: str) -> Grant:
    resources = tuple(f"queue:{name}" for name in queues)
    return Grant(("sqs:GetQueueUrl", "sqs:SendMessage"), resources)


def _working_off(queue: str) -> tuple[Grant, ...]:
    """A queue, and its dead letters."""
    handling = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueUrl",
                "sqs:ReceiveMessage")  # fmt: skip
    return (
        Grant(("sqs:GetQueueAttributes",), (f"queue:{queue}",)),
        Grant(handling, (f"queue:{queue}", f"queue:{queue}-dlq")),
    )


ATHENA = (
    Grant(
        ("athena:GetQueryExecution", "athena:GetQueryResults", "athena:StartQueryExecution",
         "athena:StopQueryExecution"),
        ("athena:workgroup",),
    ),
    Grant(
        ("glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable"),
        ("athena:catalog",),
    ),
    Grant(("s3:GetBucketLocation", "s3:ListBucket"), ("athena:bucket",)),
    Grant(
        ("s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"),
        ("athena:results",),
    ),
)  # fmt: skip
"""Athena reads and writes with the rights of who asks. In a stack without it this is nothing."""

STARTING_RUNS = Grant(("states:StartExecution",), ("states:workflow",))
METERING = _table("usage", UPDATE)
"""Every function says what it took."""


def _reading_all() -> tuple[Grant, ...]:
    """What counting everything again reads, and where it corrects."""
    return (
        _table("log", GET, QUERY),
        _table("counters", GET, QUERY, SCAN, UPDATE),
        _table("series", QUERY, SCAN, BATCH_WRITE),
        _table("records", SCAN),
    )


MEASURING_TABLES = Grant(
    (DESCRIBE,),
    ("table:events", "table:log", "table:counters", "table:series", "table:failed", "table:keys",
     "table:state", "table:sockets", "table:lake", "table:usage", "table:records"),
)  # fmt: skip
"""How large they are."""


PERMISSIONS: dict[str, tuple[Grant, ...]] = {
    "http": (
        *COLLECTING, *EVENTS, *COUNTS, *FAILED, COUNTING_FAILED, RECORDS, KEYS, ADMIN_KEY,
        _table("log", GET, QUERY, PUT), _table("lake", GET), ENTITIES, _table("state", PUT),
        PRIVACY, _sending("assessments", "agreement"), ABSENCE,
        _table("state", DELETE), _table("usage", QUERY), STARTING_RUNS,
        Grant(("s3:GetObject",), ("bucket:received/*", "bucket:raw/*", "bucket:anonymised/*")),
        Grant(("s3:PutObject",), ("bucket:received/*",)),
    ),
    "query": (
        *EVENTS, *COUNTS, KEYS, ADMIN_KEY, LOG, _table("lake", GET, BATCH_GET, QUERY),
        ENTITIES, _table("state", PUT), _table("usage", QUERY),
        Grant(("s3:GetObject",), ("bucket:lake/*",)), *ATHENA,
        Grant(("s3:PutObject",), ("bucket:tmp/results/*",)),
    ),
    "sockets": (
        _table("sockets", PUT, UPDATE), *PUSHING, _table("keys", GET), HEAD, *COUNTS, *FAILED,
        ENTITIES,
    ),
    "sequence": (
        *_reading_stream("events"),
        _table("log", GET, PUT, UPDATE),
        _table("counters", QUERY, UPDATE),
        _table("series", BATCH_WRITE),
        KEEPING_FAILED,
        *PUSHING,
    ),
    "recount": (
        *_reading_stream("records"),
        Grant((QUERY,), ("index:records/instant",)),
        _table("counters", QUERY, UPDATE),
        _table("series", PUT),
        _table("state", UPDATE),
        KEEPING_FAILED,
        HEAD,
        *PUSHING,
        UNDELIVERED,
    ),
    "resolve": (
        RECORDS,
        Grant((QUERY,), ("index:records/instant",)),
        _table("records", BATCH_GET),
        _table("counters", QUERY, UPDATE),
        _table("series", PUT, QUERY),
    ),
    "kinesis": (
        Grant(
            ("kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords",
             "kinesis:GetShardIterator", "kinesis:ListShards"),
            ("kinesis:intake",),
        ),
        *COLLECTING,
        UNDELIVERED,
    ),
    "sqs": (
        Grant(
            ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
             "sqs:ReceiveMessage"),
            ("queue:intake",),
        ),
        *COLLECTING,
    ),
    "s3": (
        Grant(
            ("s3:GetObject",),
            ("bucket:raw/*", "bucket:processed/*", "bucket:exports/*", "bucket:imports/*",
             "bucket:archive/*", "bucket:received/*"),
        ),
        Grant(
            ("s3:PutObject",),
            ("bucket:processed/insights/*", "bucket:exports/*", "bucket:imports/errors/*",
             "bucket:archive/*", "bucket:received/*"),
        ),
        Grant(("s3:DeleteObject",), ("bucket:raw/*", "bucket:exports/*", "bucket:imports/*")),
        ABSENCE,
        *COLLECTING,
        _table("events", GET),
        _table("state", GET, PUT),
        _sending("intake", "assessments"),
        UNDELIVERED,
    ),
    "bus": (*COLLECTING, UNDELIVERED),
    "entities": (
        *_reading_stream("events"),
        ENTITIES,
        _table("state", PUT, DELETE),
        Grant(("events:PutEvents",), ("bus:",)),
        HEAD,
        KEEPING_FAILED,
        *PUSHING,
        UNDELIVERED,
    ),
    "webhook": (
        Grant(
            ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
             "sqs:GetQueueUrl", "sqs:ReceiveMessage"),
            ("queue:alerts",),
        ),
        Grant(("secretsmanager:GetSecretValue",), ("secret:alert-webhook",)),
        KEEPING_FAILED,
    ),
    "anonymizer": (
        *_working_off("assessments"), _sending("ocean"), PRIVACY, ABSENCE,
        Grant(("s3:GetObject",), ("bucket:received/*", "bucket:raw/*", "bucket:anonymised/*")),
        Grant(("s3:PutObject",), ("bucket:anonymised/*",)),
        _table("state", GET, PUT),
        KEEPING_FAILED,
        UNDELIVERED,
    ),
    "ocean": (
        *_working_off("ocean"),
        Grant(("s3:GetObject",), ("bucket:anonymised/*",)),
        _table("state", GET, QUERY, PUT, DELETE),
        *COLLECTING,
        Grant(("events:PutEvents",), ("bus:",)),
        UNDELIVERED,
    ),
    "dual_ai": (
        *_working_off("agreement"),
        _table("state", GET, QUERY, PUT, DELETE),
        *COLLECTING,
        Grant(("events:PutEvents",), ("bus:",)),
        UNDELIVERED,
    ),
    "forward": (
        LOG,
        _table("state", GET, QUERY, PUT, DELETE),
        PRIVACY,
        Grant((READING_SECRET,), ("secret:forwarding",)),
        Grant(("kinesis:PutRecords",), ("sink:kinesis",)),
        Grant(("firehose:PutRecordBatch",), ("sink:firehose",)),
        KEEPING_FAILED,
        UNDELIVERED,
    ),
    "schedule": (
        HEAD, COUNTING_FAILED, _table("lake", GET), UNDELIVERED, ENTITIES, _table("state", PUT),
        STARTING_RUNS,
    ),
    "workflow": (
        *COLLECTING, *_reading_all(), MEASURING_TABLES, _table("state", GET, QUERY, PUT),
        _table("usage", QUERY, PUT), _table("keys", SCAN),
        Grant(("lambda:InvokeFunction",), ("function:query",)),
        Grant(("events:PutEvents",), ("bus:",)),
        ABSENCE,
        Grant(("s3:GetObject",), ("bucket:raw/*", "bucket:archive/*", "bucket:runs/*")),
        Grant(("s3:PutObject",), ("bucket:runs/*", "bucket:rollups/*", "bucket:reports/*")),
        Grant(("s3:DeleteObject",), ("bucket:runs/*",)),
    ),
    "lake": (
        LOG,
        _table("lake", GET, BATCH_GET, BATCH_WRITE, QUERY, PUT, UPDATE, DELETE, CHECK),
        KEEPING_FAILED,
        Grant(("s3:GetObject", "s3:PutObject", "s3:DeleteObject"), ("bucket:lake/*",)),
        Grant(("s3:GetObject", "s3:DeleteObject"), ("bucket:tmp/results/*",)), ABSENCE,
        _table("state", GET, QUERY, PUT, DELETE),
        UNDELIVERED,
    ),
}  # fmt: skip

for _name in PERMISSIONS:
    PERMISSIONS[_name] = (*PERMISSIONS[_name], METERING)

LISTING_STREAMS = "dynamodb:ListStreams"
TRACING = ("xray:PutTelemetryRecords", "xray:PutTraceSegments")
"""Actions whose services know no resources, granted on ``*`` where they are needed."""

READS_STREAMS = frozenset({"sequence", "recount", "entities"})
