"""Calls of the Athena service: begin, look, read, stop. Blocking, and safe for several threads."""

import re
from typing import Any, Literal

from botocore.exceptions import ClientError
from msgspec import Struct

from tallybrook.errors import RateLimitedError, RetryableError, StorageError, TallybrookError
from tallybrook.ports.aws.clients import client, error_code, translated
from tallybrook.ports.sql import (
    QueryCancelledError,
    QueryFailedError,
    QueryMemoryError,
    ScanLimitError,
)

PAGE_ROWS = 1_000
"""Most rows that Athena gives at once."""

_SYSTEM = 1
"""Athena's category of errors that are its own."""

_EXHAUSTED = range(9)
"""Its types of errors that say that a query needs more than there is (Athena error catalog)."""

_OURS = re.compile(r"work ?group|output (bucket|location)", re.IGNORECASE)
"""What a refusal says that is no fault of the statement's."""


class Standing(Struct, frozen=True):
    """How a query stands. Ended, it has an ``error`` unless it succeeded. ``statement`` is
    Athena's: DML, or UTILITY for a plan."""

    state: Literal["queued", "running", "ended"]
    scanned_bytes: int = 0
    statement: str = "DML"
    error: TallybrookError | None = None


class Athena:
    """Statements of one workgroup, whose limit and place of results are enforced there."""

    def __init__(self, workgroup: str, database: str) -> None:
        self.workgroup, self.database = workgroup, database
        self._client: Any = client("athena")

    def start(self, sql: str) -> str:
        """Begin, and return the service's id; the SDK's token makes a call that is sent twice one
        query. ``QueryFailedError`` where it cannot be read, ``RateLimitedError`` where as many wait
        and run as may."""
        with translated("begin a query"):
            try:
                begun = self._client.start_query_execution(
                    QueryString=sql,
                    WorkGroup=self.workgroup,
                    QueryExecutionContext={"Database": self.database},
                )
            except ClientError as error:
                if (refusal := self._refusal(error)) is not None:
                    raise refusal from error
                raise
        return str(begun["QueryExecutionId"])

    def look(self, query_id: str) -> Standing:
        """How it stands now."""
        with translated("look after a query"):
            told = self._client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        status = told["Status"]
        if status["State"] in ("QUEUED", "RUNNING"):
            return Standing("queued" if status["State"] == "QUEUED" else "running")
        scanned = int(told.get("Statistics", {}).get("DataScannedInBytes", 0))
        error = None if status["State"] == "SUCCEEDED" else self._error(status)
        return Standing("ended", scanned, told.get("StatementType", "DML"), error)

    def page(self, query_id: str, token: str | None) -> dict[str, Any]:
        """Rows as the service has them. ``StorageError`` where the answer is not, or no longer, in
        the place of results: the statement has to be run again."""
        more = {"NextToken": token} if token else {}
        with translated("read the answer of a query"):
            try:
                found: dict[str, Any] = self._client.get_query_results(
                    QueryExecutionId=query_id, MaxResults=PAGE_ROWS, **more
                )
            except ClientError as error:
                if error_code(error) == "InvalidRequestException" and not _denied(error):
                    raise StorageError("the answer of the query cannot be read") from error
                raise
        return found

    def stop(self, query_id: str) -> None:
        """Stop one; nothing happens to one that has ended, or that is not known any more."""
        with translated("stop a query"):
            try:
                self._client.stop_query_execution(QueryExecutionId=query_id)
            except ClientError as error:
                if error_code(error) != "InvalidRequestException":
                    raise

    def _refusal(self, error: ClientError) -> TallybrookError | None:
        """What a refusal is of the caller's making; None for what is ours."""
        code, reason = error_code(error), _message(error)
        if code == "TooManyRequestsException":
            return RateLimitedError("Athena has too many queries", retry_after_s=5)
        if code == "InvalidRequestException" and not (_OURS.search(reason) or _denied(error)):
            return QueryFailedError(self._public(reason))
        return None

    def _error(self, status: dict[str, Any]) -> TallybrookError:
        told = status.get("AthenaError", {})
        text = str(status.get("StateChangeReason") or told.get("ErrorMessage", ""))
        reason = self._public(text)
        if "bytes scanned limit" in reason.lower():
            return ScanLimitError(
                "It would read more bytes than the limit. Narrow date, or name fewer columns."
            )
        if status["State"] == "CANCELLED":
            return QueryCancelledError("The query was cancelled.")
        if told.get("ErrorType") in _EXHAUSTED or "exhausted resources" in reason.lower():
            return QueryMemoryError(f"It needs more memory than there is: {reason}")
        if told.get("Retryable") or told.get("ErrorCategory") == _SYSTEM:
            return RetryableError(reason or "Athena failed", retry_after_s=2)
        return QueryFailedError(reason or "It could not be computed.")

    def _public(self, reason: str) -> str:
        """A reason without our bucket and our database."""
        text = re.sub(r"s3://\S+", "", reason).replace(f"awsdatacatalog.{self.database}.", "")
        return text.replace(f"{self.database}.", "").strip()[:500]


def _message(error: ClientError) -> str:
    return str(error.response["Error"].get("Message", ""))


def _denied(error: ClientError) -> bool:
    return "access denied" in _message(error).lower()
