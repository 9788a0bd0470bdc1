"""``tallybrook doctor``: is this environment fit, and what is to be done."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

EXAMPLES = """Examples:
  tallybrook doctor
  tallybrook doctor --data /var/lib/tallybrook --port 9000
  tallybrook doctor --aws --json

Changes nothing, and may run beside the product. With --aws, or
TALLYBROOK_BACKEND=aws, it looks at the stack TALLYBROOK_STACK.
Exit codes: 0 nothing failed, 1 something did."""


def doctor(
    *,
    aws: bool = False,
    host: str | None = None,
    port: int | None = None,
    data: Path | None = None,
    stack: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Check this machine, or the AWS account, and say what to do about what is wrong.

    Parameters
    ----------
    aws
        Look at the deployed stack instead of this machine.
    host
        The address that the product would listen on (127.0.0.1).
    port
        The port that it would listen on (8090).
    data
        The data directory (./tallybrook-data).
    stack
        With --aws: the name of the stack (tallybrook).
    as_json
        Print the checks as a JSON list: name, status (ok, warn, fail), detail, fix.
    """
    from tallybrook.entrypoints.cli.doctoring import run
    from tallybrook.settings import Settings

    settings = Settings.from_env(
        backend="aws" if aws else None,
        host=host,
        port=port,
        data=str(data) if data else None,
        stack=stack,
    )
    return run(settings, as_json=as_json)
