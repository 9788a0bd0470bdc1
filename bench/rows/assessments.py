"""From raw assessments to stored scores, beside five-factor-e scoring the same answers alone."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from ipipneo.facet import Facet
from ipipneo.norm import Norm
from ipipneo.reverse import ReverseScored120

from bench.row import Options, Row, beside
from tallybrook.assessments.flow.places import raw_key
from tallybrook.assessments.flow.processing import Ports
from tallybrook.assessments.flow.tasks import Task, encode
from tallybrook.assessments.flow.working import work_once
from tallybrook.assessments.library import inventory
from tallybrook.assessments.scoring import score
from tallybrook.ports.clock import system_clock
from tallybrook.ports.log.relay import handing
from tallybrook.settings import Settings
from tallybrook.wiring import open_state
from tallybrook.wiring.agreement import outside_queue
from tallybrook.wiring.assessments import anonymizing, assessment_queue, open_local_objects

_RIVAL = "five-factor-e, facets alone"
Raw = Mapping[str, Any]


def assessments(options: Options) -> list[Row]:
    """The formulas in memory, and the whole way: two synced objects and three commits each."""
    count = 200 if options.quick else 1000
    raws = [_respondent(number) for number in range(count)]
    ours, theirs, whole = [], [], []
    for number in range(max(3, options.rounds)):
        theirs.append(_per_s(count, partial(_five_factor_all, raws)))
        ours.append(_per_s(count, partial(_score_all, raws)))
        whole.append(_whole_way(raws, options.scratch / f"assessments{number}"))
    way = "raw object to stored score, embedded, on disk"
    return [
        beside("scoring alone: facets, domains, validity", ours, "/s", _RIVAL, theirs),
        beside(way, whole, "/s", _RIVAL, theirs),
    ]


def _respondent(number: int) -> Raw:
    draw = random.Random(number)
    return {
        "userId": f"user-{number}", "assessmentId": f"a-{number}", "assessmentType": "ocean-120",
        "timestamp": "2026-03-01T10:20:30Z", "completionTime": 700_000,
        "responses": [{"questionId": n, "answer": draw.randint(1, 5)} for n in range(1, 121)],
        "demographics": {"age": 34, "country": "Germany", "industry": "Technology"},
        "metadata": {"platform": "web"},
    }  # fmt: skip


def _score_all(raws: Sequence[Raw]) -> None:
    for raw in raws:
        score(raw, inventory("ocean-120"))


def _five_factor_all(raws: Sequence[Raw]) -> None:
    facet, norm = Facet(nquestion=120), Norm(sex="F", age=34, nquestion=120)
    for raw in raws:
        given = [
            {"id_question": one["questionId"], "id_select": one["answer"]}
            for one in raw["responses"]
        ]
        keyed = [one["id_select"] for one in ReverseScored120({"answers": given})["answers"]]
        sums = facet.score(answers=keyed)
        facet.distrib(size=len(sums), b5=facet.b5create(score=sums), norm=norm)


def _whole_way(raws: Sequence[Raw], data: Path) -> float:
    """Assessments a second from raw objects that are there to stored scores and queued events."""
    settings = Settings(data=str(data))
    with ExitStack() as opened:
        state = opened.enter_context(closing(open_state(settings)))
        queue = opened.enter_context(closing(assessment_queue(settings)))
        outside = opened.enter_context(closing(outside_queue(settings)))
        objects = open_local_objects(settings)
        for raw in raws:
            body = msgspec.json.encode(raw)
            objects.put(raw_key("acme", body), body)
            queue.send([encode(Task(raw_key("acme", body)))])
        anonymizer = anonymizing(settings, objects, state)
        ports = Ports(anonymizer, queue.send, handing(outside), lambda _record: None)

        def work() -> None:
            while work_once(queue, ports, system_clock):
                pass

        return _per_s(len(raws), work)


def _per_s(count: int, work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)
