"""The client's calls against the real server: typed answers, errors that say what to do."""

import asyncio
import json
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tallybrook import AsyncClient, Client, event_builders
from tallybrook.assessments.library import inventory
from tallybrook.assessments.scoring import score
from tallybrook.client import OceanScores, new_assessment
from tallybrook.client.retrying import pause_s
from tallybrook.errors import (
    InvalidError,
    NotFoundError,
    RetryableError,
    UnauthorizedError,
    UsageError,
)
from tests.assessments.raw import assessment
from tests.client.conftest import Open
from tests.client.road import Road
from tests.server.running import Account, Running
from tests.support import wait_for


def test_an_assessment_is_processed(client: Client) -> None:
    """Sent and awaited, the scores are those of the formulas; sent again they are the same."""
    raw = assessment()
    found = client.process_assessment(raw)
    expected = msgspec.to_builtins(score(raw, inventory("ocean-120")))["scores"]
    assert msgspec.to_builtins(found.scores) == expected
    assert found.scores.facets["anxiety"].responses == 4
    assert "norms" in found.reasons
    assert client.process_assessment(raw) == found
    assert client.get_ocean_scores(raw["userId"]) == found


def test_the_latest_is_by_the_assessments_own_time(client: Client) -> None:
    """What get_ocean_scores gives is the assessment with the latest time, not the last one sent."""
    late = client.process_assessment(assessment(assessmentId="new", timestamp="2026-05-01T10:00Z"))
    client.process_assessment(assessment(assessmentId="old", timestamp="2025-05-01T10:00Z"))
    assert client.get_ocean_scores("user-17") == late


def test_one_that_cannot_be_scored(client: Client) -> None:
    """Is an InvalidError with a pointer to each fault; who has no scores is a NotFoundError."""
    with pytest.raises(InvalidError, match="/responses/0/answer") as caught:
        client.process_assessment(assessment(responses=[{"questionId": "1", "answer": 9}]))
    assert [fault.pointer for fault in caught.value.errors] == ["/responses/0/answer"]
    with pytest.raises(NotFoundError):
        client.get_ocean_scores("nobody")


def test_a_batch_of_assessments(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is answered for in its order; the bad one spoils only itself; a bar is shown where it
    is wanted, and none where stderr is no terminal."""
    answers = [n % 5 + 1 for n in range(120)]
    given: list[dict[str, Any]] = [
        new_assessment(f"b{n}", "a", answers, datetime(2026, 3, 1, 10, tzinfo=UTC))
        for n in range(12)
    ]
    given[7] = given[7] | {"userId": ""}
    found = client.batch_process_assessments(given, progress=True)
    assert [one.index for one in found] == list(range(12))
    assert [one.status for one in found] == ["scored"] * 7 + ["rejected"] + ["scored"] * 4
    assert "/userId" in (found[7].reason or "")
    assert found[0].result == client.get_ocean_scores("b0")
    assert "Assessments" in capsys.readouterr().err
    again = client.batch_process_assessments((one for one in given), wait=False)
    assert [one.status for one in again].count("received") == 11
    assert capsys.readouterr().err == ""


def test_reading(client: Client, account: Account) -> None:
    """Counts, series, SQL and single events of what was tracked, as typed values."""
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for n in range(6):
        event = event_builders.page_view("reader", f"/{n}", weight=n)
        client.track_event(event | {"timestamp": start + timedelta(minutes=n)})
    client.flush()
    wait_for(lambda: account.total("page_view") == 6)
    assert client.count("page_view", start, start + timedelta(minutes=3)).count == 3
    assert client.count("page_view", date(2026, 3, 1), "2026-03-01").count == 6
    hours = client.analytics("page_views", start, start + timedelta(hours=2), group_by="1h")
    assert (hours.total, [point.value for point in hours.series]) == (6, [6, 0])
    total = client.analytics("sum:weight", start, start + timedelta(hours=1), group_by="1h")
    assert total.total == 15
    rows = client.query(
        "SELECT count(*) AS n, max(user_id) AS who FROM events "
        "WHERE event_type = {{kind}} AND timestamp >= TIMESTAMP '2026-03-01'",
        {"kind": "page_view"},
        full_scan=True,
    )
    assert rows.records() == [{"n": 6, "who": "reader"}]
    assert client.series()[0]["series"] == "page_view"
    assert len(client.user_events("reader", 4)) == 4
    assert sum(b["count"] for b in client.buckets("page_view", start, minutes=60)) == 6
    assert client.realtime()["check"]["ok"]
    assert client.health()["status"] == "ready"
    with pytest.raises(NotFoundError):
        client.event("nothing of that name")


def test_records_and_two_ais(client: Client, account: Account) -> None:
    """Records are put and deleted; messages of two AIs are answered for one by one."""
    client.put_record("items", "i/1", {"createdAt": "2026-03-01T12:00:00Z"})
    wait_for(lambda: account.total("items") == 1)
    client.delete_record("items", "i/1")
    wait_for(lambda: account.total("items") == 0)
    scores = dict.fromkeys(event_builders._SCORES[:5], 50)
    message = {
        "assessmentId": "x", "timestamp": "2026-03-01T12:00:00Z",
        "a1Response": {"oceanScores": scores}, "b1Validation": {"oceanScores": scores},
    }  # fmt: skip
    found = client.send_agreement_messages([message, {"assessmentId": "y"}])
    assert [one.status for one in found] == ["accepted", "rejected"]
    assert client.agreement(date(2026, 3, 1), date(2026, 3, 2))["report"]
    assert client.distributions()["groups"] == []
    assert client.alerts() == []
    assert client.entities("student") == []


def test_events_that_have_builders(client: Client) -> None:
    """A completed assessment as an event: id and inventory from a mapping, the scores of a result
    without facets, 0 kept and None left out; nothing else of the user."""
    scored = client.process_assessment(assessment())
    event = event_builders.assessment_completed(
        {"id": "u1", "email": "a@mail.example.com"}, assessment(), scored, 0, plan=None
    )
    client.track_event(event)
    client.flush()
    (stored,) = client.user_events("u1")
    assert stored["event_type"] == "assessment.completed"
    properties = stored["properties"]
    assert set(properties) == {"assessment_id", "assessment_type", "duration_ms", "scores"}
    assert (properties["assessment_id"], properties["duration_ms"]) == ("a-1", 0)
    assert properties["scores"]["openness"] == scored.scores.openness
    assert "facets" not in properties["scores"]
    assert "mail.example.com" not in json.dumps(stored)
    with pytest.raises(InvalidError, match="user_id"):
        event_builders.user_registered({"name": "x"})


def test_asyncio(product: Running, account: Account) -> None:
    """The asynchronous client has the same calls; many at once in one loop."""

    async def work() -> tuple[OceanScores, int]:
        async with AsyncClient(product.url, account.key, queue=":memory:") as client:
            scored = await client.process_assessment(assessment())
            batch = await client.batch_process_assessments(
                [assessment(userId=f"u{n}") for n in range(3)]
            )
            assert [one.status for one in batch] == ["scored"] * 3
            assert await client.get_ocean_scores("user-17") == scored
            events = (event_builders.page_view(f"u{n}", "/") for n in range(100))
            ids = await asyncio.gather(*(client.track_event(event) for event in events))
            done = await client.flush()
            assert (len(set(ids)), done.accepted, client.stats.waiting) == (100, 100, 0)
            with pytest.raises(NotFoundError):
                await client.event("nothing")
            return scored, len(await client.user_events("u1"))

    scored, events = asyncio.run(work())
    assert scored.scores.completeness == 1
    assert events == 1
    public = {name for name in dir(Client) if not name.startswith("_")}
    assert public == {name for name in dir(AsyncClient) if not name.startswith("_")}


def test_a_cost_report(client: Client) -> None:
    """What the work of some days cost, as the product reports it; days in the wrong order are
    refused."""
    found = client.generate_cost_report(date(2026, 3, 1), date(2026, 3, 2))
    assert found["start"].startswith("2026-03-01")
    assert found["lines"] == []
    with pytest.raises(InvalidError):
        client.generate_cost_report(date(2026, 3, 2), date(2026, 3, 1))


def test_calls_are_tried_again(open_client: Open, road: Road) -> None:
    """A call whose answer got lost is made again once the way is open; one that finds nobody for
    as long as it was given says so."""
    client = open_client(road.url, retry_for_s=20.0)
    road.state = "no way back"

    def mend() -> None:
        wait_for(lambda: road.lost >= 2)
        road.state = "open"

    mending = threading.Thread(target=mend)
    mending.start()
    found = client.process_assessment(assessment(userId="again"))
    mending.join()
    assert found.scores.completeness == 1
    hasty = open_client("http://127.0.0.1:9", retry_for_s=0.2)
    with pytest.raises(RetryableError, match="nothing answers"):
        hasty.health()


def test_errors_by_their_kind(product: Running, client: Client) -> None:
    """A wrong key is an UnauthorizedError and is not tried again; wrong options are UsageErrors."""
    stranger = Client(product.url, "wrong" * 8, queue=":memory:")
    with pytest.raises(UnauthorizedError, match="401"):
        stranger.series()
    stranger.close()
    with pytest.raises(InvalidError, match="start"):
        client.analytics("x", "2026-03-02", "2026-03-01")
    for options in ({"flush_size": 0}, {"url": "ftp://x"}, {"max_queued_bytes": 0}):
        with pytest.raises(UsageError):
            Client(**options)  # type: ignore[arg-type]


def test_pauses() -> None:
    """Pauses double up to a bound, are never shorter than asked, and differ."""
    for tries in range(1, 9):
        low = min(10.0, 0.1 * 2 ** (tries - 1))
        pauses = [pause_s(tries) for _ in range(20)]
        assert all(low <= pause <= 1.25 * low for pause in pauses)
        assert len(set(pauses)) > 1
    assert 7 <= pause_s(1, 7) <= 7 * 1.25
    assert pause_s(10_000) <= 12.5


def test_importing_is_cheap() -> None:
    """``import tallybrook`` loads neither the client nor what it needs; the client no server."""
    code = (
        "import sys, tallybrook; a = set(sys.modules); tallybrook.Client;"
        "b = {n for n in sys.modules if n.startswith('tallybrook.')};"
        "print([n for n in a if n.startswith(('tallybrook.', 'httpx', 'msgspec'))],"
        " sorted({n.split('.')[1] for n in b}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] ['client', 'errors', 'events', 'reaching']"
