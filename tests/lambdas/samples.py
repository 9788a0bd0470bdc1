"""The real events of tests/data/aws_events."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

FOLDER = Path(__file__).parents[1] / "data" / "aws_events"


class Sample(Struct, frozen=True):
    """A file and the trigger that delivers it."""

    file: str
    trigger: str

    @property
    def name(self) -> str:
        return self.file.removesuffix(".json").rpartition("/")[2]

    def read(self) -> Any:
        return msgspec.json.decode((FOLDER / self.file).read_bytes())


def samples(*triggers: str) -> list[Sample]:
    """All samples of some triggers."""
    lines = (FOLDER / "INDEX.jsonl").read_bytes().splitlines()
    found = [msgspec.json.decode(line, type=Sample) for line in lines]
    return [sample for sample in found if sample.trigger.startswith(triggers)]
