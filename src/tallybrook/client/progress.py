"""A bar for batches of assessments, on a terminal only."""

import sys
from collections.abc import Iterator, Sized
from contextlib import contextmanager

from tallybrook.client.scripts import Progress


@contextmanager
def progress_of(things: object, wanted: bool | None) -> Iterator[Progress]:
    """Show how many of ``things`` are done: when ``wanted``, or (None) when stderr is a
    terminal."""
    shown = sys.stderr.isatty() if wanted is None else wanted
    if not shown:
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    total = len(things) if isinstance(things, Sized) else None
    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task("Assessments", total=total)
        yield lambda count: bar.advance(task, count)
