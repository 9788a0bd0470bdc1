"""The work and the report of ``tallybrook doctor``."""

import sys
from collections.abc import Iterator
from functools import partial

import msgspec

from tallybrook.doctor import cloud, machine
from tallybrook.doctor.checks import Check, failed
from tallybrook.settings import Settings
from tallybrook.wiring import open_account, open_reader

_SIGNS = {"ok": "✓", "warn": "!", "fail": "✗"}


def run(settings: Settings, *, as_json: bool) -> int:
    """Check and report; 1 when anything failed, else 0."""
    found = _aws(settings) if settings.backend == "aws" else _machine(settings)
    if as_json:
        said = msgspec.json.format(msgspec.json.encode(found)).decode()
        print(said)
    else:
        for line in _lines(found):
            print(line)
    sys.stdout.flush()
    return 1 if failed(found) else 0


def _aws(settings: Settings) -> list[Check]:
    return cloud.checks(open_account(settings), settings.stack)


def _machine(settings: Settings) -> list[Check]:
    return machine.checks(settings, partial(open_reader, settings))


def _lines(found: list[Check]) -> Iterator[str]:
    width = max(len(check.name) for check in found)
    for check in found:
        yield f"{_SIGNS[check.status]} {check.name:<{width}}  {check.detail}"
        if check.fix:
            yield f"  {'':<{width}}  → {check.fix}"
    counts = {status: sum(check.status == status for check in found) for status in _SIGNS}
    yield f"{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} failed"
