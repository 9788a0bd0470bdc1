"""A believable operations stream of a tutoring marketplace. Pure: the same plan, the same stream.

Students have habits, favourite subjects and tutors; some of them go through a low: worse ratings,
more calls, fewer sessions, a falling health score. A completion follows its start by about the
scheduled time. A few starts are never completed, a few completions come without their start. On
the way events are doubled, overtaken and late, as real streams have them.
"""

import math
from collections.abc import Iterator
from random import Random
from typing import Any

from msgspec import Struct

from tallybrook.events.instants import DAY_US, HOUR_US, MINUTE_US, format_instant

SUBJECTS = ("algebra", "calculus", "chemistry", "english", "history", "physics", "spanish")
REGIONS = ("us-east", "us-west", "eu-central", "apac")
CALL_REASONS = ("billing", "no_show", "quality", "rescheduling", "technical")

_DOUBLED, _OVERTAKEN, _LATE = 0.02, 0.06, 0.01
_NEVER_COMPLETED, _NEVER_STARTED = 0.04, 0.01
_LOW_DAYS = 12.0
_CYCLE_US = 60 * DAY_US


class Plan(Struct, frozen=True):
    """What to make: from ``start`` to before ``end`` (µs, event time)."""

    seed: int
    start: int
    end: int
    students: int = 200
    tutors: int = 40


class Arrival(Struct, frozen=True):
    """An envelope, and when it gets here: at or after its own time (µs)."""

    at: int
    envelope: dict[str, Any]


class Student(Struct):
    """``low_at``: when in each cycle a low is at its middle, None for a student who has none.
    ``a_week``: sessions."""

    name: str
    subject: str
    region: str
    tutor: str
    a_week: float
    low_at: int | None
    health: float = 90.0

    def low(self, at: int) -> float:
        """How low at an instant: 0 not at all, 1 at the middle."""
        if self.low_at is None:
            return 0.0
        away = (at - self.low_at + _CYCLE_US // 2) % _CYCLE_US - _CYCLE_US // 2
        return math.exp(-((away / (_LOW_DAYS * DAY_US / 2)) ** 2))


def simulate(plan: Plan) -> Iterator[Arrival]:
    """Arrivals in their order."""
    waiting: list[Arrival] = []
    world = Random(plan.seed)
    students = [_student(plan, world, number) for number in range(plan.students)]
    skill = {_tutor(number): world.uniform(3.4, 4.9) for number in range(plan.tutors)}
    demand = {(s, r): world.uniform(-0.4, 0.4) for s in SUBJECTS for r in REGIONS}
    day = plan.start // DAY_US * DAY_US
    while day < plan.end:
        chance = Random(f"{plan.seed}/{day}")
        made = [*_supply(day, demand, chance)]
        for student in students:
            made += _day_of(student, day, skill, chance)
        inside = [one for one in made if plan.start <= one[0] < plan.end]
        waiting += [
            arrival for at, kind, load in inside for arrival in _sent(at, kind, load, chance)
        ]
        waiting.sort(key=lambda arrival: arrival.at)
        day += DAY_US
        while waiting and waiting[0].at < day:
            yield waiting.pop(0)
    yield from waiting


Made = tuple[int, str, dict[str, Any]]
"""An event's time, type and payload."""


def _student(plan: Plan, chance: Random, number: int) -> Student:
    low_at = chance.randrange(_CYCLE_US) if chance.random() < 0.3 else None
    return Student(
        f"student-{number:04d}", chance.choice(SUBJECTS), chance.choice(REGIONS),
        _tutor(chance.randrange(plan.tutors)), min(9.0, chance.lognormvariate(0.6, 0.6)), low_at,
    )  # fmt: skip


def _tutor(number: int) -> str:
    return f"tutor-{number:03d}"


def _day_of(student: Student, day: int, skill: dict[str, float], chance: Random) -> Iterator[Made]:
    low = student.low(day)
    if chance.random() < student.a_week / 7 * (1 - 0.6 * low):
        yield from _session(student, day, skill, low, chance)
    for _ in range(_times(0.02 + 0.5 * low, chance)):
        yield _call(student, day, low, chance)
    aim = 92 - 62 * low + chance.gauss(0, 3)
    student.health += 0.5 * (aim - student.health)
    if chance.random() < (1 / 3 if low > 0.3 else 1 / 7):
        yield _health(student, day, low, chance)


def _session(
    student: Student, day: int, skill: dict[str, float], low: float, chance: Random
) -> Iterator[Made]:
    began = day + int(min(22.0, max(6.0, chance.gauss(16.5, 2.5))) * HOUR_US)
    began += chance.randrange(MINUTE_US)
    tutor = student.tutor if chance.random() < 0.8 else chance.choice(list(skill))
    scheduled = chance.choice((30, 45, 60, 60, 90))
    ids = {
        "session_id": f"session-{chance.getrandbits(48):012x}",
        "student_id": student.name, "tutor_id": tutor, "subject": student.subject,
        "session_type": chance.choice(("regular", "regular", "regular", "trial", "makeup")),
    }  # fmt: skip
    if chance.random() >= _NEVER_STARTED:
        yield began, "session_started", ids | {"scheduled_duration_minutes": scheduled}
    if chance.random() < _NEVER_COMPLETED + 0.1 * low:
        return
    done = chance.random() < 0.95 - 0.25 * low
    minutes = max(
        3, round(scheduled * (chance.gauss(1, 0.08) if done else chance.uniform(0.1, 0.7)))
    )
    result: dict[str, Any] = {"actual_duration_minutes": minutes, "completed_successfully": done}
    for name, mean in (("student_rating", 4.5), ("tutor_rating", skill[tutor])):
        if chance.random() < 0.85:
            result[name] = _rating(mean - 1.3 * low - (0 if done else 1.2), chance)
    ended = began + minutes * MINUTE_US + chance.randrange(MINUTE_US)
    yield ended, "session_completed", ids | {"scheduled_duration_minutes": scheduled} | result


def _rating(mean: float, chance: Random) -> float:
    return round(min(5.0, max(0.0, chance.gauss(mean, 0.5))) * 2) / 2


def _call(student: Student, day: int, low: float, chance: Random) -> Made:
    payload = {
        "call_id": f"call-{chance.getrandbits(48):012x}", "student_id": student.name,
        "reason": chance.choice(CALL_REASONS), "duration_seconds": chance.randint(40, 1500),
        "resolved": chance.random() < 0.8 - 0.4 * low,
        "priority": "high" if low > 0.5 else chance.choice(("low", "normal")),
    }  # fmt: skip
    return day + chance.randrange(8 * HOUR_US, 20 * HOUR_US), "ib_call_logged", payload


def _health(student: Student, day: int, low: float, chance: Random) -> Made:
    score = round(min(100.0, max(0.0, student.health)))
    a_week = student.a_week * (1 - 0.6 * low)
    payload = {
        "student_id": student.name, "sessions_last_7_days": _times(a_week, chance),
        "sessions_last_30_days": _times(a_week * 30 / 7, chance),
        "ib_calls_last_14_days": _times(14 * (0.02 + 0.3 * low), chance),
        "avg_session_rating": round(min(5.0, max(0.0, 4.5 - 1.3 * low)), 2), "health_score": score,
        "churn_risk": "high" if score < 50 else "medium" if score < 70 else "low",
    }  # fmt: skip
    return day + chance.randrange(2 * HOUR_US, 5 * HOUR_US), "customer_health_update", payload


def _supply(day: int, demand: dict[tuple[str, str], float], chance: Random) -> Iterator[Made]:
    for (subject, region), lean in demand.items():
        for hour in (6, 18):
            lean = 0.8 * lean + chance.gauss(0, 0.15)
            wanted, offered = 0.5 + lean / 2, 0.5 - lean / 2
            status = "high_demand" if lean > 0.3 else "high_supply" if lean < -0.3 else "balanced"
            payload = {
                "subject": subject, "region": region,
                "available_tutors": max(0, round(12 * offered + chance.gauss(0, 1))),
                "active_students": max(0, round(60 * wanted + chance.gauss(0, 4))),
                "demand_score": round(wanted, 3), "supply_score": round(offered, 3),
                "balance_status": status,
            }  # fmt: skip
            at = day + hour * HOUR_US + chance.randrange(10 * MINUTE_US)
            yield at, "supply_demand_update", payload
        demand[subject, region] = lean


def _sent(at: int, kind: str, payload: dict[str, Any], chance: Random) -> Iterator[Arrival]:
    """The ways an event gets here: usually at once, sometimes late, sometimes twice."""
    envelope = {
        "event_type": kind,
        "timestamp": format_instant(at),
        "payload": payload,
        "source": "simulation",
    }
    delay = chance.randrange(2_000_000)
    if chance.random() < _LATE:
        delay = chance.randrange(HOUR_US, 4 * DAY_US)
    elif chance.random() < _OVERTAKEN:
        delay = chance.randrange(10 * MINUTE_US)
    yield Arrival(at + delay, envelope)
    if chance.random() < _DOUBLED:
        yield Arrival(at + delay + chance.randrange(6 * HOUR_US), envelope)


def _times(mean: float, chance: Random) -> int:
    """How often something rare happens (Poisson)."""
    limit, product, count = math.exp(-max(0.0, mean)), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count
