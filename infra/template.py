"""A synthesised template as data."""

import json
from pathlib import Path
from typing import Any

Template = dict[str, Any]


def load(template: Path) -> Template:
    """The template in a file."""
    loaded: Template = json.loads(template.read_bytes())
    return loaded
