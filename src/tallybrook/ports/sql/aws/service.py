"""Calls of the Athena service: begin, look, read, stop. Blocking, and safe for several threads."""

import re
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct

from tallybrook.errors import RetryableError, TallybrookError
from tallybrook.ports.aws.clients import client, error_code, translated
from tallybrook.ports.sql import (
    QueryCancelledError,
    QueryFailedError,
    QueryMemoryError,
    ScanLimitError,
)

PAGE_ROWS = 1_000
"""Most rows that Athena gives at once."""

_ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}
_SYSTEM = 1
"""Athena's category of errors that are its own."""


class Ended(Struct, frozen=True):
    """An execution that succeeded. ``headed``: its first row is the names of the columns."""

    scanned_bytes: int
    headed: bool


class Athena:
    """Statements of one workgroup, whose limit and place of results are enforced there."""

    def __init__(self, workgroup: str, database: str) -> None:
        self.workgroup, self.database = workgroup, database
        self._client: Any = client("athena")

    def start(self, sql: str) -> str:
        """Begin, and return the service's id. ``QueryFailedError`` where it cannot be read."""
        with translated("begin a query"):
            try:
                begun = self._client.start_query_execution(
                    QueryString=sql,
                    WorkGroup=self.workgroup,
                    QueryExecutionContext={"Database": self.database},
                )
            except ClientError as error:
                if error_code(error) == "InvalidRequestException":
                    reason = str(error.response["Error"].get("Message", ""))
                    raise QueryFailedError(self._public(reason)) from None
                raise
        return str(begun["QueryExecutionId"])

    def ended(self, query_id: str) -> Ended | None:
        """None while it waits or runs; raises the error of one that did not succeed."""
        with translated("look after a query"):
            told = self._client.get_query_execution(QueryExecutionId=query_id)
        execution = told["QueryExecution"]
        status = execution["Status"]
        if status["State"] not in _ENDED:
            return None
        if status["State"] != "SUCCEEDED":
            raise self._error(status)
        scanned = int(execution.get("Statistics", {}).get("DataScannedInBytes", 0))
        return Ended(scanned, execution.get("StatementType", "DML") == "DML")

    def page(self, query_id: str, token: str | None) -> dict[str, Any]:
        """Rows as the service has them."""
        more = {"NextToken": token} if token else {}
        with translated("read the answer of a query"):
            found: dict[str, Any] = self._client.get_query_results(
                QueryExecutionId=query_id, MaxResults=PAGE_ROWS, **more
            )
        return found

    def stop(self, query_id: str) -> None:
        """Stop one; nothing happens to one that has ended."""
        with translated("stop a query"):
            self._client.stop_query_execution(QueryExecutionId=query_id)

    def _error(self, status: dict[str, Any]) -> TallybrookError:
        reason = self._public(str(status.get("StateChangeReason", "")))
        told = status.get("AthenaError", {})
        if "bytes scanned limit" in reason.lower():
            return ScanLimitError(
                "It would read more bytes than the limit. Narrow date, or name fewer columns."
            )
        if status["State"] == "CANCELLED":
            return QueryCancelledError("The query was cancelled.")
        if "exhausted resources" in reason.lower():
            return QueryMemoryError(f"It needs more memory than there is: {reason}")
        if told.get("Retryable") or told.get("ErrorCategory") == _SYSTEM:
            return RetryableError(reason or "Athena failed", retry_after_s=2)
        return QueryFailedError(reason or "It could not be computed.")

    def _public(self, reason: str) -> str:
        """A reason without our bucket and our database."""
        text = re.sub(r"s3://\S+", "", reason).replace(f"awsdatacatalog.{self.database}.", "")
        return text.replace(f"{self.database}.", "").strip()[:500]
