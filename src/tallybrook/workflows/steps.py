"""Every step of every kind of run, by name."""

from typing import Any

from tallybrook.errors import InvalidError
from tallybrook.workflows import filework, rangework
from tallybrook.workflows.advancing import Step, Work
from tallybrook.workflows.runs import STEPS, Run


def run_job(run: Run, work: Work) -> dict[str, Any]:
    """Something done by the clock."""
    job = work.jobs.get(run.input["job"])
    if job is None:
        raise InvalidError.of("/job", f"is none: {run.input['job']}")
    return job(run)


_MODULES = {"file": filework, "range": rangework}
ALL: dict[tuple[str, str], Step] = {
    (kind, name): getattr(module, name) for kind, module in _MODULES.items() for name in STEPS
} | {("job", "run"): run_job}
