"""The progress bar of ``ingest``: on a terminal only."""

import sys
import time
from io import BufferedReader
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Progress:
    """Bytes of the file done, rows a second, rejects. Silent when stderr is no terminal."""

    def __init__(self, size_bytes: int | None) -> None:
        self._size_bytes = size_bytes
        self._start_s = time.monotonic()
        self._bar: Bar | None = None

    def __enter__(self) -> "Progress":
        if sys.stderr.isatty():
            self._bar = _bar()
            self._bar.add_task("", total=self._size_bytes, rate="", rejected="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def show(self, outer: BufferedReader, rows: int, rejected: int) -> None:
        if self._bar is None:
            return
        rate = rows / max(time.monotonic() - self._start_s, 1e-3)
        done = outer.tell() if self._size_bytes is not None else None
        self._bar.update(
            self._bar.task_ids[0],
            completed=done,
            rate=f"{rows:,} rows, {rate:,.0f} a second",
            rejected=f"{rejected:,} rejected",
        )

    def stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _bar() -> "Bar":
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[rejected]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
