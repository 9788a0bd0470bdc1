"""The engine over Athena, its answers written by the test, and over the emulator's Athena. That the
engine keeps the contract is in ``tests/contracts``; what it does when the service does not do as it
is told in ``test_athena_faults``."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tallybrook.errors import RateLimitedError, RetryableError, TallybrookError
from tallybrook.lake.ddl import OUTPUT, SERDE, table_input
from tallybrook.lake.tables import TABLES
from tallybrook.ports.aws.clients import client
from tallybrook.ports.sql import (
    QueryCancelledError,
    QueryFailedError,
    QueryMemoryError,
    QueryRefusedError,
    QueryRequest,
    QueryTimeoutError,
    ScanLimitError,
)
from tallybrook.ports.sql.aws.athena import AthenaSqlEngine
from tallybrook.ports.sql.aws.service import Athena
from tallybrook.ports.sql.local import LocalSqlEngine
from tallybrook.sql import price
from tests.contracts.sources import open_data
from tests.support.athena import Listening, Scripted
from tests.support.athena.scripted import MIB
from tests.support.waiting import wait_for

DAY = "date >= date '2024-01-01'"
SQL = f"SELECT seq FROM events WHERE {DAY} ORDER BY seq"


def ask(sql: str = SQL, **fields: Any) -> QueryRequest:
    return QueryRequest(account_id="acme", sql=sql, **fields)


def test_all_pages_of_the_service(
    engine: AthenaSqlEngine, service: Scripted, listening: Listening, runner: asyncio.Runner
) -> None:
    """Past a thousand rows each row is there once and in order, the names are no row, and our own
    pages fit together; the workgroup and the account are named; the cost is of what was scanned."""
    service.rows = [[str(number)] for number in range(2500)]
    first = runner.run(engine.run(ask(page_rows=2000)))
    rest = runner.run(
        engine.page("acme", first.execution_id, first.metadata.next_token, page_rows=2000)
    )
    assert [row[0] for row in first.rows + rest.rows] == list(range(2500))
    assert len(listening.asked("GetQueryResults")) == 3
    (asked,) = service.asked
    assert asked["WorkGroup"] == "tb-x"
    assert asked["QueryExecutionContext"] == {"Database": "tb_x"}
    # Texts are not pasted by Athena, and an answer is never older than the lake.
    assert not {"ExecutionParameters", "ResultReuseConfiguration"} & asked.keys()
    assert "\"account_id\" = 'acme'" in asked["QueryString"]
    metadata = first.metadata
    assert metadata.scanned_bytes == metadata.read_bytes == 25 * MIB
    assert metadata.estimated_usd == price.usd(25 * MIB) > price.usd(1) == price.usd(10 * MIB)
    assert metadata.position == 35


def test_a_cut_answer_says_so(
    engine: AthenaSqlEngine, service: Scripted, runner: asyncio.Runner
) -> None:
    """No more rows than asked for; one that has exactly as many is not called cut."""
    service.rows = [[str(number)] for number in range(1001)]
    cut = runner.run(engine.run(ask(max_rows=1000)))
    assert (len(cut.rows), cut.metadata.truncated) == (1000, True)
    service.rows = service.rows[:1000]
    whole = runner.run(engine.run(ask(max_rows=1000, sql=SQL + " DESC")))
    assert (len(whole.rows), whole.metadata.truncated) == (1000, False)


def test_types_are_kept(engine: AthenaSqlEngine, service: Scripted, runner: asyncio.Runner) -> None:
    """Text of every type becomes what the port promises for it; what is nested is asked for again
    as JSON, and both are paid."""
    cells: list[tuple[str, str | None, Any]] = [
        ("bigint", "9007199254740993", "9007199254740993"),
        ("integer", "-5", -5),
        ("double", "0.5", 0.5),
        ("double", "NaN", None),
        ("float", "1.5", 1.5),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("decimal(4,2)", "1.50", "1.50"),
        ("varchar", "", ""),
        ("varchar", None, None),
        ("date", "2024-05-01", "2024-05-01"),
        ("timestamp", "2024-05-01 10:11:12.123", "2024-05-01T10:11:12.123000Z"),
        ("timestamp", "2024-05-01 10:11:12.000", "2024-05-01T10:11:12Z"),
        (
            "timestamp with time zone",
            "2024-05-01 10:11:12.000 Europe/Paris",
            "2024-05-01T08:11:12Z",
        ),
        ("timestamp with time zone", "2024-05-01 10:11:12.5 UTC", "2024-05-01T10:11:12.500000Z"),
        ("timestamp with time zone", "2024-05-01 10:11:12.5 +05:30", "2024-05-01T04:41:12.500000Z"),
        ("timestamp(6)", "1969-12-31 23:59:59.999999", "1969-12-31T23:59:59.999999Z"),
        ("varbinary", "61 62", "6162"),
        ("varbinary", "", ""),
        ("double", "1.0E10", 1e10),
        ("double", "-Infinity", None),
        ("decimal(38,0)", "1" * 38, "1" * 38),
        ("tinyint", "-128", -128),
        ("char", "ab ", "ab "),
        ("time", "10:11:12.123", "10:11:12.123"),
        ("interval day to second", "2 00:00:00.000", "2 00:00:00.000"),
        ("json", '{"a":1.10}', '{"a":1.10}'),
        ("unknown", None, None),
        ("array", None, None),
        ("array", '[1,null,"a"]', [1, None, "a"]),
        ("map", '{"a":1.5}', {"a": 1.5}),
        ("row", '{"score":9007199254740993}', {"score": "9007199254740993"}),
    ]
    service.columns = [(f"c{place}", kind) for place, (kind, _, _) in enumerate(cells)]
    service.rows = [[text for _, text, _ in cells]]
    result = runner.run(engine.run(ask()))
    assert result.rows == [[value for _, _, value in cells]]
    assert [column.type for column in result.columns][:5] == [
        "bigint", "integer", "double", "double", "real",
    ]  # fmt: skip
    nested = next(place for place, (kind, _, _) in enumerate(cells) if kind == "array")
    written = f"json_format(CAST(c{nested} AS json)) AS c{nested}"
    assert written in service.asked[1]["QueryString"]
    assert result.metadata.scanned_bytes == 50 * MIB
    assert result.metadata.hints[-1] == "NaN and infinity are shown as null."


@pytest.mark.parametrize(
    ("status", "expected", "says"),
    [
        (
            {"State": "FAILED", "StateChangeReason": "INVALID_CAST: tb_x.events at s3://b/results/q"},
            QueryFailedError,
            "INVALID_CAST: events at",
        ),
        ({"State": "FAILED", "AthenaError": {"ErrorCategory": 1}}, RetryableError, "Athena"),
        ({"State": "FAILED", "AthenaError": {"ErrorCategory": 3, "Retryable": True}},
         RetryableError, "Athena"),
        ({"State": "FAILED", "StateChangeReason": "Query exhausted resources at this scale factor"},
         QueryMemoryError, "memory"),
        ({"State": "CANCELLED", "StateChangeReason": "Bytes scanned limit was exceeded"},
         ScanLimitError, "limit"),
        ({"State": "FAILED", "AthenaError": {"ErrorCategory": 2, "ErrorType": 3,
                                             "ErrorMessage": "Query exhausted"}},
         QueryMemoryError, "exhausted"),
        ({"State": "CANCELLED"}, QueryCancelledError, "cancelled"),
    ],
)  # fmt: skip
def test_states_of_failure(
    engine: AthenaSqlEngine,
    service: Scripted,
    runner: asyncio.Runner,
    status: dict[str, Any],
    expected: type[TallybrookError],
    says: str,
) -> None:
    """Each has its own error, whose type says whether to retry; our names are not in it."""
    service.statuses = [status]
    with pytest.raises(expected, match=says) as caught:
        runner.run(engine.run(ask()))
    assert "s3://" not in caught.value.detail
    assert "tb_x" not in caught.value.detail


def test_stopped_where_nobody_waits(
    engine: AthenaSqlEngine, service: Scripted, listening: Listening, runner: asyncio.Runner
) -> None:
    """Cancelling, and a time limit, stop the service's own query; both have their errors."""
    service.statuses = [{"State": "RUNNING"}]

    async def cancel() -> str:
        execution_id = await engine.submit(ask())
        await asyncio.to_thread(wait_for, lambda: listening.asked("GetQueryExecution"))
        assert await engine.cancel("acme", execution_id)
        with pytest.raises(QueryCancelledError):
            await engine.page("acme", execution_id)
        return (await engine.status("acme", execution_id)).state

    assert runner.run(cancel()) == "cancelled"
    assert service.stopped == ["q1"]
    # On a busy machine the time may be over before it is begun: then nothing is to be stopped.
    with pytest.raises((QueryTimeoutError, RateLimitedError)):
        runner.run(engine.run(ask(timeout_s=1.0)))
    assert len(service.stopped) == len(service.asked)


def test_nothing_is_sent_that_need_not(
    engine: AthenaSqlEngine, service: Scripted, runner: asyncio.Runner
) -> None:
    """A price, a static answer, a refused statement and one over its limit cost nothing; the same
    question of the same data is answered again for nothing, another one and one that asks for the
    time are not."""
    priced = runner.run(engine.run(ask(dry_run=True)))
    assert priced.metadata.scanned_bytes > 0
    assert runner.run(engine.run(ask("SHOW TABLES"))).rows[0] == ["events"]
    with pytest.raises(QueryRefusedError):
        runner.run(engine.run(ask("SELECT * FROM read_csv('x')")))
    with pytest.raises(ScanLimitError):
        runner.run(engine.run(ask(max_scanned_bytes=1)))
    assert service.asked == []
    service.rows = [["1"]]
    answers = [runner.run(engine.run(ask())) for _ in range(2)]
    assert answers[0].rows == answers[1].rows == [[1]]
    again = answers[1].metadata
    assert (again.from_cache, again.scanned_bytes, again.estimated_usd) == (True, 0, 0.0)
    other = QueryRequest(account_id="other", sql=SQL)
    assert not runner.run(engine.run(other)).metadata.from_cache
    for _ in range(2):
        runner.run(engine.run(ask(SQL.replace("WHERE", "WHERE timestamp < now() AND"))))
    assert len(service.asked) == 4


def test_an_answer_older_than_the_catalog_is_not_kept(
    service: Scripted, beside: LocalSqlEngine, runner: asyncio.Runner
) -> None:
    """While a manifest is owed, Athena may see less than the catalog says: it is asked again."""
    engine = AthenaSqlEngine(beside, Athena("tb-x", "tb_x"), settled=lambda: False)
    for _ in range(2):
        assert not runner.run(engine.run(ask())).metadata.from_cache
    assert len(service.asked) == 2


def test_the_emulated_service(
    stack: str, tmp_path: Path, beside: LocalSqlEngine, runner: asyncio.Runner
) -> None:
    """The calls are ones that a service understands: rows of the account come back from files of
    the lake by way of the Glue catalog. (The emulator reads no manifests, so the table is over the
    files themselves.)"""
    client.cache_clear()
    data = open_data("aws", tmp_path, lambda: stack)
    data.append(12)
    data.append(3, account="other")
    data.flush()
    database, bucket = stack.replace("-", "_"), f"{stack}-lake"
    table = table_input(TABLES["events"], bucket)
    table["StorageDescriptor"] |= {
        "Location": f"s3://{bucket}/lake/events/",
        "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "OutputFormat": OUTPUT,
        "SerdeInfo": {"SerializationLibrary": SERDE},
    }
    client("glue").create_database(DatabaseInput={"Name": database})
    client("glue").create_table(DatabaseName=database, TableInput=table)
    client("athena").create_work_group(
        Name=stack,
        Configuration={"ResultConfiguration": {"OutputLocation": f"s3://{bucket}/results/"}},
    )
    engine = AthenaSqlEngine(beside, Athena(stack, database), settled=lambda: True)
    sql = (
        f"SELECT count(*) AS n, max(seq) AS last FROM events WHERE {DAY} AND event_type = {{{{t}}}}"
    )
    result = runner.run(engine.run(ask(sql, parameters={"t": "view"})))
    assert result.rows == [[12, 12]]
    with pytest.raises(QueryFailedError):
        runner.run(engine.run(ask("SELECT CAST('x' AS bigint) AS n")))
    data.close()


def test_the_tier_chooses(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting that a stack with Athena gives its function picks the engine."""
    from tallybrook.settings import Settings
    from tallybrook.wiring.aws import open_aws_sql

    monkeypatch.setenv("CURRENT_MRR", "5000")
    for athena, kind in ((False, LocalSqlEngine), (True, AthenaSqlEngine)):
        settings = Settings.from_env({}, backend="aws", stack=stack, bucket="b", athena=athena)
        assert type(open_aws_sql(settings)) is kind
