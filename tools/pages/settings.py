"""docs/reference/settings.md from tallybrook.settings."""

import msgspec
from msgspec import inspect

from tallybrook.settings import PREFIX, Settings
from tools.pages.markdown import code, table

INTRO = """# Settings

Read from the environment when a process starts. Options on the command line, where there are some,
win. A value that cannot be used is an error (exit code 2) that names the setting.

"""

COMMANDS = """
Commands that talk to a running product read these:

| variable | default | meaning |
|---|---|---|
| `TALLYBROOK_URL` | `http://127.0.0.1:8090` | where the product runs |
| `TALLYBROOK_KEY` | none | the key to use |
| `TALLYBROOK_DEBUG` | none | any value: an internal error shows where it happened |
| `NO_COLOR` | none | any value: output without colours |

Counting another GraphQL API, and serving one:

| variable | default | meaning |
|---|---|---|
| `GRAPHQL_ENDPOINT` or `PLEXUS_API_URL` | none | the API that is recounted |
| `GRAPHQL_API_KEY` or `PLEXUS_API_KEY` | none | the key to it |
| `TALLYBROOK_GRAPHQL_ACCOUNT` | `default` | with AppSync: the account that its API key is of |
| `CURRENT_MRR` | 0 | monthly revenue in dollars, which chooses the tier |
"""


def shown(value: object) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return code("true" if value else "false")
    return code(value)


def described(field: msgspec.inspect.Field) -> str:
    schema = getattr(field.type, "extra_json_schema", None) or {}
    text = schema.get("description")
    if not text:
        raise ValueError(f"the setting {field.name} has no description")
    return str(text)


def page() -> str:
    info = inspect.type_info(Settings)
    assert isinstance(info, inspect.StructType)
    rows = [
        (code(PREFIX + field.name.upper()), shown(field.default), described(field))
        for field in info.fields
    ]
    return INTRO + table(["variable", "default", "meaning"], rows) + COMMANDS
