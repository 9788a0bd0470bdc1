"""The work of ``tallybrook lake``."""

import json as to_json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tallybrook.accounts.keys import require_account
from tallybrook.entrypoints.cli.output import OutputFormat, note, print_rows
from tallybrook.entrypoints.cli.privacy_people import names_and_id
from tallybrook.errors import UsageError
from tallybrook.lake.ddl import create_statement
from tallybrook.lake.retention import parse_days
from tallybrook.lake.tables import TABLES
from tallybrook.lake.tables.results import is_result
from tallybrook.lake.tasks import Task
from tallybrook.settings import Settings
from tallybrook.wiring import open_reader
from tallybrook.wiring.lake import do_lake_task, erase_person, open_lake_reader


def list_tables(data: Path, account: str, fmt: OutputFormat) -> None:
    """Print what an account has in each table."""
    with open_lake_reader(Settings.from_env(data=str(data))) as reader:
        snapshot = reader.snapshot(require_account(account))
    rows = []
    results = sorted({file.table for file in snapshot.files if is_result(file.table)})
    for name in (*TABLES, *results):
        files = snapshot.of(name)
        sizes = (sum(f.rows for f in files), sum(f.bytes for f in files))
        rows.append((name, len({f.folder for f in files}), len(files), *sizes))
    print_rows(("table", "partitions", "files", "rows", "bytes"), rows, fmt)


def print_ddl(bucket: str, database: str, table: str | None) -> None:
    """Print the statements of all tables or one."""
    if table is not None and table not in TABLES:
        raise UsageError(f"there is no table {table!r}; the tables are {', '.join(TABLES)}")
    for one in TABLES.values():
        if table in (None, one.name):
            print(create_statement(one, bucket, database) + ";\n")


def run(data: Path, json: bool, **task: Any) -> None:
    """Do a task and tell what became of it."""
    tell(do_lake_task(Settings.from_env(data=str(data)), Task(**task)), json)


def retain(data: Path, json: bool, days: Sequence[str], dry_run: bool) -> None:
    """Retention, by what is given or set."""
    given = parse_days(",".join(days) or Settings.from_env(data=str(data)).lake_retention)
    if not given:
        raise UsageError("no table is named: give TABLE=DAYS or set TALLYBROOK_LAKE_RETENTION")
    run(data, json, op="retention", days=given, dry_run=dry_run)


def erase(
    data: Path, json: bool, account: str, user: str, also: Sequence[str], dry_run: bool
) -> None:
    """Erase a user up to where the log is now."""
    settings = Settings.from_env(data=str(data))
    names = [*names_and_id(data, account, user), *also]
    with open_reader(settings) as reader:
        if reader is None:
            raise UsageError(f"{data} holds no log: nothing was collected there yet")
        up_to = reader.head()
    account_id = require_account(account)
    if dry_run:
        run(data, json, op="erase", account_id=account_id, names=names, up_to=up_to, dry_run=True)
        return
    tell(erase_person(settings, account_id, names, up_to), json)


def tell(found: dict[str, Any], json: bool) -> None:
    """On stdout, for people or programs."""
    if json:
        print(to_json.dumps(found, ensure_ascii=False, indent=2))
        return
    say = "would be " if found["dry_run"] else ""
    for line in _LINES[found["op"]](found, say):
        print(line)
    if found["dry_run"]:
        note("nothing was changed")


def _compacted(found: dict[str, Any], say: str) -> list[str]:
    lines = [f"{m['folder']}: {m['files']} files, {m['bytes']} bytes" for m in found["merges"]]
    return [*lines, f"{len(lines)} merges {say}made"]


def _expired(found: dict[str, Any], say: str) -> list[str]:
    return [f"{found['files']} files, {found['bytes']} bytes {say}deleted"]


def _retained(found: dict[str, Any], say: str) -> list[str]:
    lines = [
        f"{t['account_id']} {t['table']} before {t['before']}: {t['files']} files"
        f" ({t['cut']} written again), {t['bytes']} bytes, {t['rows']} rows or more"
        for t in found["tables"]
    ]
    return [*lines, f"{len(lines)} tables {say}shortened"]


def _refreshed(found: dict[str, Any], say: str) -> list[str]:
    return [f"{name}: {parts} parts {say}made again" for name, parts in found["parts"].items()]


def _erased(found: dict[str, Any], say: str) -> list[str]:
    shares = found.get("tables", {})
    lines = [f"{name}: {s['rows']} rows of {s['files']} files" for name, s in shares.items()]
    return [*lines, f"{sum(s['rows'] for s in shares.values())} rows {say}erased"]


_LINES = {
    "compact": _compacted,
    "expire": _expired,
    "retention": _retained,
    "refresh": _refreshed,
    "erase": _erased,
}
