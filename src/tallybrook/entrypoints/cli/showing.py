"""What ``tallybrook demo`` does: start the product, load the history, stream the rest."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tallybrook.assessments.library import inventory
from tallybrook.demo import respondents, tutoring, two_ais
from tallybrook.demo.history import Request, history_batches, history_records
from tallybrook.demo.live import step
from tallybrook.demo.rows import DemoData, flights, shop
from tallybrook.demo.state import DemoState, open_state, save_state
from tallybrook.entrypoints.cli.api import Api, RefusedError
from tallybrook.entrypoints.cli.product import Product, free_port
from tallybrook.errors import UsageError
from tallybrook.ports.clock import system_clock

STEPS_PER_S = 7.0
_SAVE_EVERY_S = 2.0
_READY_WITHIN_S = 60.0
_INVENTORY = "ocean-120"
_PATIENCE_S = 30.0
_DONE = object()
_SETTINGS = {
    "TALLYBROOK_SIMULATED": "entities,assessments,agreement,failures",
    "TALLYBROOK_NORMS": "true",  # nobody real is behind the assessments
}


def run(data: Path, port: int, *, speed: float, exit_after_s: float | None) -> int:
    """Show the demo until Ctrl-C, SIGTERM or ``exit_after_s``; the exit code."""
    if speed <= 0:
        raise UsageError(f"--speed {speed:g}: above 0")
    stop = _stop_on_signals()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    state = open_state(data, system_clock(), os.environ.get("TALLYBROOK_ADMIN_KEY"))
    state.runs += 1
    save_state(data, state)
    with Product(data, _port(port), state.key, _SETTINGS) as product:
        sets = shop(), flights()  # read while the product starts
        product.wait_until_ready(_READY_WITHIN_S, stop)
        _welcome(product.url, state.key)
        with Api(product.url, state.key, _PATIENCE_S) as api:
            history = _history(api, data, state, sets)
            _stream(api, data, state, sets, speed, stop, chain(history, _timer(stop, exit_after_s)))
        _say("\nStopping ...")
    _say(f"Stopped. The data stays in {data}; tallybrook demo goes on from there.")
    return 0


def _history(
    api: Api, data: Path, state: DemoState, sets: tuple[DemoData, DemoData]
) -> Iterator[None]:
    """Load the history, giving way after every request."""
    if state.history_loaded:
        _say(
            f"Run {state.runs} on this data: its history is there already and is not loaded again;"
            f" {state.steps:,} live events were sent before."
        )
        return
    lessons = tutoring.history(state.anchor_us)
    people = respondents.history(inventory(_INVENTORY), state.anchor_us)
    pairs = two_ais.history(state.anchor_us)
    total = sum(len(part.history) for part in sets) + _count(lessons)
    _say(
        f"Loading {total:,} events of history, {_count(people)} assessments and {_count(pairs)}"
        " messages of two AIs,\ntheir times moved so that the data ends now ..."
    )
    begun = time.monotonic()
    events = history_batches(list(sets), state.anchor_us)
    for _, request in chain(lessons, events, people, pairs):
        _send(api, request)
        yield
    _send(api, history_records(sets[0], state.anchor_us))
    state.history_loaded = True
    save_state(data, state)
    _say(f"Loaded in {time.monotonic() - begun:.1f} s.")


def _count(requests: list[tuple[int, Request]]) -> int:
    return sum(count for count, _ in requests)


def _stream(
    api: Api, data: Path, state: DemoState, sets: tuple[DemoData, DemoData],
    speed: float, stop: threading.Event, history: Iterator[None],
) -> None:  # fmt: skip
    """Send each live step at its time; before each, while there is any, a piece of history.

    A step that comes late is not made up for with a burst.
    """
    pace_s, lessons = 1 / (STEPS_PER_S * speed), tutoring.live(state.anchor_us)
    items = inventory(_INVENTORY)
    due_s = saved_s = time.monotonic()
    loading = True
    while not stop.is_set():
        loading = loading and next(history, _DONE) is not _DONE
        now_s = time.monotonic()
        if now_s < due_s:
            stop.wait(0.0 if loading else due_s - now_s)
            continue
        now_us = system_clock()
        for request in chain(
            step(state.steps, *sets, now_us),
            tutoring.live_step(state.steps, lessons, now_us),
            respondents.live_step(state.steps, items, now_us),
            two_ais.live_step(state.steps, now_us),
        ):
            _send(api, request)
        state.steps += 1
        due_s = max(due_s + pace_s, now_s)
        if now_s - saved_s > _SAVE_EVERY_S:
            saved_s = now_s
            save_state(data, state)
            _tick(state, loading=loading)
    save_state(data, state)


def _send(api: Api, request: Request) -> None:
    try:
        api.send(request.method, request.path, request.body, request.content_type)
    except RefusedError as error:
        # A demo sends wrong things on purpose; but it must be let in.
        if error.status in (401, 403):
            raise


def _port(wanted: int) -> int:
    port = free_port(wanted)
    if port != wanted and wanted:
        _say(f"Port {wanted} is taken; using {port}.")
    return port


def _welcome(url: str, key: str) -> None:
    auth = f"-H 'Authorization: Bearer {key}'"
    json = "-H 'Content-Type: application/json'"
    sql = "SELECT event_type, count(*) AS n FROM events GROUP BY 1 ORDER BY 2 DESC"
    _say(
        f"\n  Live numbers   {url}/#key={key}\n  Key            {key}\n\n"
        "Real shop visits and New York flights (sources and licences in the package, NOTICE.md),\n"
        "sent now with the time of now; some on purpose twice, some on purpose wrong.\n"
        "Students, tutors and their alerts are simulated, and so are the people who answered a\n"
        "questionnaire (from its published norms) and the two AIs that scored texts.\n\n"
        "To try:\n\n"
        f"  curl '{url}/realtime/metrics' {auth}\n\n"
        f"  curl '{url}/events' {auth} {json} \\\n"
        '    -d \'{"event_type": "hello", "user_id": "me"}\'\n\n'
        f"  curl '{url}/query' {auth} {json} \\\n"
        f'    -d \'{{"sql": "{sql}", "full_scan": true}}\'\n\n'
        "Ctrl-C stops.\n"
    )


def _tick(state: DemoState, *, loading: bool) -> None:
    if not loading and sys.stdout.isatty():
        print(f"\r{state.steps:,} live events sent ", end="", flush=True)


def _timer(stop: threading.Event, exit_after_s: float | None) -> Iterator[None]:
    """Comes after the history: the time runs from when all of it is loaded."""
    if exit_after_s is not None:
        timer = threading.Timer(exit_after_s, stop.set)
        timer.daemon = True
        timer.start()
    yield from ()


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _say(text: str) -> None:
    print(text, flush=True)
