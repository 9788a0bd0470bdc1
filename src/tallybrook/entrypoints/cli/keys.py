"""``tallybrook keys``: the keys of a data directory, whether the product runs or not."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from tallybrook.entrypoints.cli.options import DEFAULT_DATA, Data
from tallybrook.entrypoints.cli.output import OutputFormat, note, print_rows

if TYPE_CHECKING:
    from tallybrook.accounts.keys import KeyRing

EXAMPLES = """Examples:
  tallybrook keys create --scope write --label website
  tallybrook keys list
  tallybrook keys rotate 1f2e3d4c

These work on the data directory itself; a running product follows within
two seconds."""

app = App(name="keys", help="Keys: create, list, revoke, rotate.", help_epilogue=EXAMPLES)

Scope = Literal["write", "read", "query", "admin"]
_COLUMNS = ("key_id", "account", "scopes", "label", "rate", "created_at", "revoked_at")


@app.command
def create(
    *,
    account: str = "default",
    scope: Annotated[list[Scope] | None, Parameter(name="--scope", n_tokens=1)] = None,
    label: str = "",
    rate: float | None = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Make a key and print it; it is kept as a digest only and cannot be shown again.

    Parameters
    ----------
    account
        Whose data the key opens; made if it is new.
    scope
        What the key may do, may be repeated; everything when not given.
    label
        A note to tell keys apart.
    rate
        Items (events, records, queries) a second at most; no limit when not given.
    """
    from tallybrook.accounts.keys import ALL_SCOPES

    scopes = scope or sorted(ALL_SCOPES)
    key, text = _ring(data).create(account, scopes, label=label, rate=rate)
    print(text)
    note(f"key {key.key_id} of account {key.account_id}: {', '.join(sorted(key.scopes))}")


@app.command(name="list")
def list_(
    *,
    account: str | None = None,
    format: OutputFormat = "table",
    data: Data = DEFAULT_DATA,
) -> None:
    """List keys, oldest first; never their text.

    Parameters
    ----------
    account
        Only of this account.
    """
    from tallybrook.events.instants import format_instant

    rows = [
        (
            key.key_id, key.account_id, " ".join(sorted(key.scopes)), key.label, key.rate,
            format_instant(key.created_at),
            format_instant(key.revoked_at) if key.revoked_at is not None else None,
        )
        for key in _ring(data).stored(account)
    ]  # fmt: skip
    print_rows(_COLUMNS, rows, format)


@app.command
def revoke(key_id: str, /, *, data: Data = DEFAULT_DATA) -> None:
    """Close a key for good.

    Parameters
    ----------
    key_id
        As list gives it.
    """
    key = _ring(data).revoke(key_id)
    note(f"key {key.key_id} is revoked")


@app.command
def rotate(key_id: str, /, *, data: Data = DEFAULT_DATA) -> None:
    """Give a key a new text and print it; the old one stops working.

    Parameters
    ----------
    key_id
        As list gives it.
    """
    key, text = _ring(data).rotate(key_id)
    print(text)
    note(f"key {key.key_id} has a new text")


def _ring(data: Path) -> "KeyRing":
    from tallybrook.settings import Settings
    from tallybrook.wiring import open_keys

    return open_keys(Settings.from_env(data=str(data)))
