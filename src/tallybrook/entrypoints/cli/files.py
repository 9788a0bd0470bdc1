"""``tallybrook files``: what was dropped into the watched folder, or the bucket."""

from cyclopts import App

from tallybrook.entrypoints.cli.options import DEFAULT_DATA, DEFAULT_URL, AsJson, Data, Key, Url

EXAMPLES = """Examples:
  tallybrook files
  cp shop.csv.gz tallybrook-data/files/raw/events/ && tallybrook files process
  TALLYBROOK_BACKEND=aws TALLYBROOK_STACK=shop TALLYBROOK_BUCKET=... tallybrook files process

serve works files off by itself, a few seconds after they were written."""

app = App(
    name="files",
    help="Files under raw/, imports/, exports/ and processed/ocean/: what became of them.",
    help_format="plaintext",
    help_epilogue=EXAMPLES,
)


@app.default
def files(
    *, limit: int = 50, json: AsJson = False, url: Url = DEFAULT_URL, key: Key = None
) -> None:
    """List the files of a running product, newest first.

    Parameters
    ----------
    limit
        How many at most.
    """
    from tallybrook.entrypoints.cli.filing import show

    show(url, key, limit, as_json=json)


@app.command(help_epilogue=EXAMPLES)
def process(*, data: Data = DEFAULT_DATA, json: AsJson = False) -> int:
    """Work off now what is there, without waiting until it has been left alone for a while.

    Works beside a running product, and without one. Exit code 1 when a row or a file could not be
    used.
    """
    from tallybrook.entrypoints.cli.filing import process_now

    return process_now(data, as_json=json)
