"""Every HTTP route as data: from this list come the router, the API document and the docs."""

from tallybrook.assessments.dual_ai.showing import ShownWindow
from tallybrook.assessments.flow.shapes import Distributions, Scored
from tallybrook.costs.budget import Budget
from tallybrook.costs.reported import Report
from tallybrook.counters.reading import RangeCount
from tallybrook.entities.describing import EntityTypes
from tallybrook.entities.history import EntityReply
from tallybrook.entrypoints.server import (
    agreement,
    assessing,
    collect,
    costing,
    entities,
    erasing,
    failures,
    files,
    forwarding,
    graphing,
    pinpoint,
    querying,
    reads,
    recording,
    running,
    status,
)
from tallybrook.entrypoints.server import schemas as s
from tallybrook.entrypoints.server.collecting import post_batch, post_event, post_operation
from tallybrook.entrypoints.server.route import JSON, Param, Route
from tallybrook.entrypoints.server.sql_routes import SQL_ROUTES
from tallybrook.failed.showing import ShownFailure
from tallybrook.files.shapes import FileList
from tallybrook.forwarding.reading import Forwarding
from tallybrook.lake.erasures import Certificate

_RANGE = (
    Param("start", s.INSTANT_OR_DATE, "First instant, or first day (UTC)"),
    Param("end", s.INSTANT_OR_DATE, "End instant (exclusive), or last day (inclusive, UTC)"),
)
_AS_OF = Param("as_of", s.INSTANT_OR_DATE, "Answer as at this instant instead of now")
_COLLECT_ERRORS = (400, 413, 415, 422)
_RECORD = {"type": s.RECORD_TYPE, "id": s.IDENTIFIER}

ROUTES: tuple[Route, ...] = (
    Route(
        method="POST", path="/events", handler=post_event, summary="Collect one event",
        tag="Collecting", scope="write", body={JSON: s.EVENT}, status=202,
        reply=collect.EventReply, errors=_COLLECT_ERRORS,
    ),
    *(
        Route(
            method="POST", path=path, handler=post_batch,
            summary="Collect up to 500 events; each is answered for itself",
            tag="Collecting", scope="write",
            body={JSON: s.BATCH, "application/x-ndjson": s.NDJSON}, status=202,
            reply=collect.BatchReply, errors=_COLLECT_ERRORS,
        )
        for path in ("/events/batch", "/batch/events")
    ),
    Route(
        method="POST", path="/ingest", handler=post_operation,
        summary="Collect one envelope of the operations stream", tag="Collecting",
        scope="write", body={JSON: s.OPERATION}, status=202, reply=collect.EventReply,
        errors=_COLLECT_ERRORS,
    ),
    Route(
        method="POST", path="/v1/apps/{app}/events", handler=pinpoint.put_events,
        summary="Collect what Amazon Pinpoint's PutEvents takes; its SDKs work unchanged",
        tag="Collecting", scope="write", path_schemas={"app": s.NAME},
        body={JSON: s.PUT_EVENTS}, status=202, reply=pinpoint.EventsResponse,
        errors=(*_COLLECT_ERRORS, 404),
    ),
    Route(
        method="PUT", path="/records/{type}/{id}", handler=recording.put_record,
        summary="Create or replace a record", tag="Records", scope="write",
        path_schemas=_RECORD, body={JSON: s.RECORD}, reply=recording.RecordReply,
        errors=(404, *_COLLECT_ERRORS),
    ),
    Route(
        method="DELETE", path="/records/{type}/{id}", handler=recording.delete_record,
        summary="Delete a record", tag="Records", scope="write", path_schemas=_RECORD,
        reply=recording.RecordReply, errors=(404, 422),
    ),
    Route(
        method="POST", path="/records/{type}", handler=recording.post_records,
        summary="Put and delete up to 500 records; each is answered for itself", tag="Records",
        scope="write", path_schemas={"type": s.RECORD_TYPE}, body={JSON: s.RECORDS}, status=202,
        reply=recording.RecordBatchReply, errors=_COLLECT_ERRORS,
    ),
    Route(
        method="GET", path="/events/{id}", handler=reads.event, summary="One event by its id",
        tag="Reading", scope="read", path_schemas={"id": s.IDENTIFIER}, reply=reads.ShownEvent,
        errors=(404,),
    ),
    Route(
        method="GET", path="/users/{id}/events", handler=reads.user_events,
        summary="A user's events, newest first", tag="Reading", scope="read",
        path_schemas={"id": s.NAME}, reply=reads.UserEvents, errors=(404, 422),
        query=(
            Param("limit", s.LIMIT, "How many at most"),
            Param("cursor", s.CURSOR, "`next_cursor` of the page before"),
        ),
    ),
    Route(
        method="GET", path="/series", handler=reads.series,
        summary="Every series that was ever counted", tag="Reading", scope="read",
        reply=reads.SeriesList,
    ),
    Route(
        method="GET", path="/realtime/metrics", handler=reads.realtime,
        summary="Current and previous 1, 5, 15 and 60 minute buckets", tag="Reading",
        scope="read", query=(_AS_OF,), reply=reads.Realtime, errors=(422,),
    ),
    Route(
        method="GET", path="/aggregations/{series}", handler=reads.aggregations,
        summary="Stored buckets of one size", tag="Reading", scope="read",
        path_schemas={"series": s.SERIES}, reply=reads.Aggregations, errors=(404, 422),
        query=(*_RANGE, Param("minutes", s.MINUTES, "Size of the buckets"), _AS_OF),
    ),
    Route(
        method="GET", path="/counts/{series}", handler=reads.counts,
        summary="How many in a range, from the largest buckets that fit", tag="Reading",
        scope="read", path_schemas={"series": s.SERIES}, query=_RANGE,
        reply=RangeCount, errors=(404, 422),
    ),
    Route(
        method="GET", path="/analytics", handler=querying.analytics,
        summary="A metric over time: counts, unique users, sums and means", tag="Reading",
        scope="read", reply=querying.Analytics, errors=(400, 408, 422), open_query=True,
        query=(
            Param("metric", s.METRIC, "An event type, unique_users, sum:PROPERTY or avg:PROPERTY",
                  required=True),
            *_RANGE,
            Param("group_by", s.GROUP_BY, "Length of a period"),
            *(Param(name, s.TEXT, f"Only events with this {name}") for name in s.FILTERS),
        ),
    ),
    *SQL_ROUTES,
    *(
        Route(
            method=method, path="/graphql", handler=graphing.graphql,
            summary=f"GraphQL by {method}: records and aggregated metrics", tag="GraphQL",
            scope=None, body=body, reply_types=("application/graphql-response+json",),
            query=query, errors=(400, 401, 403, 406, 413, 415, 429), open_query=True,
        )
        for method, body, query in (
            ("POST", {JSON: s.GRAPHQL}, ()),
            ("GET", {}, (Param("query", s.TEXT, "A query; mutations are sent by POST",
                               required=True),)),
        )
    ),
    Route(
        method="GET", path="/entities", handler=entities.types,
        summary="The types of entities, what is measured of each, and the alert rules",
        tag="Entities", scope="read", reply=EntityTypes,
    ),
    Route(
        method="GET", path="/entities/{type}", handler=entities.entities,
        summary="Entities of a type with their metrics, in the order of one of them",
        tag="Entities", scope="read", path_schemas={"type": s.NAME}, reply=entities.EntityList,
        errors=(404, 422),
        query=(
            Param("sort", s.TEXT, "A metric, with - in front for the largest first"),
            Param("threshold", s.NUMBER, "Only values below it; with - in `sort`, from it on"),
            Param("limit", s.LIMIT, "How many at most"),
            Param("cursor", s.CURSOR, "`next_cursor` of the page before; keeps to its `as_of`"),
            _AS_OF,
        ),
    ),
    Route(
        method="GET", path="/entities/{type}/{id}", handler=entities.entity,
        summary="One entity: its metrics, what was reported of it, and its history",
        tag="Entities", scope="read", path_schemas={"type": s.NAME, "id": s.NAME},
        reply=EntityReply, errors=(404, 422),
        query=(
            _AS_OF,
            Param("history", s.HISTORY, "Also facts by day, values and alerts of so many days"),
        ),
    ),
    Route(
        method="GET", path="/alerts", handler=entities.alerts, summary="Alerts, newest first",
        tag="Entities", scope="read", reply=entities.AlertList, errors=(422,),
        query=(
            Param("severity", s.SEVERITY, "Only of this severity"),
            Param("since", s.INSTANT_OR_DATE, "Only from this instant on"),
            Param("limit", s.LIMIT, "How many at most"),
            Param("cursor", s.CURSOR, "`next_cursor` of the page before"),
            _AS_OF,
        ),
    ),
    Route(
        method="POST", path="/agreement/messages", handler=agreement.post_message,
        summary="Take in a message of two AIs that scored one assessment", tag="Agreement",
        scope="write", body={JSON: s.DUAL_MESSAGE}, status=202, reply=agreement.MessageReply,
        errors=_COLLECT_ERRORS,
    ),
    Route(
        method="POST", path="/agreement/batch", handler=agreement.post_messages,
        summary="Take in up to 500 messages; each is answered for itself", tag="Agreement",
        scope="write", body={JSON: s.DUAL_MESSAGES, "application/x-ndjson": s.NDJSON},
        status=202, reply=agreement.MessageBatchReply, errors=_COLLECT_ERRORS,
    ),
    Route(
        method="GET", path="/agreement", handler=agreement.window,
        summary="How far two AIs agree over a window: statistics with intervals, quality, cost",
        tag="Agreement", scope="read", reply=ShownWindow, errors=(422,),
        query=(
            *_RANGE,
            Param("group_by", s.PERIOD, "Also the mean agreement of each period of this length"),
        ),
    ),
    Route(
        method="GET", path="/agreement/{id}", handler=agreement.one,
        summary="What was measured of an assessment's messages", tag="Agreement", scope="read",
        path_schemas={"id": s.IDENTIFIER}, reply=agreement.Measurements, errors=(404,),
    ),
    Route(
        method="POST", path="/assessments", handler=assessing.post_assessment,
        summary="Take in an assessment; it is anonymised and scored", tag="Assessments",
        scope="write", body={JSON: s.ASSESSMENT}, status=202, reply=assessing.AssessmentReply,
        errors=_COLLECT_ERRORS,
    ),
    Route(
        method="POST", path="/assessments/batch", handler=assessing.post_assessments,
        summary="Take in up to 500 assessments; each is answered for itself", tag="Assessments",
        scope="write", body={JSON: s.ASSESSMENTS, "application/x-ndjson": s.NDJSON},
        status=202, reply=assessing.AssessmentBatchReply, errors=_COLLECT_ERRORS,
    ),
    Route(
        method="GET", path="/assessments/distributions", handler=assessing.spread,
        summary="How scores are spread in groups of people, small groups withheld",
        tag="Assessments", scope="read", reply=Distributions, errors=(422,),
        query=(
            Param("group_by", s.ASSESSMENT_GROUP, "What people are grouped by (default: industry)"),
            Param("assessment_type", s.ASSESSMENT_TYPE, "Which inventory's scores"),
        ),
    ),
    Route(
        method="GET", path="/assessments/{id}", handler=assessing.one,
        summary="How an assessment stands, and its scores", tag="Assessments", scope="read",
        path_schemas={"id": s.NAME}, reply=assessing.AssessmentStatus, errors=(404,),
        query=(
            Param("user_id", s.TEXT, "With it `id` is the assessment's own id, else its pseudonym"),
        ),
    ),
    Route(
        method="DELETE", path="/users/{id}", handler=erasing.erase,
        summary="Erase somebody from the lake, what was made of it, and their pseudonyms",
        tag="Erasing", scope="admin", path_schemas={"id": s.NAME}, status=202,
        reply=Certificate, errors=(422,),
        query=(Param("also", s.NAMES, "A further id of the same person; may be repeated"),),
    ),
    Route(
        method="GET", path="/erasures/{id}", handler=erasing.erasure,
        summary="How an erasure stands, and what it took", tag="Erasing", scope="admin",
        path_schemas={"id": s.IDENTIFIER}, reply=Certificate, errors=(404,),
    ),
    Route(
        method="GET", path="/users/{id}/ocean", handler=assessing.latest,
        summary="A user's latest scores, by the time of the assessment", tag="Assessments",
        scope="read", path_schemas={"id": s.NAME}, reply=Scored, errors=(404,),
    ),
    Route(
        method="GET", path="/failed", handler=failures.failures, summary="Failed records",
        tag="Failed records", scope="read", reply=failures.FailureList, errors=(422,),
        query=(
            Param("status", s.FAILED_STATUS, "Which (default: open)"),
            Param("limit", s.LIMIT, "How many at most"),
            Param("cursor", s.TEXT, "`next_cursor` of the page before"),
        ),
    ),
    Route(
        method="GET", path="/failed/{id}", handler=failures.failure, summary="One failed record",
        tag="Failed records", scope="read", path_schemas={"id": s.IDENTIFIER},
        reply=ShownFailure, errors=(404,),
    ),
    Route(
        method="POST", path="/failed/{id}/replay", handler=failures.replay,
        summary="Send a failed record again, edited or as it is; it counts once",
        tag="Failed records", scope="admin", path_schemas={"id": s.IDENTIFIER},
        body={JSON: {"type": "object"}}, body_required=False, reply=failures.ReplayReply,
        errors=(400, 404, 409, 413, 422),
    ),
    Route(
        method="DELETE", path="/failed/{id}", handler=failures.discard,
        summary="Discard a failed record; it stays on file as discarded", tag="Failed records",
        scope="admin", path_schemas={"id": s.IDENTIFIER}, reply=ShownFailure,
        errors=(404, 409),
    ),
    Route(
        method="GET", path="/files", handler=files.files,
        summary="Files that were put, newest first, and what became of their rows",
        tag="Files", scope="read", reply=FileList, errors=(422,),
        query=(
            Param("limit", s.LIMIT, "How many at most"),
            Param("cursor", s.TEXT, "`next_cursor` of the page before"),
        ),
    ),
    Route(
        method="GET", path="/runs", handler=running.runs,
        summary="Runs of workflows and of what is done by the clock, newest first",
        tag="Workflows", scope="read", reply=running.RunList, errors=(422,),
        query=(
            Param("status", s.RUN_STATUS, "Only those in this state"),
            Param("limit", {**s.LIMIT, "maximum": 500}, "How many at most"),
            Param("cursor", s.CURSOR, "`next_cursor` of the page before"),
        ),
    ),
    Route(
        method="POST", path="/runs", handler=running.post_run,
        summary="Work off an uploaded file, or a time range again", tag="Workflows",
        scope="admin", body={JSON: s.RUN}, status=202, reply=running.ShownRun,
        errors=(400, 402, 413, 415, 422),
    ),
    Route(
        method="GET", path="/runs/{id}", handler=running.run,
        summary="One run: its steps, and what each gave", tag="Workflows", scope="read",
        path_schemas={"id": s.IDENTIFIER}, reply=running.ShownRun, errors=(404,),
    ),
    *(
        Route(
            method="POST", path=f"/runs/{{id}}/{what}", handler=handler, summary=summary,
            tag="Workflows", scope="admin", path_schemas={"id": s.IDENTIFIER}, status=status,
            reply=running.ShownRun, errors=(404, 409),
        )
        for what, handler, status, summary in (
            ("retry", running.retry, 202, "Go on with a run that failed, where it stopped"),
            ("cancel", running.cancel, 200, "Do no further step of a run"),
        )
    ),
    Route(
        method="GET", path="/schedules", handler=running.schedules,
        summary="What is done by the clock, with its last and its next time", tag="Workflows",
        scope="read", reply=running.ScheduleList,
    ),
    Route(
        method="GET", path="/costs/report", handler=costing.cost_report,
        summary="What was used, in dollars: by function, service, account and day", tag="Costs",
        scope="read", reply=Report, reply_types=("text/csv",), errors=(422,),
        query=(
            *_RANGE,
            Param("format", s.REPORT_FORMAT, "The report as JSON, or its lines as CSV"),
        ),
    ),
    Route(
        method="GET", path="/costs/budget", handler=costing.budget,
        summary="How the month's budget stands, and what it has stopped", tag="Costs",
        scope="admin", reply=Budget,
    ),
    Route(
        method="POST", path="/costs/budget/override", handler=costing.override,
        summary="Let nothing stop for some hours; 0 hours end that", tag="Costs",
        scope="admin", body={JSON: s.OVERRIDE}, reply=Budget, errors=(400, 413, 415, 422),
    ),
    Route(
        method="GET", path="/forwarding", handler=forwarding.forwarding,
        summary="Where events are forwarded to, and what came of it", tag="Operating",
        scope="read", reply=Forwarding,
    ),
    Route(
        method="GET", path="/consumers", handler=status.consumers,
        summary="Where every consumer of the log stands", tag="Operating", scope="read",
        reply=status.Consumers,
    ),
    Route(
        method="GET", path="/demo", handler=status.demo,
        summary="Which parts of the data are simulated", tag="Operating", scope="read",
        reply=status.Demo,
    ),
    Route(
        method="GET", path="/live", handler=None,
        summary="Snapshot and deltas as server-sent events; as WebSocket on the same path",
        tag="Live", scope="read", reply_type="text/event-stream", errors=(422,),
        query=(
            Param("topics", s.TOPICS, "Topics, separated by commas"),
            Param("since", s.SEQ, "Go on after this sequence number"),
        ),
    ),
    Route(
        method="GET", path="/health", handler=status.health, summary="Is the process alive",
        tag="Operating", scope=None, reply=status.Health,
    ),
    Route(
        method="GET", path="/ready", handler=status.ready,
        summary="Can it write; how far is each consumer behind", tag="Operating", scope=None,
        reply=status.Ready, errors=(503,),
    ),
    Route(
        method="GET", path="/metrics", handler=status.metrics,
        summary="Metrics in Prometheus' text format", tag="Operating", scope=None,
        reply_type="text/plain",
    ),
)  # fmt: skip
