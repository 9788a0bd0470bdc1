"""``tallybrook runs``: workflows and what is done by the clock, one run each."""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote

from cyclopts import App

from tallybrook.entrypoints.cli.options import DEFAULT_URL, AsJson, Key, Url
from tallybrook.entrypoints.cli.output import OutputFormat, note, print_rows

EXAMPLES = """Examples:
  tallybrook runs list --status failed
  tallybrook runs show file-3f2a...
  tallybrook runs start --start 2026-03-01 --end 2026-03-08
  tallybrook runs retry file-3f2a..."""

app = App(
    name="runs",
    help="Runs of workflows: list, show, start, retry, cancel.",
    help_epilogue=EXAMPLES,
)

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
_COLUMNS = ("run_id", "kind", "status", "step", "attempt", "created_at", "error")


@app.command(name="list")
def list_(
    *,
    status: Status | None = None,
    limit: int = 50,
    format: OutputFormat = "table",
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """List runs, newest first.

    Parameters
    ----------
    status
        Only those in this state.
    limit
        At most so many, 500 at most.
    """
    from tallybrook.entrypoints.cli.api import Api

    with Api(url, key) as api:
        found = api.get("/runs", {"limit": limit, **({"status": status} if status else {})})["runs"]
    rows = [[_step(run) if name == "step" else run[name] for name in _COLUMNS] for run in found]
    print_rows(_COLUMNS, rows, format)
    if not rows:
        note("no runs")


@app.command
def show(run_id: str, /, *, json: AsJson = False, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Show one run and what its steps gave.

    Parameters
    ----------
    run_id
        As list gives it.
    """
    from tallybrook.entrypoints.cli.api import Api

    with Api(url, key) as api:
        _print(api.get(f"/runs/{quote(run_id, safe='')}"), as_json=json)


@app.command
def start(
    *,
    start: str | None = None,
    end: str | None = None,
    file: str | None = None,
    json: AsJson = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Count a time range again, or work off an object that lies in the bucket.

    Parameters
    ----------
    start
        First instant or day (UTC) of the range.
    end
        Its end, which is not in it.
    file
        Key of an object instead, such as raw/imports/day.ndjson.
    """
    from tallybrook.entrypoints.cli.api import Api
    from tallybrook.errors import UsageError

    if (file is None) == (start is None or end is None):
        raise UsageError("start takes --start and --end, or --file")
    body = {"kind": "range", "start": start, "end": end}
    if file is not None:
        body = {"kind": "file", "key": file}
    with Api(url, key) as api:
        _print(api.post("/runs", _encoded(body)), as_json=json)


@app.command
def retry(run_id: str, /, *, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Go on with a run that failed or was cancelled, at the step where it stopped.

    Parameters
    ----------
    run_id
        As list gives it.
    """
    _post(url, key, run_id, "retry")


@app.command
def cancel(run_id: str, /, *, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Do no further step of a run; the one under way is finished.

    Parameters
    ----------
    run_id
        As list gives it.
    """
    _post(url, key, run_id, "cancel")


def _post(url: str, key: str | None, run_id: str, what: str) -> None:
    from tallybrook.entrypoints.cli.api import Api

    with Api(url, key) as api:
        found = api.post(f"/runs/{quote(run_id, safe='')}/{what}", b"")
    note(f"{found['run_id']} is {found['status']}, attempt {found['attempt']}")


def _print(run: dict[str, object], *, as_json: bool) -> None:
    import json

    if as_json:
        print(json.dumps(run, ensure_ascii=False, indent=2))
        return
    steps = run["steps"]
    assert isinstance(steps, list)
    names = ("name", "status", "tries", "started_at", "ended_at", "error", "output")
    note(f"{run['run_id']}: {run['status']}, attempt {run['attempt']}")
    print_rows(names, [[step[name] for name in names] for step in steps], "table")


def _step(run: dict[str, object]) -> str:
    steps = run["steps"]
    assert isinstance(steps, list)
    return next((step["name"] for step in steps if step["status"] != "done"), "-")


def _encoded(body: Mapping[str, object]) -> bytes:
    import json

    return json.dumps(body).encode()
