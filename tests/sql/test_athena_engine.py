"""The engine over Athena: a stand-in that speaks the service's protocol for what no emulator does
(pages, states, types), and the emulated service over files of the lake."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, field

from tallybrook.errors import RetryableError, TallybrookError
from tallybrook.lake.ddl import OUTPUT, SERDE, table_input
from tallybrook.lake.tables import TABLES
from tallybrook.ports.aws.clients import client
from tallybrook.ports.sql import (
    Limits,
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
from tests.support.waiting import wait_for

DAY = "date >= date '2024-01-01'"
SQL = f"SELECT seq FROM events WHERE {DAY} ORDER BY seq"
ZONED = "timestamp with time zone"
MIB = 2**20


class Service(Struct):
    """Athena's answers by rule: what is told of a statement, and what was asked."""

    columns: list[tuple[str, str]] = field(default_factory=lambda: [("seq", "bigint")])
    rows: list[list[str | None]] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=lambda: {"State": "SUCCEEDED"})
    scanned_bytes: int = 25 * MIB
    asked: list[dict[str, Any]] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)

    def answer(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        self.operations.append(operation)
        return {
            "StartQueryExecution": self._start,
            "GetQueryExecution": self._execution,
            "GetQueryResults": self._results,
            "StopQueryExecution": lambda _body: {},
        }[operation](body)

    def _start(self, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(body)
        return {"QueryExecutionId": f"q{len(self.asked)}"}

    def _execution(self, body: dict[str, Any]) -> dict[str, Any]:
        told = {
            "Status": self.status,
            "StatementType": "DML",
            "Statistics": {"DataScannedInBytes": self.scanned_bytes},
        }
        return {"QueryExecution": {"QueryExecutionId": body["QueryExecutionId"], **told}}

    def _results(self, body: dict[str, Any]) -> dict[str, Any]:
        """As the service does: at most 1000 rows, of which the first page's first is the names."""
        assert body["MaxResults"] <= 1000
        all_rows = [[name for name, _ in self.columns], *self.rows]
        first = int(body.get("NextToken", "0"))
        last = first + body["MaxResults"]
        data = [
            {"Data": [{} if text is None else {"VarCharValue": text} for text in row]}
            for row in all_rows[first:last]
        ]
        info = [{"Name": name, "Type": kind} for name, kind in self.columns]
        found = {"ResultSet": {"Rows": data, "ResultSetMetadata": {"ColumnInfo": info}}}
        return found | ({"NextToken": str(last)} if last < len(all_rows) else {})


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            told = json.dumps(self.server.service.answer(operation, body)).encode()  # type: ignore[attr-defined]
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
    thread.start()
    yield listening
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def beside(
    tmp_path_factory: pytest.TempPathFactory, runner: asyncio.Runner
) -> Iterator[LocalSqlEngine]:
    """The engine that guards and prices, over a lake with rows of two accounts."""
    data = open_data("local", tmp_path_factory.mktemp("lake"), lambda: "")
    data.append(30)
    data.append(5, account="other")
    data.flush()
    engine = LocalSqlEngine(data.source, children=1, limits=Limits(192 << 20, 1))
    runner.run(engine.start())
    yield engine
    runner.run(engine.close())
    data.close()


@pytest.fixture
def service(server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    for name, value in {
        "AWS_ENDPOINT_URL_ATHENA": f"http://127.0.0.1:{server.server_port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    client.cache_clear()
    server.service = Service()
    yield server.service
    client.cache_clear()


@pytest.fixture
def engine(service: Service, beside: LocalSqlEngine) -> AthenaSqlEngine:
    return AthenaSqlEngine(beside, Athena("tb-x", "tb_x"), settled=lambda: True)


def ask(sql: str = SQL, **fields: Any) -> QueryRequest:
    return QueryRequest(account_id="acme", sql=sql, **fields)


def test_all_pages_of_the_service(
    engine: AthenaSqlEngine, service: Service, runner: asyncio.Runner
) -> None:
    """Past a thousand rows each row is there once and in order, the names are no row, and our own
    pages fit together; the workgroup and the account are named; the cost is of what was scanned."""
    service.rows = [[str(number)] for number in range(2500)]
    first = runner.run(engine.run(ask(page_rows=2000)))
    rest = runner.run(
        engine.page("acme", first.execution_id, first.metadata.next_token, page_rows=2000)
    )
    assert [row[0] for row in first.rows + rest.rows] == list(range(2500))
    assert service.operations.count("GetQueryResults") == 3
    (asked,) = service.asked
    assert asked["WorkGroup"] == "tb-x"
    assert asked["QueryExecutionContext"] == {"Database": "tb_x"}
    assert "\"account_id\" = 'acme'" in asked["QueryString"]
    metadata = first.metadata
    assert metadata.scanned_bytes == metadata.read_bytes == 25 * MIB
    assert metadata.estimated_usd == price.usd(25 * MIB) > price.usd(1) == price.usd(10 * MIB)
    assert metadata.position == 35


def test_a_cut_answer_says_so(
    engine: AthenaSqlEngine, service: Service, runner: asyncio.Runner
) -> None:
    """No more rows than asked for; one that has exactly as many is not called cut."""
    service.rows = [[str(number)] for number in range(1001)]
    cut = runner.run(engine.run(ask(max_rows=1000)))
    assert (len(cut.rows), cut.metadata.truncated) == (1000, True)
    service.rows = service.rows[:1000]
    whole = runner.run(engine.run(ask(max_rows=1000, sql=SQL + " DESC")))
    assert (len(whole.rows), whole.metadata.truncated) == (1000, False)


def test_types_are_kept(engine: AthenaSqlEngine, service: Service, runner: asyncio.Runner) -> None:
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
        ("decimal", "1.50", "1.50"),
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
        ("varbinary", "61 62", "6162"),
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
    assert "json_format(CAST(c17 AS json)) AS c17" in service.asked[1]["QueryString"]
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
        ({"State": "CANCELLED"}, QueryCancelledError, "cancelled"),
    ],
)  # fmt: skip
def test_states_of_failure(
    engine: AthenaSqlEngine,
    service: Service,
    runner: asyncio.Runner,
    status: dict[str, Any],
    expected: type[TallybrookError],
    says: str,
) -> None:
    """Each has its own error, whose type says whether to retry; our names are not in it."""
    service.status = status
    with pytest.raises(expected, match=says) as caught:
        runner.run(engine.run(ask()))
    assert "s3://" not in caught.value.detail
    assert "tb_x" not in caught.value.detail


def test_stopped_where_nobody_waits(
    engine: AthenaSqlEngine, service: Service, runner: asyncio.Runner
) -> None:
    """Cancelling, and a time limit, stop the service's own query; both have their errors."""
    service.status = {"State": "RUNNING"}

    async def cancel() -> str:
        execution_id = await engine.submit(ask())
        await asyncio.to_thread(wait_for, lambda: "GetQueryExecution" in service.operations)
        assert await engine.cancel("acme", execution_id)
        with pytest.raises(QueryCancelledError):
            await engine.page("acme", execution_id)
        return (await engine.status("acme", execution_id)).state

    assert runner.run(cancel()) == "cancelled"
    assert service.operations.count("StopQueryExecution") == 1, service.operations
    with pytest.raises(QueryTimeoutError):
        runner.run(engine.run(ask(timeout_s=3.0)))
    # On a busy machine the time may be over before it is begun: then nothing is to be stopped.
    begun = service.operations.count("StartQueryExecution")
    assert service.operations.count("StopQueryExecution") == begun


def test_nothing_is_sent_that_need_not(
    engine: AthenaSqlEngine, service: Service, runner: asyncio.Runner
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
    service: Service, beside: LocalSqlEngine, runner: asyncio.Runner
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
