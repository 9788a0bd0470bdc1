"""``tallybrook forward``: events in Pinpoint's format, to somewhere else."""

from typing import Annotated

from cyclopts import App, Parameter

from tallybrook.entrypoints.cli.options import DEFAULT_DATA, DEFAULT_URL, AsJson, Data, Key, Url

EXAMPLES = """Examples:
  TALLYBROOK_FORWARD_TO=file:events.ndjson tallybrook serve
  tallybrook forward status
  tallybrook forward events.ndjson --to kinesis:analytics
  zcat events.ndjson.gz | tallybrook forward - --to https://example.com/v1/apps/shop/events

serve forwards everything it collects, once TALLYBROOK_FORWARD_TO says where to."""

app = App(
    name="forward",
    help="Events in Amazon Pinpoint's format: to a file, an address, Kinesis or Firehose.",
    help_format="plaintext",
    help_epilogue=EXAMPLES,
)


@app.command(help_epilogue=EXAMPLES)
def status(*, json: AsJson = False, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Show where a running product forwards to, and what came of it."""
    from tallybrook.entrypoints.cli.forwarding import show

    show(url, key, as_json=json)


@app.default
def forward(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    to: Annotated[str, Parameter(name="--to", env_var="TALLYBROOK_FORWARD_TO")],
    types: Annotated[str, Parameter(name="--types", env_var="TALLYBROOK_FORWARD_TYPES")] = "",
    data: Data = DEFAULT_DATA,
) -> int:
    """Forward the events of an NDJSON file, once; a report on standard output.

    Parameters
    ----------
    file
        Events as POST /events takes them, one a line, gzipped or not; - for standard input.
    to
        file:PATH, an https:// address, kinesis:NAME or firehose:NAME.
    types
        TOML file of event types, metrics and limits.
    data
        Where the secret of the pseudonyms is kept; it is made if it is not there.
    """
    from tallybrook.entrypoints.cli.forwarding import forward_file

    return forward_file(file, to, types, data)
