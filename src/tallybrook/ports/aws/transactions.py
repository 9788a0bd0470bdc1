"""Conditional and transactional writes: what was not met is told apart from what to try again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from tallybrook.errors import ConflictError, StorageError, TallybrookError
from tallybrook.ports.aws.clients import THROTTLES, error_code, translated
from tallybrook.ports.aws.dynamo import Item, back_off, is_condition

_ROUNDS = 10
_PASSING = frozenset(
    {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", *THROTTLES}
)
"""Reasons of a cancelled transaction that go away: another transaction held an item, throttles."""

_UNMET = "ConditionalCheckFailed"


class UnmetError(ConflictError):
    """A condition was not met, and nothing was written.

    ``items`` holds, by the position of each action whose condition failed, the item it met, or
    None where there was none (or where the action did not ask for it: it has to be sent with
    ``ReturnValuesOnConditionCheckFailure="ALL_OLD"``).
    """

    def __init__(self, doing: str, items: Mapping[int, Item | None]) -> None:
        super().__init__(f"{doing}: the condition was not met")
        self.items = dict(items)


def conditional(call: Callable[..., Any], doing: str, **request: Any) -> Any:
    """The answer of a single-item write. While a transaction holds the item it is sent again.

    Raises ``UnmetError``, ``StorageError`` when the same call may succeed later.
    """
    for attempt in range(_ROUNDS):
        with translated(doing):
            try:
                return call(**request)
            except ClientError as error:
                if is_condition(error):
                    raise UnmetError(doing, {0: error.response.get("Item")}) from error
                if error_code(error) != "TransactionConflictException":
                    raise
        back_off(attempt)
    raise StorageError(f"{doing}: other writers are in the way")


def transact(client: Any, actions: Sequence[Mapping[str, Any]], doing: str) -> None:
    """Write all of these (at most 100 actions, 4 MB) or none of them.

    Cancelled by another transaction on the same items it is sent again, with jitter. The SDK's
    own retries of one call carry its token, so that an ``ADD`` is not done twice.

    Raises ``UnmetError``, ``StorageError`` when the same call may succeed later.
    """
    for attempt in range(_ROUNDS):
        reasons = _cancelled(client.transact_write_items, doing, actions)
        if reasons is None:
            return
        _require_passing(reasons, doing)
        back_off(attempt)
    raise StorageError(f"{doing}: other writers are in the way")


def transact_get(client: Any, gets: Sequence[Mapping[str, Any]], doing: str) -> list[Item | None]:
    """Items as they are at one point in the order of all transactions, in the order asked for.

    ``gets`` are up to 100 ``{"TableName", "Key"}``. Raises ``StorageError`` when writers are in
    the way for long.
    """
    actions = [{"Get": get} for get in gets]
    found: list[Item | None] = []

    def read(**request: Any) -> None:
        found[:] = [r.get("Item") for r in client.transact_get_items(**request)["Responses"]]

    for attempt in range(_ROUNDS):
        reasons = _cancelled(read, doing, actions)
        if reasons is None:
            return found
        _require_passing(reasons, doing)
        back_off(attempt)
    raise StorageError(f"{doing}: writers are in the way")


def _cancelled(
    call: Callable[..., Any], doing: str, actions: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]] | None:
    """None when it was done, else why it was cancelled, action by action."""
    with translated(doing):
        try:
            call(TransactItems=list(actions))
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])
            return reasons
    return None


def _require_passing(reasons: Sequence[Mapping[str, Any]], doing: str) -> None:
    codes = [str(reason.get("Code", "None")) for reason in reasons]
    unmet = {n: reasons[n].get("Item") for n, code in enumerate(codes) if code == _UNMET}
    if unmet:
        raise UnmetError(doing, unmet)
    others = {code for code in codes if code != "None"} - _PASSING
    if others or set(codes) <= {"None"}:
        raise TallybrookError(f"{doing}: cancelled ({', '.join(sorted(others)) or 'no reason'})")
