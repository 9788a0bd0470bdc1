"""``tallybrook failed``: what could not be processed, kept until somebody decides."""

from itertools import islice
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from cyclopts import App, Parameter

from tallybrook.entrypoints.cli.options import DEFAULT_URL, Key, Url
from tallybrook.entrypoints.cli.output import OutputFormat, note, print_rows

EXAMPLES = """Examples:
  tallybrook failed list --status all
  tallybrook failed show 01J...
  tallybrook failed replay 01J... --body corrected.json
  tallybrook failed replay --all
  tallybrook failed redrive --stack tallybrook"""

app = App(
    name="failed",
    help="Failed records: list, show, replay; dead letters of a stack: redrive.",
    help_epilogue=EXAMPLES,
)

Status = Literal["open", "replayed", "discarded", "all"]
_COLUMNS = ("failed_id", "status", "tries", "source", "reason", "detail", "last_at")


@app.command(name="list")
def list_(
    *,
    status: Status = "open",
    limit: int = 100,
    format: OutputFormat = "table",
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """List failed records, newest first.

    Parameters
    ----------
    status
        Only those in this state.
    limit
        At most so many.
    format
        table has the main columns, the others have all of them.
    """
    from tallybrook.entrypoints.cli.api import Api
    from tallybrook.entrypoints.cli.replaying import pages

    with Api(url, key) as api:
        records = list(islice(pages(api, status), limit))
    names = list(_COLUMNS)
    if format != "table" and records:
        names = list(dict.fromkeys(name for record in records for name in record))
    print_rows(names, [[record.get(name) for name in names] for record in records], format)
    if not records:
        note("no failed records")


@app.command
def show(failed_id: str, /, *, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Print one failed record with its original bytes, as JSON.

    Parameters
    ----------
    failed_id
        As list gives it.
    """
    import json

    from tallybrook.entrypoints.cli.api import Api

    with Api(url, key) as api:
        record = api.get(f"/failed/{quote(failed_id, safe='')}")
    print(json.dumps(record, ensure_ascii=False, indent=2))


@app.command
def replay(
    failed_id: str | None = None,
    /,
    *,
    all: Annotated[bool, Parameter(name="--all")] = False,
    body: Path | None = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> int:
    """Process failed records again; each goes in exactly once, however often this is run.

    Parameters
    ----------
    failed_id
        As list gives it.
    all
        Every open record as it stands; those that fail again stay open (exit code 1).
    body
        A file with the corrected record, sent instead of the original.
    """
    from tallybrook.entrypoints.cli.api import Api
    from tallybrook.entrypoints.cli.replaying import replay_all, replay_one
    from tallybrook.errors import UsageError

    if (failed_id is None) != all or (all and body):
        raise UsageError("replay takes one id (with --body if corrected), or --all")
    with Api(url, key, patience_s=30.0) as api:
        if failed_id is None:
            return replay_all(api)
        replay_one(api, failed_id, body.read_bytes() if body else b"")
    return 0


@app.command
def redrive(*, stack: str | None = None) -> None:
    """Put the dead letters of a stack's intake queue back, once what they failed of is mended.

    They keep their identity: what was stored before they died is not counted again.

    Parameters
    ----------
    stack
        The name of the stack (TALLYBROOK_STACK, else tallybrook).
    """
    from tallybrook.settings import Settings
    from tallybrook.wiring import open_intake_queue

    moved = open_intake_queue(Settings.from_env(backend="aws", stack=stack)).redrive()
    note(f"{moved} dead letters are in the queue again")
