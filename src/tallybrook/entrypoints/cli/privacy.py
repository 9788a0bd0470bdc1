"""``tallybrook privacy``: k-anonymity, the keys of pseudonyms, looking up and forgetting."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tallybrook.entrypoints.cli.options import DEFAULT_DATA, Data
from tallybrook.entrypoints.cli.output import OutputFormat, note

EXAMPLES = """Examples:
  tallybrook privacy k-report assessments.ndjson --raw
  tallybrook privacy k-report anonymised.ndjson -k 5 --check
  tallybrook privacy keys rotate --window-days 90
  tallybrook privacy forget user-17

All but k-report work on the data directory, or with TALLYBROOK_BACKEND=aws on a stack."""

app = App(
    name="privacy", help="Pseudonyms: k-report, keys, lookup, forget.", help_epilogue=EXAMPLES
)
keys_app = App(name="keys", help="The keys of pseudonyms: list, rotate.")
app.command(keys_app)

Account = Annotated[str, Parameter(help="The account the user is in.")]


@app.command(name="k-report")
def k_report(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    raw: bool = False,
    k: Annotated[int, Parameter(name=("-k", "--k"), allow_leading_hyphen=True)] = 10,
    worst: int = 10,
    check: bool = False,
    words: Path | None = None,
    format: Literal["table", "json"] = "table",
) -> int:
    """Tell how many people share each combination of age range, industry, role, experience, region.

    Exit code 1 when a line could not be counted.

    Parameters
    ----------
    file
        NDJSON of anonymised assessments, gzipped or not, or - for standard input.
    raw
        The lines are raw assessments; nothing of them is printed.
    k
        Combinations of fewer people are counted as below.
    worst
        So many of the smallest of these are listed. They describe few people: not to be published.
    check
        Exit code 1 also when any combination is below.
    words
        JSON file of your own words, as TALLYBROOK_PRIVACY has it.
    """
    from tallybrook.entrypoints.cli.k_reporting import run

    return run(file, raw, k, worst, check, None if words is None else str(words), format)


@keys_app.command(name="list")
def list_(*, format: OutputFormat = "table", data: Data = DEFAULT_DATA) -> None:
    """List the keys, newest first; never a secret."""
    from tallybrook.entrypoints.cli.privacy_keys import list_keys

    list_keys(data, format)


@keys_app.command
def rotate(*, window_days: float = 365, data: Data = DEFAULT_DATA) -> None:
    """Make a key that makes pseudonyms from now on. People get other ones; they are not linked.

    Destroys keys whose window is over.

    Parameters
    ----------
    window_days
        For how long the key before is still recognised: a day or more.
    """
    from tallybrook.entrypoints.cli.privacy_keys import rotate_keys

    note(f"key {rotate_keys(data, window_days)} makes from now on")


@app.command
def lookup(
    user: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    account: Account = "default",
    data: Data = DEFAULT_DATA,
) -> None:
    """Print the pseudonyms of a user, newest first: what their rows are stored under.

    Parameters
    ----------
    user
        The user's id, or - to read it from standard input, which leaves no trace in a history.
    """
    from tallybrook.entrypoints.cli.privacy_people import names_of

    for name in names_of(data, account, user):
        print(name)


@app.command
def forget(
    user: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    account: Account = "default",
    data: Data = DEFAULT_DATA,
) -> None:
    """Cut the link from a user to all their pseudonyms, for good. Rows stay, and are nobody's.

    Parameters
    ----------
    user
        The user's id, or - to read it from standard input, which leaves no trace in a history.
    """
    from tallybrook.entrypoints.cli.privacy_people import forget_user

    cut = forget_user(data, account, user)
    note(f"{cut} pseudonym{'' if cut == 1 else 's'} cut" if cut else "there was no pseudonym")
