"""``tallybrook entities``: looking after what is known of entities."""

from typing import Annotated

from cyclopts import App, Parameter

from tallybrook.entrypoints.cli.options import DEFAULT_DATA, Data

EXAMPLES = """Examples:
  tallybrook entities rebuild
  TALLYBROOK_BACKEND=aws TALLYBROOK_STACK=acme tallybrook entities rebuild --entities shop.toml

Embedded, a running product does this by itself when its definitions have changed. On AWS do it
after such a deployment, and when events were given up (an alarm says so) or the stream was not
read for a day."""

app = App(name="entities", help="Entities.", help_format="plaintext", help_epilogue=EXAMPLES)


@app.command(help_epilogue=EXAMPLES)
def rebuild(
    *,
    entities: Annotated[
        str, Parameter(name="--entities", env_var="TALLYBROOK_ENTITIES")
    ] = "tutoring",
    data: Data = DEFAULT_DATA,
) -> int:
    """Take in the whole log again; what is known already stays, no alert is told twice.

    Works beside a running product. It may be stopped and begun again. New alerts are published by
    the product.

    Parameters
    ----------
    entities
        The definitions that the product uses: a built-in name or a TOML file.
    """
    from tallybrook.entrypoints.cli.rebuilding import run

    return run(entities, data)
