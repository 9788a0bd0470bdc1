"""Sockets of an API Gateway WebSocket API, registered in the table ``sockets``.

Who belongs to an account comes from the table's index, which follows the table a moment later;
each connection is then read from the table itself, so that topics are as they are now.
"""

import random
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tallybrook.errors import RetryableError
from tallybrook.ports.aws.clients import client, error_code, translated
from tallybrook.ports.aws.dynamo import batch_get, is_condition, number, pages, text
from tallybrook.ports.aws.tables import SOCKETS, physical
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.sockets import KEPT_S, Connection, Pushed, check_message

THREADS = 16
_GONE = frozenset({"GoneException", "410"})
_TRIES = 3


def management_client(url: str) -> Any:
    """The client of one WebSocket API's management endpoint (``https://…/stage``)."""
    # A live message that is late is worthless: short timeouts, few tries.
    config = Config(
        retries={"mode": "standard", "total_max_attempts": _TRIES},
        connect_timeout=2,
        read_timeout=5,
        max_pool_connections=THREADS,
    )
    return boto3.client("apigatewaymanagementapi", endpoint_url=url, config=config)


class ApiGatewaySockets:
    """``ports.sockets.Sockets`` over the management endpoint ``url`` and the stack's table."""

    def __init__(
        self, stack: str, url: str, *, clock: Clock = system_clock, management: Any = None
    ) -> None:
        self._table = physical(stack, SOCKETS)
        self._clock = clock
        self._dynamo = client("dynamodb")
        self._management = management or management_client(url)

    def connect(self, connection_id: str, account_id: str, topics: Collection[str] = ()) -> None:
        item = {
            "connection_id": text(connection_id),
            "account_id": text(account_id),
            "topics": _topics(topics),
            "ttl": number(self._clock() // 1_000_000 + KEPT_S),
        }
        with translated("register a connection"):
            self._dynamo.put_item(TableName=self._table, Item=item)

    def subscribe(self, connection_id: str, topics: Collection[str]) -> bool:
        with translated("subscribe a connection"):
            try:
                self._dynamo.update_item(
                    TableName=self._table,
                    Key={"connection_id": text(connection_id)},
                    UpdateExpression="SET topics = :topics",
                    ConditionExpression="#ttl > :now",
                    ExpressionAttributeNames={"#ttl": "ttl"},
                    ExpressionAttributeValues={":topics": _topics(topics), ":now": self._now()},
                )
            except ClientError as error:
                if not is_condition(error):
                    raise
                return False
        return True

    def disconnect(self, connection_id: str) -> None:
        with translated("forget a connection"):
            self._dynamo.delete_item(
                TableName=self._table, Key={"connection_id": text(connection_id)}
            )

    def connection(self, connection_id: str) -> Connection | None:
        found = self._read([{"connection_id": text(connection_id)}])
        return found[0] if found else None

    def post(self, connection_id: str, message: bytes) -> bool:
        check_message(message)
        with translated(f"post to connection {connection_id}"):
            try:
                self._management.post_to_connection(ConnectionId=connection_id, Data=message)
            except ClientError as error:
                if error_code(error) not in _GONE:
                    raise
                self.disconnect(connection_id)
                return False
        return True

    def push(self, account_id: str, topic: str, message: bytes) -> Pushed:
        check_message(message)
        chosen = [one.connection_id for one in self._of(account_id) if topic in one.topics]
        # Nobody is to be the last one each time.
        random.shuffle(chosen)
        with ThreadPoolExecutor(min(THREADS, len(chosen)) or 1) as pool:
            results = list(pool.map(lambda one: self._reached(one, message), chosen))
        return Pushed(results.count(True), results.count(False), results.count(None))

    def _reached(self, connection_id: str, message: bytes) -> bool | None:
        try:
            return self.post(connection_id, message)
        except RetryableError:
            return None

    def _of(self, account_id: str) -> list[Connection]:
        with translated("read the connections"):
            found = pages(
                self._dynamo,
                "query",
                TableName=self._table,
                IndexName="account",
                KeyConditionExpression="account_id = :account",
                ExpressionAttributeValues={":account": text(account_id)},
            )
            keys = [{"connection_id": item["connection_id"]} for item in found]
        # The index may still show a connection under the account it had before.
        return [one for one in self._read(keys) if one.account_id == account_id]

    def _read(self, keys: list[dict[str, Any]]) -> list[Connection]:
        with translated("read the connections"):
            items = batch_get(self._dynamo, self._table, keys, ConsistentRead=True)
        now_s = self._clock() // 1_000_000
        return [_connection(item) for item in items if int(item["ttl"]["N"]) > now_s]

    def _now(self) -> dict[str, str]:
        return number(self._clock() // 1_000_000)


def _topics(topics: Iterable[str]) -> dict[str, Any]:
    """A list and not a set: DynamoDB has no empty set."""
    return {"L": [text(topic) for topic in sorted(set(topics))]}


def _connection(item: Mapping[str, Any]) -> Connection:
    topics = frozenset(topic["S"] for topic in item["topics"]["L"])
    return Connection(item["connection_id"]["S"], item["account_id"]["S"], topics)
