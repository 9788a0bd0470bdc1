"""JSON schemas of what is received (2020-12, as OpenAPI 3.1 uses them)."""

from typing import Any

from tallybrook.analytics.periods import GROUPS
from tallybrook.analytics.plan import COLUMNS
from tallybrook.assessments.agreement.message import DOMAINS, MAX_FACETS
from tallybrook.assessments.answers import SCALES
from tallybrook.assessments.flow.shapes import GROUPS as ASSESSMENT_GROUPS
from tallybrook.assessments.library import built_in
from tallybrook.counters.buckets import SIZES
from tallybrook.entities.definitions import SEVERITIES
from tallybrook.entities.history import MAX_HISTORY_DAYS
from tallybrook.events.batches import MAX_BATCH_EVENTS
from tallybrook.events.model import MAX_TEXT
from tallybrook.live.messages import TOPICS as LIVE_TOPICS
from tallybrook.ports.sql import FORMATS, MAX_EXPORT_ROWS, MAX_ROWS
from tallybrook.records.reading import DEFAULT_TYPES, MAX_RECORDS

Schema = dict[str, Any]

INVENTORIES = built_in()
TEXT: Schema = {"type": "string"}
GRAPHQL: Schema = {
    "type": "object",
    "required": ["query"],
    "properties": {
        "query": {"type": "string"},
        "operationName": {"type": ["string", "null"]},
        "variables": {"type": ["object", "null"]},
        "extensions": {"type": ["object", "null"]},
    },
}
SHORT: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
OPTIONAL: Schema = {"type": ["string", "null"], "minLength": 1, "maxLength": MAX_TEXT}
OBJECT: Schema = {"type": ["object", "null"]}
IDENTIFIER: Schema = SHORT
INSTANT: Schema = {
    "anyOf": [{"type": "string", "format": "date-time", "minLength": 10}, {"type": "null"}],
    "description": "RFC 3339, or a common ISO 8601 variant; UTC where no offset is given",
}
INSTANT_OR_DATE: Schema = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]
}
NAME: Schema = {"type": "string", "minLength": 1}
MAX_NAMES = 80
NAMES: Schema = {"type": "array", "items": NAME, "maxItems": MAX_NAMES}
SERIES: Schema = {**NAME, "description": "A record type or an event type"}
MINUTES: Schema = {"type": "integer", "enum": list(SIZES), "default": 1}
LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50}
CURSOR: Schema = {"type": "string", "description": "Opaque; only what was given out is accepted"}
METRIC: Schema = {"type": "string", "minLength": 1}
GROUP_BY: Schema = {"type": "string", "enum": list(GROUPS), "default": "1d"}
PERIOD: Schema = {"type": "string", "enum": list(GROUPS)}
FILTERS = COLUMNS
SEVERITY: Schema = {"type": "string", "enum": list(SEVERITIES)}
NUMBER: Schema = {"type": "number"}
HISTORY: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_HISTORY_DAYS}
SEQ: Schema = {"type": "integer", "minimum": 0}
TOPICS: Schema = {"type": "string", "enum": [*LIVE_TOPICS, ",".join(LIVE_TOPICS)]}
FAILED_STATUS: Schema = {"type": "string", "enum": ["open", "replayed", "discarded", "all"]}
RUN_STATUS: Schema = {
    "type": "string", "enum": ["queued", "running", "succeeded", "failed", "cancelled"],
}  # fmt: skip
REPORT_FORMAT: Schema = {"type": "string", "enum": ["json", "csv"], "default": "json"}
RUN: Schema = {
    "oneOf": [
        {
            "type": "object",
            "required": ["kind", "key"],
            "properties": {
                "kind": {"type": "string", "const": "file"},
                "key": {"type": "string", "minLength": 1},
            },
        },
        {
            "type": "object",
            "required": ["kind", "start", "end"],
            "properties": {
                "kind": {"type": "string", "const": "range"},
                "start": INSTANT_OR_DATE,
                "end": INSTANT_OR_DATE,
            },
        },
    ]
}
OVERRIDE: Schema = {
    "type": "object",
    "required": ["hours"],
    "properties": {
        "hours": {"type": "number", "minimum": 0, "maximum": 744},
        "reason": {"type": "string", "maxLength": 200},
    },
}
RECORD_TYPE: Schema = {"type": "string", "enum": sorted(DEFAULT_TYPES)}

_IDENTIFIED = [
    {"required": ["user_id"], "properties": {"user_id": SHORT}},
    {"required": ["anonymous_id"], "properties": {"anonymous_id": SHORT}},
]

EVENT: Schema = {
    "type": "object",
    "required": ["event_type"],
    "anyOf": _IDENTIFIED,
    "not": {"required": ["properties", "payload"]},
    "properties": {
        "event_type": SHORT,
        "event_id": {**OPTIONAL, "description": "Identity; made by the server when absent"},
        "timestamp": INSTANT,
        "user_id": OPTIONAL,
        "anonymous_id": OPTIONAL,
        "session_id": OPTIONAL,
        "properties": OBJECT,
        "payload": {**OBJECT, "description": "Another name for properties"},
        "context": OBJECT,
        "messageId": {**OPTIONAL, "description": "Another name for event_id"},
        "id": {**OPTIONAL, "description": "Another name for event_id"},
    },
    "description": "Unknown keys are kept under context.extra",
}
BATCH: Schema = {
    "type": "object",
    "required": ["events"],
    "properties": {
        "events": {
            "type": "array",
            "maxItems": MAX_BATCH_EVENTS,
            "items": {},
            "description": "Events; one that cannot be used is rejected by itself",
        }
    },
}
NDJSON: Schema = {"type": "string", "description": "One event a line"}
OPERATION: Schema = {
    "type": "object",
    "required": ["event_type"],
    "properties": {
        "event_type": SHORT,
        "timestamp": INSTANT,
        "payload": OBJECT,
        "source": OPTIONAL,
        "event_id": OPTIONAL,
    },
}
PUT_EVENTS: Schema = {
    "type": "object",
    "required": ["BatchItem"],
    "properties": {
        "BatchItem": {
            "type": "object",
            "additionalProperties": {},
            "description": "By endpoint id: {Endpoint, Events: {name: {EventType, Timestamp,"
            " Attributes, Metrics, Session}}}; what cannot be used is refused by itself",
        }
    },
}
RECORD: Schema = {
    "type": "object",
    "properties": {
        "createdAt": {"description": "The instant it is counted at"},
        "updatedAt": {"description": "The same, where createdAt is empty"},
        "accountId": {"type": "null", "description": "If given, the account of the key"},
    },
}
RECORDS: Schema = {
    "type": "object",
    "required": ["records"],
    "properties": {
        "records": {
            "type": "array",
            "maxItems": MAX_RECORDS,
            "items": {},
            "description": 'Each {"op": "put" or "delete", "id": ..., ...fields}',
        }
    },
    "additionalProperties": False,
}
_QUERY_LIMITS: Schema = {
    "parameters": {
        "type": "object",
        "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
    },
    "max_scanned_bytes": {"type": ["integer", "null"], "minimum": 1, "maximum": (1 << 53) - 1},
    "timeout_s": {
        "type": ["number", "null"],
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1 << 53,
        "description": "Seconds from asking to the end of the answer, the wait for a turn included",
    },
    "limit": {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": MAX_ROWS,
        "description": f"Most rows: 10000 unless said; in a file all, {MAX_EXPORT_ROWS} at most",
    },
    "page_rows": {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 10_000,
        "description": "Rows of an answer at once; metadata.next_token names the next ones",
    },
    "format": {
        "enum": ["json", *FORMATS, None],
        "description": "json: all pages in one answer; the others: a file with all rows",
    },
    "dry_run": {"type": "boolean", "description": "Only say what it would read and cost"},
    "wait": {"type": "boolean", "default": True, "description": "false: 202 with the execution"},
}
QUERY: Schema = {
    "type": "object",
    "anyOf": [
        {"required": ["sql"], "properties": {"sql": {"type": "string", "minLength": 1}}},
        {"required": ["query"], "properties": {"query": {"type": "string", "minLength": 1}}},
        {"required": ["next_token"], "properties": {"next_token": {"type": "string"}}},
    ],
    "properties": {
        "sql": {"type": ["string", "null"]},
        "query": {"type": ["string", "null"], "description": "Another name for sql"},
        "full_scan": {"type": "boolean"},
        "next_token": {"type": ["string", "null"], "description": "Asks for a further page"},
        **_QUERY_LIMITS,
    },
}
RUN_QUERY: Schema = {"type": "object", "properties": _QUERY_LIMITS}

_SCORE: Schema = {"type": ["number", "null"], "minimum": 0, "maximum": 100}
_SHARE: Schema = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
_OCEAN: Schema = {
    "type": "object",
    "required": list(DOMAINS),
    "properties": {
        **dict.fromkeys(DOMAINS, _SCORE),
        "facets": {
            "type": "object",
            "maxProperties": MAX_FACETS,
            "propertyNames": SHORT,
            "additionalProperties": {
                "type": "object",
                "required": ["score"],
                "properties": {"score": _SCORE},
            },
        },
    },
}
_RESPONSE: Schema = {
    "type": "object",
    "required": ["oceanScores"],
    "properties": {
        "oceanScores": _OCEAN,
        "confidence": _SHARE,
        "processingTime": {
            "type": ["number", "null"], "minimum": 0, "maximum": 1e9,
            "description": "In milliseconds",
        },
        "tokensUsed": {"type": ["integer", "null"], "minimum": 0, "maximum": 10**12},
        "modelVersion": OPTIONAL,
    },
}  # fmt: skip
_VALIDATION: Schema = {
    **_RESPONSE,
    "properties": {**_RESPONSE["properties"], "consistencyScore": _SHARE},
}
DUAL_MESSAGE: Schema = {
    "type": "object",
    "required": ["assessmentId", "timestamp", "a1Response", "b1Validation"],
    "properties": {
        "assessmentId": SHORT,
        "timestamp": {"type": "string", "format": "date-time"},
        "a1Response": _RESPONSE,
        "b1Validation": _VALIDATION,
    },
}
DUAL_MESSAGES: Schema = {
    "type": "object",
    "required": ["messages"],
    "properties": {
        "messages": {
            "type": "array",
            "maxItems": MAX_BATCH_EVENTS,
            "items": {},
            "description": "Messages; one that cannot be used is rejected by itself",
        }
    },
}

ASSESSMENT_TYPE: Schema = {"type": "string", "enum": INVENTORIES, "default": "ocean-120"}
ASSESSMENT_GROUP: Schema = {"type": "string", "enum": list(ASSESSMENT_GROUPS)}
ASSESSMENT: Schema = {
    "type": "object",
    "required": ["userId", "assessmentId", "timestamp", "responses"],
    "properties": {
        "userId": {"type": ["string", "integer"], "minLength": 1},
        "assessmentId": {"type": ["string", "integer"], "minLength": 1},
        "assessmentType": ASSESSMENT_TYPE,
        "scale": {"type": ["string", "null"], "enum": [*SCALES, None]},
        "timestamp": {"type": "string", "format": "date-time"},
        "completionTime": {"type": ["number", "null"], "description": "In milliseconds"},
        "responses": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["questionId"],
                "properties": {
                    "questionId": {"type": ["string", "integer"]},
                    "answer": {"type": ["number", "string", "null"]},
                },
            },
            "description": "Each item of the inventory at most once, by its number or key",
        },
        "demographics": {
            "type": ["object", "null"],
            "description": "age, country, industry, role, yearsExperience; the rest is dropped",
        },
        "metadata": {
            "type": ["object", "null"],
            "description": "userAgent, platform, sessionId; the rest is dropped",
        },
    },
    "description": "Fields that are not named here are dropped before scoring",
}
ASSESSMENTS: Schema = {
    "type": "object",
    "required": ["assessments"],
    "properties": {
        "assessments": {
            "type": "array",
            "maxItems": MAX_BATCH_EVENTS,
            "items": {},
            "description": "Assessments; one that cannot be used is rejected by itself",
        }
    },
}
