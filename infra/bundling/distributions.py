"""Distributions in an unpacked folder: which one a file is of, and which files are needed."""

import csv
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

_LEFT_OUT = re.compile(
    r"(^|/)(__pycache__|tests?|testing|bin|f2py|distutils)/"
    r"|\.(pyi|pyx|pxd|c|h|a|lib|typed)$"
    r"|^\.\./"
    r"|\.dist-info/(?!METADATA$|entry_points\.txt$|licenses/)"
    r"|^botocore/data/.*/examples-"
    r"|^aws_lambda_powertools/(event_handler/|utilities/(?!__init__|jmespath_utils|typing))"
)
"""Not needed to run: tests, build tools, types, caches, and what routes or reads
events in Powertools, of which we use metrics and tracing."""

_SERVICE_DATA = re.compile(r"^botocore/data/([^/]+)/")


class Unpacked:
    """The distributions of a folder that ``wheels.unpacked`` made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = _records(folder)
        self._owner = {file: name for name, files in self._files.items() for file in files}

    def owner(self, file: Path) -> str | None:
        """The distribution a file came with, by its normalised name."""
        if not file.is_relative_to(self.folder):
            return None
        return self._owner.get(file.relative_to(self.folder).as_posix())

    def of_module(self, module: str) -> str | None:
        """The distribution that a module is imported from."""
        path = module.replace(".", "/")
        for file in (f"{path}/__init__.py", f"{path}.py"):
            if file in self._owner:
                return self._owner[file]
        return self.of_module(module.rpartition(".")[0]) if "." in module else None

    def needed(self, name: str, services: Collection[str]) -> Iterator[str]:
        """The files of a distribution that a function needs, as relative paths; of the SDK's
        service models only those of ``services``. Raises ``KeyError``."""
        for file in self._files[name]:
            service = _SERVICE_DATA.match(file)
            if service and service[1] not in services:
                continue
            if not _LEFT_OUT.search(file):
                yield file


@cache
def _records(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for info in sorted(folder.glob("*.dist-info")):
        name = re.sub(r"[-_.]+", "-", info.name.rsplit("-", 2)[0]).lower()
        with (info / "RECORD").open(newline="") as lines:
            found[name] = sorted(row[0] for row in csv.reader(lines) if row)
    return found
