"""Requests and WebSocket events as the gateways deliver them."""

from typing import Any

from tests.lambdas import deliveries as d


def v2(method: str, path: str, body: str | None = None, **headers: str) -> dict[str, Any]:
    """A request of an HTTP API, payload format 2.0."""
    path, _, query = path.partition("?")
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"content-type": "application/json", **headers},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.execute-api.us-east-1.amazonaws.com",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test",
            },
            "requestId": "r",
            "stage": "$default",
            "timeEpoch": d.SENT_MS,
        },
        **({} if body is None else {"body": body}),
        "isBase64Encoded": False,
    }


def v1(method: str, path: str, body: str | None = None, **headers: str) -> dict[str, Any]:
    """A request of a REST API."""
    path, _, query = path.partition("?")
    pairs = dict(pair.split("=") for pair in query.split("&") if pair)
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json", **headers},
        "multiValueHeaders": None,
        "queryStringParameters": pairs or None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"stage": "prod", "identity": {"sourceIp": "192.0.2.1"}},
        "body": body,
        "isBase64Encoded": False,
    }


def elb(method: str, path: str, body: str | None = None, **headers: str) -> dict[str, Any]:
    """A request of a load balancer."""
    request = v1(method, path, body, **headers)
    request["queryStringParameters"] = request["queryStringParameters"] or {}
    del request["resource"], request["multiValueHeaders"]
    del request["multiValueQueryStringParameters"]
    return request | {"requestContext": {"elb": {"targetGroupArn": "arn:aws:elb:t"}}}


def socket_event(kind: str, connection_id: str = "c1", **more: Any) -> dict[str, Any]:
    """An event of a WebSocket API, as it is documented."""
    routes = {"CONNECT": "$connect", "DISCONNECT": "$disconnect", "MESSAGE": "$default"}
    return {
        "requestContext": {
            "routeKey": routes[kind],
            "eventType": kind,
            "extendedRequestId": "r=",
            "requestTime": "19/Jan/2024:14:37:23 +0000",
            "messageDirection": "IN",
            "stage": "prod",
            "connectedAt": d.SENT_MS,
            "requestTimeEpoch": d.SENT_MS,
            "identity": {"sourceIp": "192.0.2.1"},
            "requestId": "r=",
            "domainName": "api.execute-api.us-east-1.amazonaws.com",
            "connectionId": connection_id,
            "apiId": "api",
        },
        "isBase64Encoded": False,
        **more,
    }
