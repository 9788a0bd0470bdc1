"""The work of ``tallybrook files``."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import msgspec

from tallybrook.entrypoints.cli.api import Api
from tallybrook.entrypoints.cli.output import complain, print_rows
from tallybrook.entrypoints.supervisor import lock_data
from tallybrook.errors import ConflictError, RetryableError
from tallybrook.files.keeping import shown
from tallybrook.files.places import PREFIXES
from tallybrook.files.ports import Ports
from tallybrook.files.processing import Put, process
from tallybrook.files.shapes import File, FileList, ShownFile
from tallybrook.ports.clock import system_clock
from tallybrook.ports.objects import everything
from tallybrook.settings import Settings
from tallybrook.wiring import open_failed, open_product, open_state
from tallybrook.wiring.files import aws_file_ports, local_file_ports, storing, watch_over

_NAMES = (
    "file", "kind", "status", "received", "accepted", "duplicate", "rejected", "name", "reason",
)  # fmt: skip
_MOST = 1000


def show(url: str, key: str | None, limit: int, *, as_json: bool) -> None:
    """Print a product's files."""
    with Api(url, key) as api:
        found = api.get(f"/files?limit={min(max(limit, 1), _MOST)}")
    _print(msgspec.convert(found, FileList).files, as_json=as_json)


def process_now(data: Path, *, as_json: bool) -> int:
    """Work off everything that is there; 1 where something of it could not be used."""
    settings = Settings.from_env(data=str(data))
    ended: list[File] = []
    work = _bucket if settings.backend == "aws" else _folder
    left = work(settings, ended)
    _print([shown(file, with_names=True) for file in ended], as_json=as_json)
    if left:
        complain(f"{left} files are not done and can be worked off again")
    bad = any(file.counts.rejected or file.status != "done" for file in ended)
    return 1 if left or bad else 0


def _folder(settings: Settings, ended: list[File]) -> int:
    with _local_ports(settings) as ports:
        watch = watch_over(settings, ports, system_clock, ended.append)
        watch.look(stable_us=0)
        return watch.unfinished


@contextmanager
def _local_ports(settings: Settings) -> Iterator[Ports]:
    """Beside a product rows go to it; where none runs, this process writes the log itself."""
    with ExitStack() as opened:
        try:
            lock = lock_data(settings.data_path)
        except ConflictError:
            failed = opened.enter_context(closing(open_failed(settings)))
            yield opened.enter_context(local_file_ports(settings, failed.keep))
            return
        opened.callback(os.close, lock)
        product = open_product(settings, sql=False)
        for part in (product.stores, product.shelves, product.log):
            if part is not None:
                opened.callback(part.close)
        sink = storing(product.log, product.stores)
        yield opened.enter_context(
            local_file_ports(settings, product.stores.failed.keep, sink=sink)
        )


def _bucket(settings: Settings, ended: list[File]) -> int:
    product, left = open_product(settings, sql=False), 0
    with closing(product.stores), closing(product.log):
        state = open_state(settings)
        ports = aws_file_ports(settings, product.log, product.stores, state)
        for prefix in PREFIXES:
            for found in everything(ports.objects, prefix):
                with suppress(RetryableError):
                    left += 1
                    file = process(Put(found.key, found.etag), ports, system_clock)
                    left -= 1
                    ended += [file] if file is not None else []
    return left


def _print(files: Sequence[ShownFile], *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(files)).decode())
        return
    rows = [
        (one.file_id[:12], one.kind, one.status, one.received, one.accepted, one.duplicate,
         one.rejected, one.name or "", one.reason or "")
        for one in files
    ]  # fmt: skip
    print_rows(_NAMES, rows, "table")
