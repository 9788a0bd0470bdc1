"""``tallybrook agreement``: pairs of ratings in, every statistic of their agreement out."""

from typing import Annotated

from cyclopts import Parameter

EXAMPLES = """Examples:
  tallybrook agreement pairs.ndjson
  tallybrook agreement labels.ndjson --categories low,medium,high
  tallybrook agreement scores.ndjson --tolerance 10

Each line is {"a": ..., "b": ..., "confidence_a"?: 0..1, "confidence_b"?: 0..1}; null is missing."""


def agreement(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    categories: str | None = None,
    tolerance: float | None = None,
    resamples: int = 1000,
    seed: int = 1,
) -> int:
    """Print how far two raters agree, as JSON: statistics, intervals, and reasons for what is null.

    Parameters
    ----------
    file
        NDJSON, gzipped or not, or - for standard input.
    categories
        The categories in their order, separated by commas. Needed for weighted statistics.
    tolerance
        How far two numbers may be apart and still agree; confidences are judged by it.
    resamples
        How often the bootstrap draws again; fewer for very many pairs.
    seed
        Of the bootstrap: the same seed gives the same intervals.
    """
    from tallybrook.entrypoints.cli.agreeing import run

    names = tuple(name.strip() for name in categories.split(",")) if categories else ()
    return run(file, names, tolerance, resamples, seed)
