"""Runs over a file, worked off by the real engine and killed in the middle of it."""

import importlib
from pathlib import Path
from typing import Any

import pytest

from tallybrook.ports.objects.local import LocalObjects
from tallybrook.workflows.runs import STEPS, Run
from tests.workflows.world import (
    ACCOUNT,
    BAD,
    GOOD,
    KEY,
    killed_after,
    lines,
    product,
    refused_in,
    relayed,
    work,
)


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """The engine's library, once for all the processes that are forked."""
    importlib.import_module("tallybrook.ports.jobs.local.engine")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with an uploaded file and the run over it, not begun."""
    LocalObjects(tmp_path / "objects").put(KEY, lines())
    with product(tmp_path) as opened:
        opened.stores.works().runs.request(ACCOUNT, "file", {"key": KEY})
    return tmp_path


def outcome(data: Path) -> tuple[Run, dict[str, int], list[str], list[str], list[str]]:
    """The run, counts by series, failed rows, what is left staged, and what the bus was told."""
    with product(data) as opened:
        relayed(opened)
        stores = opened.stores
        (run,), _ = stores.works().runs.runs.page(ACCOUNT, 10)
        counts = {total.series: total.count for total in stores.counters.series(ACCOUNT)}
        failed = [r.failed_id for r in stores.failed.page(ACCOUNT, "open", 100, None)]
        assert opened.tail is not None
        told = [notice.notice_id for _, notice in opened.tail.published(0)]
        staged = [f.key for f in LocalObjects(data / "objects").page("runs/")]
        return run, counts, failed, staged, told


def assert_right(data: Path) -> Run:
    run, counts, failed, staged, told = outcome(data)
    assert run.status == "succeeded"
    assert counts == {"view": GOOD // 2, "buy": GOOD // 2}
    assert len(failed) == BAD
    assert staged == []
    assert set(told) == {f"workflow.succeeded-{run.run_id}-1"}
    return run


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_it_goes_on_there(data: Path, step: str) -> None:
    """Killed with -9 between a step's effect and its record, the run resumes at that step, does
    the earlier ones no second time, and ends in the one right result."""
    assert work(data, killed_after(step)) == -9
    assert work(data) == 0
    run = assert_right(data)
    assert {s.name: s.tries for s in run.steps} == {s: 1 + (s == step) for s in STEPS}


def test_run_twice_changes_nothing(data: Path) -> None:
    """The same file asked for again is the run that there is."""
    assert work(data) == 0
    first = assert_right(data)
    with product(data) as opened:
        again = opened.stores.works().runs.request(
            ACCOUNT, "file", {"key": KEY, "etag": first.input.get("etag")}
        )
    assert again.run_id == first.run_id
    assert work(data) == 0
    assert assert_right(data).updated_at == first.updated_at


def test_a_step_that_keeps_failing(data: Path) -> None:
    """Tried once and three times again, it ends in a notice and a failed record; the run that was
    retried goes on at that step and ends well."""
    assert work(data, refused_in("aggregate")) == 0
    run, counts, failed, _, told = outcome(data)
    assert (run.status, run.step("aggregate").tries, counts) == ("failed", 4, {})
    assert "the disk is away" in (run.error or "")
    assert failed == [run.failed_id]
    assert told == [f"workflow.failed-{run.run_id}-1"]
    with product(data) as opened:
        opened.stores.works().runs.retry(ACCOUNT, run.run_id)
    assert work(data) == 0
    run, counts, *_ = outcome(data)
    assert run.status == "succeeded"
    assert counts == {"view": GOOD // 2, "buy": GOOD // 2}
    assert {s.name: s.tries for s in run.steps}["validate"] == 1


def test_an_error_of_the_input_is_not_tried_again(tmp_path: Path) -> None:
    """A file that is not there fails its run at the first try, and says why."""
    with product(tmp_path) as opened:
        opened.stores.works().runs.request(ACCOUNT, "file", {"key": "raw/none"})
    assert work(tmp_path) == 0
    run, *_ = outcome(tmp_path)
    assert (run.status, run.step("validate").tries) == ("failed", 1)
    assert "raw/none is not there" in (run.error or "")


def test_a_cancelled_run_does_no_further_step(data: Path) -> None:
    """What is cancelled before it begins stays as it is, and nothing is stored."""
    with product(data) as opened:
        desk = opened.stores.works().runs
        (run,), _ = desk.runs.page(ACCOUNT, 10)
        desk.cancel(ACCOUNT, run.run_id)
    assert work(data) == 0
    found: tuple[Any, ...] = outcome(data)
    assert (found[0].status, found[1], found[2], found[4]) == ("cancelled", {}, [], [])
