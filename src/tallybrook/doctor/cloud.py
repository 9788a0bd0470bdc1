"""Checks of a deployed stack."""

from collections.abc import Iterator
from functools import partial

from tallybrook.doctor.checks import Ask, Check, fail, ok, run, warn
from tallybrook.errors import TallybrookError
from tallybrook.ports.account import Account, FunctionState, MappingState, QueueState, TableState

OUTPUTS = ("ApiUrl", "SocketsUrl", "SocketsManagementUrl", "Bucket", "QueueUrl", "BusName")
"""Outputs that clients and functions are configured from."""

MIN_CONCURRENCY = 100
SKEW_WARN_S = 5.0
SKEW_FAIL_S = 240.0
"""The services refuse signatures that are five minutes off."""

DEPLOY = (
    "deploy the stack (README, Deploying), or set TALLYBROOK_STACK and AWS_REGION to where it is"
)
MAY = "give this identity read access to the stack's resources, and try again"


def checks(account: Account, stack: str) -> list[Check]:
    """All of them. Without credentials only that is said: the rest would fail with it."""
    try:
        who = account.identity()
    except TallybrookError as error:
        fix = "set AWS_PROFILE or the AWS_* variables and AWS_REGION; check with the AWS CLI"
        return [fail("identity", error.detail, fix)]
    here = [ok("identity", f"{who.arn} in account {who.account_id}"), ok("region", who.region)]
    asks: list[tuple[str, Ask]] = [
        ("stack", partial(_stack, account, stack)),
        ("tables", partial(_tables, account)),
        ("queues", partial(_queues, account)),
        ("functions", partial(_functions, account)),
        ("concurrency", partial(_concurrency, account)),
    ]
    rest = run((name, MAY, ask) for name, ask in asks)
    return [*here, _skew(who.skew_s), *rest]


def _skew(skew_s: float) -> Check:
    said = f"this machine is {abs(skew_s):.1f} s {'ahead of' if skew_s > 0 else 'behind'} AWS"
    fix = "let the clock be set by NTP (timedatectl set-ntp true)"
    if abs(skew_s) >= SKEW_FAIL_S:
        return fail("clock", f"{said}: requests will be refused", fix)
    if abs(skew_s) >= SKEW_WARN_S:
        return warn("clock", said, fix)
    return ok("clock", f"within {max(1.0, abs(skew_s)):.0f} s of AWS")


def _stack(account: Account, stack: str) -> Iterator[Check]:
    found = account.deployment()
    if found is None:
        yield fail("stack", f"there is no stack {stack}", DEPLOY)
        return
    if found.busy:
        yield warn("stack", f"{stack}: {found.status}", "wait for the change to end, look again")
    elif not found.settled:
        fix = (
            "look at the stack's events in CloudFormation for the first failure, then deploy again"
        )
        yield fail("stack", f"{stack}: {found.status}", fix)
    else:
        yield ok("stack", f"{stack}: {found.status}")
    missing = [name for name in OUTPUTS if not found.outputs.get(name)]
    if missing:
        fix = "deploy the stack again with this version"
        yield fail("outputs", f"missing: {', '.join(missing)}", fix)
    else:
        yield ok("outputs", f"API {found.outputs['ApiUrl']}")


def _tables(account: Account) -> Iterator[Check]:
    found = account.tables()
    wrong = [check for table in found for check in _table(table)]
    if wrong:
        yield from wrong
    else:
        yield ok("tables", f"{len(found)} tables active, with their streams and TTLs")


def _table(table: TableState) -> Iterator[Check]:
    name = f"table {table.name}"
    again = "deploy the stack again with this version"
    if table.status is None:
        yield fail(name, "missing", again)
        return
    if table.status != "ACTIVE":
        yield warn(name, f"is {table.status}", "wait until it is active, look again")
    if table.stream_wanted != table.stream:
        detail = f"its stream is {table.stream or 'off'}, not {table.stream_wanted or 'off'}"
        yield fail(name, detail, again)
    if table.ttl_wanted and table.ttl_wanted != table.ttl:
        detail = f"rows do not expire by {table.ttl_wanted}: it will grow for ever"
        yield warn(name, detail, again)


def _queues(account: Account) -> Iterator[Check]:
    for queue in account.queues():
        yield _queue(queue)


def _queue(queue: QueueState) -> Check:
    name = f"queue {queue.name}"
    if queue.waiting is None:
        return fail(name, "missing", "deploy the stack again with this version")
    said = f"{queue.waiting} messages waiting, {queue.in_flight or 0} being worked off"
    if queue.waiting and queue.name.endswith(("-dlq", "-undelivered")):
        fix = "read them, mend what made them fail, then redrive or delete them"
        return warn(name, said, fix)
    return ok(name, said)


def _functions(account: Account) -> Iterator[Check]:
    found = account.functions()
    if not found:
        yield fail("functions", "the stack has none", DEPLOY)
        return
    wrong = [check for function in found for check in _function(function)]
    if wrong:
        yield from wrong
    else:
        sources = sum(len(function.mappings) for function in found)
        yield ok("functions", f"{len(found)} functions active, {sources} event sources enabled")


def _function(function: FunctionState) -> Iterator[Check]:
    name = f"function {function.name}"
    why = f": {function.reason}" if function.reason else ""
    if function.state == "Failed" or function.last_update == "Failed":
        fix = "deploy the stack again; the reason is in the function's page"
        yield fail(name, f"cannot run{why}", fix)
    elif function.state == "Pending" or function.last_update == "InProgress":
        yield warn(name, f"is being changed{why}", "wait a minute, look again")
    for mapping in function.mappings:
        yield from _mapping(name, mapping)


def _mapping(name: str, mapping: MappingState) -> Iterator[Check]:
    source = mapping.source.rpartition(":")[2] or mapping.uuid
    if mapping.state in ("Disabled", "Disabling"):
        fix = f"aws lambda update-event-source-mapping --enabled --uuid {mapping.uuid}"
        yield fail(name, f"does not read {source}: the event source is off", fix)
    elif mapping.state not in ("Enabled", ""):
        yield warn(name, f"event source {source} is {mapping.state}", "wait a minute, look again")
    if mapping.last_result.startswith("PROBLEM"):
        fix = "look at the function's log for the error that stops it"
        yield fail(name, f"event source {source}: {mapping.last_result}", fix)


def _concurrency(account: Account) -> Iterator[Check]:
    found = account.concurrency()
    said = f"{found.limit} functions at once, {found.unreserved} of them not reserved"
    if found.limit < MIN_CONCURRENCY:
        fix = "ask for more in Service Quotas (Lambda, Concurrent executions); new accounts have 10"
        yield warn("concurrency", said, fix)
    else:
        yield ok("concurrency", said)
