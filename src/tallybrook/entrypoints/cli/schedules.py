"""``tallybrook schedules``: what is done by the clock, with its last and its next time."""

from tallybrook.entrypoints.cli.options import DEFAULT_URL, Key, Url
from tallybrook.entrypoints.cli.output import OutputFormat, print_rows

EXAMPLES = """Examples:
  tallybrook schedules
  tallybrook schedules --format json"""

_COLUMNS = ("name", "every_s", "last", "last_status", "next", "about")


def schedules(*, format: OutputFormat = "table", url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Show what is done by the clock, with its last and its next time."""
    from tallybrook.entrypoints.cli.api import Api

    with Api(url, key) as api:
        found = api.get("/schedules")["schedules"]
    print_rows(_COLUMNS, [[one[name] for name in _COLUMNS] for one in found], format)
