"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

DEFAULT_URL = "http://127.0.0.1:8090"
DEFAULT_DATA = Path("tallybrook-data")

Url = Annotated[
    str,
    Parameter(name="--url", env_var="TALLYBROOK_URL", help="Where the product runs."),
]
Key = Annotated[
    str | None,
    Parameter(
        name="--key",
        env_var="TALLYBROOK_KEY",
        show_default=False,
        help="A key with the scope that the command needs.",
    ),
]
Data = Annotated[
    Path,
    Parameter(name="--data", env_var="TALLYBROOK_DATA", help="The data directory."),
]
Arch = Literal["x86_64", "arm64"]
AsJson = Annotated[bool, Parameter(name="--json", help="For programs.")]
Amount = Annotated[float, Parameter(allow_leading_hyphen=True)]
"""A number of which the command itself says what is wrong with it, a minus sign too."""

Count = Annotated[int, Parameter(allow_leading_hyphen=True)]
