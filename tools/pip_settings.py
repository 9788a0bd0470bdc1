"""Prints shell assignments that give uv the package settings pip has on this machine.

uv reads no pip configuration. Where only pip is set up (a mirror, a certificate, a proxy) uv
would go to the wrong place, so the settings are read from pip itself and handed over for one
command. A UV_ variable that is set already wins, and nothing is written anywhere.

``--main-index`` leaves out additional indexes and folders: they may hold a few of a release's
files, and a lock made from them would lack the other platforms' hashes.
"""

import ast
import os
import shlex
import subprocess
import sys
from collections.abc import Callable

Translate = Callable[[str], str]


def _spaces(value: str) -> str:
    return " ".join(value.split())


def _commas(value: str) -> str:
    return ",".join(value.split())


ADDITIONAL = ("extra-index-url", "find-links")
UV_NAMES: dict[str, tuple[str, Translate]] = {
    "index-url": ("UV_DEFAULT_INDEX", _spaces),
    "extra-index-url": ("UV_INDEX", _spaces),
    "find-links": ("UV_FIND_LINKS", _commas),
    "trusted-host": ("UV_INSECURE_HOST", _spaces),
    "timeout": ("UV_HTTP_TIMEOUT", _spaces),
    "default-timeout": ("UV_HTTP_TIMEOUT", _spaces),
    "cert": ("SSL_CERT_FILE", str),
    "client-cert": ("SSL_CLIENT_CERT", str),
    "proxy": ("ALL_PROXY", str),
}


def pip_settings(listing: str) -> dict[str, str]:
    """The effective settings in the output of ``pip config list``; later, stronger ones win."""
    found: dict[str, str] = {}
    ranks: dict[str, int] = {}
    order = ["global", "install", ":env:"]
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        rank = order.index(section) if section in order else -1
        if rank >= ranks.get(key, 0):
            found[key] = str(ast.literal_eval(value))
            ranks[key] = rank
    return found


def uv_settings(found: dict[str, str], present: frozenset[str]) -> dict[str, str]:
    """The environment variables to set for uv, none of those ``present``."""
    result = {
        variable: translate(found[key])
        for key, (variable, translate) in UV_NAMES.items()
        if key in found and variable not in present
    }
    if "UV_INDEX" in result and "UV_INDEX_STRATEGY" not in present:
        # pip looks in all its indexes at once; the locks' hashes say which file is the right one.
        result["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return result


def main() -> None:
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found = pip_settings(listing)
    if "--main-index" in sys.argv:
        found = {key: value for key, value in found.items() if key not in ADDITIONAL}
    for name, value in uv_settings(found, frozenset(os.environ)).items():
        print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
