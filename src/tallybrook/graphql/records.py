"""Resolvers of records."""

from functools import partial
from typing import Any

import msgspec

from tallybrook.errors import InvalidError
from tallybrook.graphql.keys import interval, place_of_token, token
from tallybrook.graphql.metrics import page_size
from tallybrook.graphql.names import TypeName
from tallybrook.graphql.ports import Args, Operation, Ports, Resolver, require_account
from tallybrook.ports.log import Write
from tallybrook.ports.records import FullRecord, Interval

Row = dict[str, Any]


def record_resolvers(name: TypeName) -> dict[str, tuple[Operation, Resolver]]:
    """The fields of one record type."""
    one = name.one
    listing, putting = partial(list_records, name.record_type), partial(put, name.record_type)
    return {
        f"get{one}": ("Query", partial(get, name.record_type)),
        f"list{name.many}": ("Query", listing),
        f"list{one}ByAccountIdAndCreatedAt": ("Query", listing),
        f"list{one}ByAccountIdAndUpdatedAt": ("Query", listing),
        f"create{one}": ("Mutation", putting),
        f"put{one}": ("Mutation", putting),
        f"delete{one}": ("Mutation", partial(delete, name.record_type)),
    }


def get(record_type: str, ports: Ports, account_id: str, args: Args) -> Row | None:
    """One record, or None."""
    found = ports.shelf.get(account_id, record_type, args["id"])
    return None if found is None else _row(account_id, found)


def list_records(record_type: str, ports: Ports, account_id: str, args: Args) -> Row:
    """A page of the records whose instant is in the range, by instant and then by id."""
    require_account(args.get("accountId"), account_id)
    wanted = _interval(args)
    after = place_of_token(args["nextToken"]) if args.get("nextToken") else None
    limit = page_size(args.get("limit"))
    found = ports.shelf.page(account_id, record_type, wanted, limit, after)
    last = found[-1] if len(found) == limit else None
    following = None if last is None else token((last.instant_us, last.record_id))
    return {"items": [_row(account_id, record) for record in found], "nextToken": following}


def put(record_type: str, ports: Ports, account_id: str, args: Args) -> Row:
    """Create or replace a record; durable when it answers."""
    given = args["input"]
    require_account(given.get("accountId"), account_id)
    fields = _body(given.get("body"))
    fields |= {
        name: given[name] for name in ("createdAt", "updatedAt") if given.get(name) is not None
    }
    body = msgspec.json.encode(fields)
    change = ports.records.put(account_id, record_type, given["id"], body)
    ports.log.write(Write(records=[change]))
    return _row(account_id, FullRecord(change.record_id, change.instant_us, change.body))


def delete(record_type: str, ports: Ports, account_id: str, args: Args) -> Row | None:
    """Delete a record and give what it was, None when nothing was there."""
    given = args["input"]
    require_account(given.get("accountId"), account_id)
    change = ports.records.delete(account_id, record_type, given["id"])
    found = ports.shelf.get(account_id, record_type, change.record_id)
    ports.log.write(Write(records=[change]))
    return None if found is None else _row(account_id, found)


def _interval(args: Args) -> Interval:
    for name in ("createdAt", "updatedAt"):
        if args.get(name):
            return interval(f"/{name}", args[name])
    return interval("/createdAt", None)


def _body(text: str | None) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        raise InvalidError.of("/body", "must be a JSON object as text") from None


def _row(account_id: str, record: FullRecord) -> Row:
    fields = msgspec.json.decode(record.body, type=dict[str, Any])
    return {
        "id": record.record_id,
        "accountId": account_id,
        "createdAt": _text(fields.get("createdAt")),
        "updatedAt": _text(fields.get("updatedAt")),
        "body": record.body,
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
