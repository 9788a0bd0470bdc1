"""``tallybrook simulate``: a believable operations stream."""

from typing import Annotated

from cyclopts import Parameter

from tallybrook.entrypoints.cli.options import Key

EXAMPLES = """Examples:
  tallybrook simulate --seed 7 --end 2026-01-31T00:00:00Z > stream.ndjson
  tallybrook simulate --days 30 --url http://127.0.0.1:8090
  tallybrook simulate --days 1 --live --url http://127.0.0.1:8090

The same seed, end, days, students and tutors make the same stream. It comes in the order of
arrival: some of it late, overtaken or twice."""


def simulate(
    *,
    seed: int = 1,
    days: float = 30.0,
    students: int = 200,
    tutors: int = 40,
    end: str | None = None,
    live: bool = False,
    url: Annotated[str | None, Parameter(name="--url", show_default=False)] = None,
    key: Key = None,
) -> int:
    """Write the operations stream of a made-up tutoring marketplace, as NDJSON, or send it.

    Parameters
    ----------
    seed
        Which of all such streams.
    days
        How much of it, up to its end.
    students
        How many students there are.
    tutors
        How many tutors there are.
    end
        The instant it ends before; now when not given.
    live
        Go on with what happens from then on, as it happens, until Ctrl-C.
    url
        Send it to the product there instead of writing it; needs a key that may write.
    """
    from tallybrook.entrypoints.cli.simulating import run

    return run(seed, days, students, tutors, end, url, key, live=live)
