"""``tallybrook queries``: the saved queries there are."""

from typing import Any
from urllib.parse import quote

from cyclopts import App

from tallybrook.entrypoints.cli.options import DEFAULT_URL, Key, Url
from tallybrook.entrypoints.cli.output import OutputFormat, note, print_rows

app = App(
    name="queries",
    help="Saved queries: which there are, and what one says. `tallybrook query --saved` runs one.",
    help_epilogue="""Examples:
  tallybrook queries list
  tallybrook queries show revenue_by_cohort
  tallybrook query --saved revenue_by_cohort --param months=6

Your own are files *.sql in the directory that TALLYBROOK_QUERIES names.""",
)


@app.command(name="list")
def list_(*, format: OutputFormat = "table", url: Url = DEFAULT_URL, key: Key = None) -> None:
    """List the saved queries.

    Parameters
    ----------
    format
        How the list is printed.
    """
    from tallybrook.entrypoints.cli.api import Api

    with Api(url, key) as api:
        found = api.get("/queries")
    names = ["id", "category", "refresh", "parameters", "description"]
    rows = [[_parameters(q) if name == "parameters" else q[name] for name in names]
            for q in found["queries"]]  # fmt: skip
    print_rows(names, rows, format)
    for broken in found["broken"]:
        note(f"{broken['file']} is no saved query: {broken['reason']}")


@app.command
def show(id: str, /, *, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Show one: its parameters, its columns and its statement.

    Parameters
    ----------
    id
        The id of the query.
    """
    from tallybrook.entrypoints.cli.api import Api

    with Api(url, key) as api:
        query = api.get(f"/queries/{quote(id, safe='')}")
    print(f"{query['name']}: {query['description']}")
    for parameter in query["parameters"]:
        given = "required" if parameter["required"] else f"default {parameter['default']}"
        print(f"  {parameter['name']} {parameter['type']}, {given}: {parameter['description']}")
    print("  -> " + ", ".join(f"{c['name']} {c['type']}" for c in query["columns"]))
    print()
    print(query["sql"])


def _parameters(query: dict[str, Any]) -> str:
    return ", ".join(
        p["name"] if p["required"] else f"{p['name']}={p['default']}" for p in query["parameters"]
    )
