"""``tallybrook agreement``: two raters in, every statistic of their agreement out."""

from typing import Annotated

from cyclopts import Parameter

EXAMPLES = """Examples:
  tallybrook agreement pairs.ndjson
  tallybrook agreement labels.ndjson --categories low,medium,high
  tallybrook agreement scores.ndjson --tolerance 10
  tallybrook agreement messages.ndjson --messages

Each line is {"a": ..., "b": ..., "confidence_a"?: 0..1, "confidence_b"?: 0..1}; null is missing.
With --messages each line is a message of two AIs. One line comes out for each, with "error" where
it cannot be read, and a last one with "window" over all of them and "drift"."""


def agreement(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    messages: Annotated[bool, Parameter(negative="")] = False,
    categories: str | None = None,
    tolerance: float | None = None,
    resamples: int | None = None,
    seed: int = 1,
    token_prices: Annotated[str, Parameter(env_var="TALLYBROOK_TOKEN_PRICES")] = "",
) -> int:
    """Print how far two raters agree, as JSON: statistics, intervals, and reasons for what is null.

    Parameters
    ----------
    file
        NDJSON, gzipped or not, or - for standard input.
    messages
        The lines are messages of two AIs, as POST /agreement/messages takes them.
    categories
        The categories in their order, separated by commas. Needed for weighted statistics.
    tolerance
        How far two numbers may be apart and still agree; confidences are judged by it.
    resamples
        How often the bootstrap draws again (1000; 400 with --messages); fewer for very many pairs.
    seed
        Of the bootstrap: the same seed gives the same intervals.
    token_prices
        With --messages: dollars per million tokens of models, as model=usd,model=usd.
    """
    if messages:
        from tallybrook.entrypoints.cli.agreeing_messages import run as run_messages

        return run_messages(file, resamples, seed, token_prices)
    from tallybrook.entrypoints.cli.agreeing import run

    names = tuple(name.strip() for name in categories.split(",")) if categories else ()
    return run(file, names, tolerance, 1000 if resamples is None else resamples, seed)
