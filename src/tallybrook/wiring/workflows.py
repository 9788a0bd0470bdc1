"""Runs, schedules, usage and the budget: what they work with, on both backends."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from tallybrook.costs.budget import Budget
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.settings import Settings
from tallybrook.wiring.usage import open_local_usage, open_usage

if TYPE_CHECKING:
    from tallybrook.costs.tiers import Tier
    from tallybrook.ports.jobs import Jobs
    from tallybrook.ports.jobs.local import LocalJobs
    from tallybrook.ports.jobs.local.engine import Engine
    from tallybrook.ports.state import State
    from tallybrook.ports.usage import Stored, UsageStore
    from tallybrook.workflows.advancing import Work
    from tallybrook.workflows.requesting import Desk
    from tallybrook.workflows.runs import Run

TAKEN_IN_S = 120.0
"""How long a refresh waits for the lake's writer to take an answer in."""

Job = "Callable[[Run], dict[str, Any]]"


def open_desk(settings: Settings, state: "State", clock: Clock = system_clock) -> "Desk":
    """Where runs are asked for."""
    from tallybrook.workflows.requesting import Desk
    from tallybrook.workflows.runs import Runs

    return Desk(Runs(state), _jobs(settings, state), clock)


def _jobs(settings: Settings, state: "State") -> "Jobs":
    if settings.backend == "aws":
        from tallybrook.ports.jobs.aws import StepFunctionsJobs

        return StepFunctionsJobs(settings.workflow)
    from tallybrook.ports.jobs.local import LocalJobs

    return LocalJobs(state)


def present_tier(settings: Settings) -> "Tier":
    """The tier of ``CURRENT_MRR``, else the one that was set for the data directory."""
    from tallybrook.costs.tiers import tier_of

    return tier_of(present_mrr_usd(settings))


def present_mrr_usd(settings: Settings) -> float:
    """The monthly revenue: of the environment, else as it was set."""
    from tallybrook.costs.chosen import mrr_usd

    return mrr_usd(None if settings.backend == "aws" else settings.data_path)


def enforced(settings: Settings) -> bool:
    """Whether a budget that is used up stops anything."""
    if settings.budget_stop == "auto":
        return settings.backend == "aws"
    return settings.budget_stop == "on"


def budget_of(settings: Settings, usage: "UsageStore", state: "State", now_us: int) -> Budget:
    """The budget of the present month."""
    from tallybrook.costs.keeping import budget_now

    return budget_now(
        usage, state, settings.budget_usd, present_tier(settings), now_us,
        enforced=enforced(settings),
    )  # fmt: skip


@contextmanager
def open_engine(
    settings: Settings, clock: Clock = system_clock
) -> "Iterator[tuple[Engine, LocalJobs]]":
    """What works off the runs of a data directory."""
    from tallybrook.ports.jobs.local import LocalJobs
    from tallybrook.ports.jobs.local.engine import Engine
    from tallybrook.wiring.local import open_local_state
    from tallybrook.workflows.advancing import advance, fail
    from tallybrook.workflows.policy import policy_of
    from tallybrook.workflows.steps import ALL

    policy = policy_of(present_tier(settings))
    with ExitStack() as opened:
        work = opened.enter_context(open_local_work(settings, clock))
        state = opened.enter_context(closing(open_local_state(settings, clock)))
        engine = Engine(
            settings.data_path / "jobs.db",
            partial(advance, work, ALL),
            partial(fail, work),
            retries=policy.retries, base_s=policy.base_s, rate=policy.rate,
        )  # fmt: skip
        opened.enter_context(closing(engine))
        yield engine, LocalJobs(state)


@contextmanager
def open_local_work(settings: Settings, clock: Clock = system_clock) -> "Iterator[Work]":
    """What steps work with, in a process that does not write the log."""
    from tallybrook.ports.bus.local import LocalBus
    from tallybrook.ports.counters.local import SqliteCounters
    from tallybrook.ports.failed.local import SqliteFailedRecords
    from tallybrook.ports.log.relay import handing
    from tallybrook.wiring.agreement import outside_queue
    from tallybrook.wiring.assessments import open_local_objects
    from tallybrook.wiring.local import log_path, open_local_state
    from tallybrook.workflows.advancing import Work
    from tallybrook.workflows.runs import Runs

    path = log_path(settings.data_path)
    with ExitStack() as opened:
        state = opened.enter_context(closing(open_local_state(settings, clock)))
        bus = opened.enter_context(closing(LocalBus(settings.data_path / "bus.db", clock=clock)))
        outside = opened.enter_context(closing(outside_queue(settings, clock)))
        counters = opened.enter_context(closing(SqliteCounters(path)))
        failed = opened.enter_context(closing(SqliteFailedRecords(path)))
        usage = opened.enter_context(closing(open_local_usage(settings)))
        objects = open_local_objects(settings)
        work = Work(
            Runs(state), objects, handing(outside), failed.keep, counters, bus, clock,
            keep_ip=settings.keep_ip,
        )  # fmt: skip
        work.jobs = jobs_of(settings, work, usage, state)
        yield work


@contextmanager
def open_aws_work(settings: Settings, clock: Clock = system_clock) -> "Iterator[Work]":
    """What steps work with in a function."""
    from tallybrook.ports.bus.aws import EventBridgeBus
    from tallybrook.ports.log import Write
    from tallybrook.ports.objects.aws import S3Objects
    from tallybrook.wiring.aws import open_aws, open_aws_state
    from tallybrook.workflows.advancing import Work
    from tallybrook.workflows.runs import Runs

    product = open_aws(settings, clock, sql=False)
    state, usage = open_aws_state(settings, clock), open_usage(settings)
    bus = EventBridgeBus(settings.stack, source="tallybrook.workflows")

    def append(events: Any) -> None:
        product.log.write(Write(events=events))

    work = Work(
        Runs(state), S3Objects(settings.bucket), append, product.stores.failed.keep,
        product.stores.counters, bus, clock, keep_ip=settings.keep_ip,
    )  # fmt: skip
    work.jobs = jobs_of(settings, work, usage, state)
    try:
        yield work
    finally:
        product.log.close()
        product.stores.close()


def jobs_of(
    settings: Settings, work: "Work", usage: "UsageStore", state: "State"
) -> "Mapping[str, Callable[[Run], dict[str, Any]]]":
    """What is done by the clock, by the names of the schedules."""
    from tallybrook.workflows.clockwork import Clockwork, jobs

    on_aws = settings.backend == "aws"
    refresh = partial(_refresh_there if on_aws else _refresh, settings, work, state)
    return jobs(
        Clockwork(
            work.objects, work.counters, usage, state, work.bus, work.clock,
            lambda: budget_of(settings, usage, state, work.clock()),
            lambda: (present_tier(settings), present_mrr_usd(settings)),
            work.append, measured=on_aws, refresh=refresh,
            stored=partial(_stored, settings, work) if on_aws else None,
            counted_bytes=partial(_counted_bytes, settings) if on_aws else None,
        )
    )  # fmt: skip


def _stored(settings: Settings, work: "Work") -> "Stored":
    """What a stack keeps at this moment."""
    from tallybrook.ports.aws.stored import stored
    from tallybrook.records.reading import parse_types

    return stored(settings.stack, parse_types(settings.record_types), work.objects, work.clock())


def _counted_bytes(settings: Settings) -> int:
    """What counting from scratch reads in a stack."""
    from tallybrook.ports.aws.stored import counted_bytes
    from tallybrook.records.reading import parse_types

    return counted_bytes(settings.stack, parse_types(settings.record_types))


def _refresh_there(
    settings: Settings, work: "Work", state: "State", slot_us: int
) -> dict[str, Any]:
    """The same in a stack, where the function that has the SQL engine runs one a call. Raises
    ``StorageError`` where a call failed: all is done again, and changes nothing."""
    from tallybrook.ports.aws.calling import call
    from tallybrook.sql.libraries import Library
    from tallybrook.sql.refreshing import wanted
    from tallybrook.wiring.aws import open_aws_keys

    library = Library(None)
    keys = open_aws_keys(settings, work.clock).stored()
    failed: dict[str, str] = {}
    done = 0
    for account_id in sorted({key.account_id for key in keys}):
        for query in wanted(library, state, account_id, slot_us):
            asked = {"account_id": account_id, "query_id": query.id, "now_us": work.clock()}
            told = call(f"{settings.stack}-query", {"refresh": asked})
            if "failed" in told:
                failed[f"{account_id}/{query.id}"] = told["failed"]
            else:
                done += 1
    return {"refreshed": done, "failed": failed}


def _refresh(settings: Settings, work: "Work", state: "State", slot_us: int) -> dict[str, Any]:
    """Run the saved queries that are due at a slot for every account that has been counted, and
    wait until the lake's writer has made tables of their answers."""
    import asyncio
    from pathlib import Path

    from tallybrook.lake.asking import ask
    from tallybrook.sql.keeping import sweep
    from tallybrook.sql.libraries import Library
    from tallybrook.sql.refreshing import Desk, Refreshed, refresh_all
    from tallybrook.wiring.local import open_sql

    library = Library(Path(settings.queries) if settings.queries else None)
    accounts = sorted({key[0] for key, _ in work.counters.everything(None)})

    async def run() -> Refreshed:
        engine = open_sql(settings)
        await engine.start()
        desk = Desk(engine, library, work.objects, partial(ask, state, timeout_s=TAKEN_IN_S))
        try:
            return await refresh_all(desk, state, accounts, slot_us, work.clock())
        finally:
            await engine.close()

    sweep(work.objects, work.clock())
    found = asyncio.run(run()) if accounts else Refreshed([], {})
    return {"refreshed": len(found.done), "failed": found.failed}


@contextmanager
def open_clock(
    settings: Settings, clock: Clock = system_clock
) -> "Iterator[tuple[Callable[[], bool], Callable[[], object]]]":
    """Of a data directory: whether runs wait to be worked off, and what starts those that are
    due."""
    from tallybrook.ports.jobs.local import LocalJobs
    from tallybrook.wiring.local import open_local_state
    from tallybrook.workflows.schedules import ACCOUNT, due

    with closing(open_local_state(settings, clock)) as state:
        desk, jobs = open_desk(settings, state, clock), LocalJobs(state)

        def start_due() -> object:
            desk.pick_up(ACCOUNT)
            return due(state, desk, clock())

        yield lambda: bool(jobs.waiting(1)), start_due
