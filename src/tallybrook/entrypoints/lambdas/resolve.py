"""GraphQL fields for AppSync, as a direct Lambda resolver: one field a call.

AppSync has checked its API key and the query by then. The key is the stack's, so all of it is of
one account: ``TALLYBROOK_GRAPHQL_ACCOUNT``, else the default one. An authorizer may say another
(``account_id`` in its context), and then decides by ``scopes`` what may be done.
"""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from tallybrook.accounts.keys import DEFAULT_ACCOUNT
from tallybrook.entrypoints.lambdas import runtime
from tallybrook.errors import ForbiddenError, NotFoundError
from tallybrook.graphql.ports import Operation, Ports
from tallybrook.graphql.resolvers import Fields, resolvers
from tallybrook.wiring import open_recounting


@runtime.metered
def handler(event: Mapping[str, Any], context: object) -> Any:
    """The value of a field. Raises ``TallybrookError``, which AppSync tells as a field's error."""
    info = event["info"]
    operation, resolver = _field(info["fieldName"])
    account_id = _account(event.get("identity") or {}, operation)
    return resolver(ports(), account_id, event.get("arguments") or {})


@cache
def ports() -> Ports:
    """The stack behind the schema."""
    opened = runtime.opened()
    shelf, sink = open_recounting(runtime.settings())
    records = opened.stores.records
    # The stack's records are a shelf: their source gives the records themselves as well.
    return Ports(shelf, sink, opened.log, records, opened.clock)


@cache
def _fields() -> Fields:
    return resolvers(ports().records.types)


def _field(name: str) -> Any:
    found = _fields().get(name)
    if found is None:
        raise NotFoundError(f"no field {name}")
    return found


def _account(identity: Mapping[str, Any], operation: Operation) -> str:
    told = identity.get("resolverContext") or {}
    if "account_id" not in told:
        return os.environ.get("TALLYBROOK_GRAPHQL_ACCOUNT", DEFAULT_ACCOUNT)
    needed = "write" if operation == "Mutation" else "read"
    if needed not in str(told.get("scopes", "")).split():
        raise ForbiddenError(f"the key lacks the scope {needed}")
    return str(told["account_id"])


runtime.prepare(ports)
