"""``tallybrook score``: assessments in, scores out; no server, no data directory."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

EXAMPLES = """Examples:
  tallybrook score assessments.ndjson > scores.ndjson
  zcat assessments.ndjson.gz | tallybrook score - --indicators
  tallybrook score answers.ndjson --inventory my-inventory.json

One line out for each line in. A line that cannot be scored comes out with "error" instead of
"scores", and the exit code is then 1."""


def score(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    inventory: str | None = None,
    indicators: bool = False,
) -> int:
    """Score NDJSON assessments: domains, facets, validity, and norms where sex and age are known.

    Parameters
    ----------
    file
        The file, gzipped or not, or - for standard input.
    inventory
        Id of an inventory or path of one of your own; else what each assessment names in
        assessmentType.
    indicators
        Add dark_side_indicators to each result. They are no diagnosis.
    """
    from tallybrook.entrypoints.cli.scoring import run

    own = None if inventory is None else Path(inventory)
    return run(file, inventory if own is None or not own.suffix else None, own, indicators)
