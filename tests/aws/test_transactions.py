"""Conditional and transactional writes: what is sent again, and what is told."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tallybrook.errors import StorageError, TallybrookError
from tallybrook.ports.aws import transactions
from tallybrook.ports.aws.transactions import UnmetError, conditional, transact, transact_get

Actions = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Attempts that were paused after, in place of the pauses."""
    made: list[int] = []
    monkeypatch.setattr(transactions, "back_off", made.append)
    return made


def error(code: str, *reasons: str | dict[str, Any]) -> ClientError:
    """What the SDK raises, with the reasons of a cancelled transaction."""
    listed = [{"Code": reason} if isinstance(reason, str) else reason for reason in reasons]
    body: Any = {"Error": {"Code": code}, "CancellationReasons": listed}
    return ClientError(body, "any")


def cancelled(*reasons: str | dict[str, Any]) -> ClientError:
    return error("TransactionCanceledException", *reasons)


class Service:
    """Raises what it was told to, one error a call, then answers."""

    def __init__(self, *errors: ClientError) -> None:
        self.errors = list(errors)
        self.calls = 0

    def _call(self, **_: Any) -> dict[str, Any]:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return {"Responses": [{"Item": {"a": {"S": "b"}}}, {}]}

    transact_write_items = transact_get_items = put_item = _call


def test_other_transactions_are_waited_for(pauses: list[int]) -> None:
    """A transaction that another one, or a throttle, has cancelled is sent again, with pauses."""
    service = Service(
        cancelled("None", "TransactionConflict"), cancelled("ThrottlingError", "None"),
        cancelled("ProvisionedThroughputExceeded"),
    )  # fmt: skip
    transact(service, [{}], "write")
    assert service.calls == 4
    assert pauses == [0, 1, 2]


def test_waiting_ends() -> None:
    """With the error that says: later; nothing was written."""
    service = Service(*[cancelled("TransactionConflict")] * 50)
    for call in (transact, transact_get):
        with pytest.raises(StorageError):
            call(service, [{}], "write")
    assert service.calls < 30


def test_an_unmet_condition_is_told_with_what_it_met() -> None:
    """At once, by position, also where another transaction was in the way besides."""
    met = {"Code": "ConditionalCheckFailed", "Item": {"a": {"S": "b"}}}
    service = Service(cancelled("None", met, "TransactionConflict", "ConditionalCheckFailed"))
    with pytest.raises(UnmetError) as caught:
        transact(service, [{}] * 4, "write")
    assert caught.value.items == {1: {"a": {"S": "b"}}, 3: None}
    assert service.calls == 1


@pytest.mark.parametrize(
    "raised",
    [
        cancelled("None", "ValidationError"),
        cancelled("ItemCollectionSizeLimitExceeded", "TransactionConflict"),
        cancelled(),
        error("ValidationException"),
        error("AccessDeniedException"),
    ],
)
def test_what_cannot_succeed_is_not_sent_again(raised: ClientError) -> None:
    """And is not told as something to try later."""
    service = Service(raised)
    with pytest.raises(TallybrookError) as caught:
        transact(service, [{}], "write")
    assert not isinstance(caught.value, StorageError | UnmetError)
    assert service.calls == 1


def test_reading_waits_for_writers() -> None:
    """Items in the order asked for, None where there is none."""
    service = Service(cancelled("TransactionConflict", "None"))
    gets = [{"TableName": "t", "Key": {}}] * 2
    assert transact_get(service, gets, "read") == [{"a": {"S": "b"}}, None]


def test_a_single_write_waits_for_a_transaction() -> None:
    """That holds its item; what else fails is told for what it is."""
    service = Service(error("TransactionConflictException"))
    conditional(service.put_item, "write")
    assert service.calls == 2
    expected: list[tuple[str, Callable[[Exception], bool]]] = [
        ("ConditionalCheckFailedException", lambda e: isinstance(e, UnmetError)),
        ("ThrottlingException", lambda e: isinstance(e, StorageError)),
        ("ValidationException", lambda e: not isinstance(e, StorageError | UnmetError)),
    ]
    for code, fits in expected:
        with pytest.raises(TallybrookError) as caught:
            conditional(Service(error(code)).put_item, "write")
        assert fits(caught.value), code
    with pytest.raises(StorageError):
        conditional(Service(*[error("TransactionConflictException")] * 50).put_item, "write")
