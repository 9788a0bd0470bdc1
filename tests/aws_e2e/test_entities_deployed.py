"""Operations into the deployed stack: its entities and alerts are the embedded product's."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tallybrook.entities.alerts import PUBLISHER
from tallybrook.events.instants import DAY_US, HOUR_US, format_instant
from tallybrook.ports.aws.clients import client
from tallybrook.ports.clock import system_clock
from tests.aws_e2e.conftest import Deployed
from tests.entities.test_consumer_entities import receiving
from tests.support import Running, running_product
from tests.support.heard import Heard
from tests.support.waiting import wait_for_stack

WITHIN_S = 60
TYPES = ("student", "tutor", "supply_demand")


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The same product on this machine."""
    with running_product(tmp_path_factory.mktemp("embedded-entities")) as running:
        yield running


def told(kind: str, id: str, at: int, payload: dict[str, Any]) -> dict[str, Any]:
    return {"event_id": id, "event_type": kind, "timestamp": format_instant(at), "source": "app",
            "payload": payload}  # fmt: skip


def operations(name: str, now_us: int) -> list[dict[str, Any]]:
    """A month of one student: sessions, calls, two falls of the health score, a region."""
    found = []
    for n in range(8):
        at = now_us - n * 4 * DAY_US - HOUR_US
        ids = {"session_id": f"{name}{n}", "student_id": name, "tutor_id": "t"}
        found.append(told("session_started", f"{name}-a{n}", at - HOUR_US, ids))
        rated = ids | {"tutor_rating": n % 6, "completed_successfully": n != 2}
        found.append(told("session_completed", f"{name}-b{n}", at, rated))
    for n in range(4):
        call = {"call_id": f"{name}-{n}", "student_id": name}
        found.append(told("ib_call_logged", f"{name}-c{n}", now_us - (n + 1) * HOUR_US, call))
    for days, score in ((6, 80), (5, 65), (4, 40), (3, 90), (2, 60)):
        health = {"student_id": name, "health_score": score, "churn_risk": "low"}
        at = now_us - days * DAY_US
        found.append(told("customer_health_update", f"{name}-h{days}", at, health))
    region = {"subject": "algebra", "region": name, "balance_status": "high_demand"}
    found.append(told("supply_demand_update", f"{name}-s", now_us - HOUR_US, region))
    return sorted(found, key=lambda one: one["timestamp"])


def ingest(http: httpx.Client, envelope: dict[str, Any]) -> None:
    reply = http.post("/ingest", json=envelope)
    assert reply.status_code == 202, reply.text


def put(deployed: Deployed, *envelopes: dict[str, Any]) -> None:
    """Into the stream of the deployed stack."""
    records = [{"PartitionKey": "p", "Data": json.dumps(one)} for one in envelopes]
    client("kinesis").put_records(StreamName=deployed.outputs["StreamName"], Records=records)


def known(http: httpx.Client, as_of: str) -> Any:
    """Every entity and alert there is."""
    lists = [
        http.get(f"/entities/{kind}", params={"as_of": as_of, "limit": 500}).json()
        for kind in TYPES
    ]
    return lists, http.get("/alerts").json()["alerts"]


def test_the_same_operations_give_the_same_entities(deployed: Deployed, embedded: Running) -> None:
    """By HTTP and by Kinesis, twice each: entities and alerts are those of the embedded product,
    each alert is there once, on the bus with its id, and posted to the webhook, signed."""
    now_us = system_clock()
    as_of = format_instant(now_us)
    heard = Heard(deployed.outputs["BusName"], PUBLISHER)
    by_http, by_stream = operations("anna", now_us), operations("ben", now_us)
    with (
        receiving(1) as receiver,
        deployed.with_environment("webhook", TALLYBROOK_ALERT_WEBHOOK=receiver.url),
    ):
        for _ in range(2):
            for envelope in by_http:
                ingest(deployed.http, envelope)
            put(deployed, *by_stream)
        for envelope in [*by_http, *by_stream]:
            ingest(embedded.client, envelope)
        wait_for_stack(
            lambda: len(known(embedded.client, as_of)[1]) == 10, WITHIN_S, "embedded: ten alerts"
        )
        expected = known(embedded.client, as_of)
        wait_for_stack(lambda: known(deployed.http, as_of) == expected, WITHIN_S, "the same on AWS")
        ids = {alert["alert_id"] for alert in expected[1]}
        assert len(ids) == len(expected[1])
        wait_for_stack(lambda: set(heard.ids()) == ids, WITHIN_S, "all are heard on the bus")
        wait_for_stack(
            lambda: len(receiver.got) > len(ids), WITHIN_S, "all are posted, one of them twice"
        )
    posted = {headers["Tallybrook-Alert-Id"] for headers, _ in receiver.got}
    assert posted == ids
    assert all("Tallybrook-Signature" in headers for headers, _ in receiver.got)
    assert not [f for f in deployed.get("/failed", limit=500)["failed"] if "anna" in f["body"]]


def test_a_poisoned_operation_comes_back(deployed: Deployed) -> None:
    """A rating of 7 among good ones is a failed record, everything else counts; mended and replayed
    the rating counts once."""
    at = system_clock() - HOUR_US
    envelopes = [
        told("session_completed", f"poison-{n}", at + n, {
            "session_id": f"poison-{n}", "student_id": "carl", "tutor_id": "poisoned",
            "tutor_rating": rating,
        })
        for n, rating in enumerate((4, 7, 2))
    ]  # fmt: skip
    put(deployed, *envelopes)

    def kept() -> list[Any]:
        failed = deployed.get("/failed", limit=500)["failed"]
        return [one for one in failed if one["source"] == "entities" and "poisoned" in one["body"]]

    def tutor() -> Any:
        return deployed.get("/entities/tutor/poisoned")["metrics"]

    (record,) = wait_for_stack(kept, WITHIN_S, "the rating is kept")
    wait_for_stack(lambda: tutor()["rating_count"] == 2, WITHIN_S, "the others count")
    assert deployed.get("/entities/student/carl")["metrics"]["sessions_7d"] == 3
    mended = json.loads(record["body"])
    mended["payload"]["tutor_rating"] = 3
    path = f"/failed/{record['failed_id']}/replay"
    assert deployed.http.post(path, json=mended).status_code == 200
    wait_for_stack(lambda: tutor()["rating_count"] == 3, WITHIN_S, "it counts")
    assert (tutor()["avg_rating"], kept()) == (3, [])
