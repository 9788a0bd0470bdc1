"""``tallybrook entities rebuild`` on both backends."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.library import load
from tallybrook.entities.places import OUTBOX, Entity
from tallybrook.entities.reading import one
from tallybrook.entities.reading_alerts import alerts
from tallybrook.entrypoints.cli import rebuilding
from tallybrook.errors import NotFoundError
from tallybrook.events.instants import DAY_US, format_instant
from tallybrook.events.operations import read_operation
from tallybrook.ports.aws.tables import EVENTS, physical
from tallybrook.ports.clock import system_clock
from tallybrook.ports.log import Write
from tallybrook.settings import Settings
from tallybrook.wiring import open_product, open_sequencer, open_state
from tests.support import tallybrook
from tests.support.emulator import make_tables
from tests.support.streams import Pump

CATALOG = Catalog(load("tutoring"))


@pytest.fixture(params=["local", "aws"])
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of a product, in the environment too."""
    if request.param == "local":
        return Settings(data=str(tmp_path))
    stack = request.getfixturevalue("stack")
    make_tables(stack)
    monkeypatch.setenv("TALLYBROOK_BACKEND", "aws")
    monkeypatch.setenv("TALLYBROOK_STACK", stack)
    return Settings(backend="aws", stack=stack, data=str(tmp_path))


def collect(settings: Settings, bodies: Sequence[dict[str, Any]]) -> None:
    """Operations into the log, of which nobody tells the entities."""
    events = [read_operation(msgspec.json.encode(one), "default", system_clock()) for one in bodies]
    product = open_product(settings, sql=False)
    product.log.write(Write(events=events))
    if settings.backend == "aws":
        apply = open_sequencer(settings, product.stores.failed.keep)
        Pump(physical(settings.stack, EVENTS), apply).run()
    product.log.close()
    product.stores.close()


def told(kind: str, days: float, **payload: Any) -> dict[str, Any]:
    at = format_instant(system_clock() - int(days * DAY_US))
    return {"event_type": kind, "timestamp": at, "payload": payload, "source": "app"}


def test_what_was_missed_is_there_and_nothing_is_told_twice(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything in the log is known afterwards; done again it changes nothing, and no alert waits
    a second time. Bad events become failed records."""
    collect(settings, [
        *(told("session_completed", n, session_id=str(n), student_id="s") for n in range(1, 10)),
        *(told("ib_call_logged", n / 10, call_id=str(n), student_id="s") for n in range(4)),
        told("ib_call_logged", 1),
    ])  # fmt: skip
    for expected in (1, 0):
        assert rebuilding.run("tutoring", Path(settings.data)) == 0
        assert capsys.readouterr().out == "14 events taken in\n"
        with closing(open_state(settings)) as state:
            metrics = one(state, CATALOG, Entity("default", "student", "s"), system_clock()).metrics
            assert (metrics["sessions_7d"], metrics["sessions_14d"]) == (6, 9)
            found, _ = alerts(state, "default", None, None, system_clock(), 50, None)
            assert [kept.alert.alert_type for kept in found] == ["high_ib_call_frequency"]
            outbox = state.query(OUTBOX)
            assert len(outbox) == expected
            for item in outbox:  # as if it were published
                state.delete(OUTBOX, item.key)
    product = open_product(settings, sql=False)
    assert len(product.stores.failed.page("default", "open", 50, None)) == 1
    product.log.close()
    product.stores.close()


def test_other_definitions_are_taken_from_the_log(settings: Settings) -> None:
    """What only the new definitions know of is known after the rebuild."""
    collect(settings, [told("flight_departed", 1, carrier="AA", origin="JFK", dep_delay=7)])
    flights, airline = Catalog(load("flights")), Entity("default", "airline", "AA")
    assert rebuilding.run("tutoring", Path(settings.data)) == 0
    with closing(open_state(settings)) as state, pytest.raises(NotFoundError):
        one(state, flights, airline, system_clock())
    assert rebuilding.run("flights", Path(settings.data)) == 0
    with closing(open_state(settings)) as state:
        metrics = one(state, flights, airline, system_clock()).metrics
    assert (metrics["flights_7d"], metrics["delay_7d_min"]) == (1, 7)


def test_without_a_log(tmp_path: Path) -> None:
    """There is nothing to rebuild from, and the command says so."""
    ran = tallybrook("entities", "rebuild", "--data", str(tmp_path / "none"))
    assert ran.code == 2
    assert "holds no log" in ran.err
