"""Saved queries as files: what their front matter says, and whose values fit."""

from pathlib import Path
from typing import Any

import pytest

from tallybrook.errors import InvalidError, NotFoundError
from tallybrook.events.instants import parse_instant
from tallybrook.sql.libraries import Library
from tallybrook.sql.refreshing import rhythms
from tallybrook.sql.saved import bind, read

OWN = """-- id: mine
-- name: Mine
-- category: own
-- description: One number
-- refresh: daily
-- parameter: n integer = 3 | How many
-- parameter: who varchar | Who
-- columns: n integer, pair row(a integer, b integer)
SELECT {{n}} AS n
"""


def test_own_queries_are_files_that_are_dropped_in(tmp_path: Path) -> None:
    """They are there at once, take the place of ours with the same id, and one that is broken says
    why and disturbs nothing."""
    library = Library(tmp_path)
    assert len(library.queries()) == len(Library().queries())
    (tmp_path / "mine.sql").write_text(OWN)
    (tmp_path / "twice.sql").write_text(OWN)
    (tmp_path / "bad.sql").write_text("SELECT 1")
    (tmp_path / "ours.sql").write_text(OWN.replace("id: mine", "id: user_journey"))
    mine = library.get("mine")
    assert mine.own
    assert [(p.name, p.default, p.required) for p in mine.parameters] == [
        ("n", 3, False), ("who", None, True),
    ]  # fmt: skip
    assert [c.type for c in mine.columns] == ["integer", "row(a integer, b integer)"]
    assert library.get("user_journey").name == "Mine"
    assert [broken.file for broken in library.broken()] == ["bad.sql", "twice.sql"]
    (tmp_path / "mine.sql").unlink()
    (tmp_path / "twice.sql").unlink()
    with pytest.raises(NotFoundError):
        library.get("mine")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("-- name: Mine\n", ""), "name"),
        (("daily", "yearly"), "refresh"),
        (("id: mine", "id: Mine!"), "id"),
        (("integer = 3", "integer = x"), "integer"),
        (("integer = 3", "integer = 1.5"), "integer"),
        (("integer = 3", "blob = 3"), "type"),
        (("-- category: own", "-- category: own\n-- category: other"), "once"),
        (("-- category: own", "-- colour: red"), "colour"),
        (("SELECT {{n}} AS n", ""), "statement"),
    ],
)
def test_broken_front_matter(change: tuple[str, str], reason: str) -> None:
    """Refused with what is wrong."""
    with pytest.raises(InvalidError, match=reason):
        read(OWN.replace(*change))


@pytest.mark.parametrize(
    "given", [{}, {"who": 1}, {"who": "x", "n": "3"}, {"who": "x", "n": True}, {"who": "x", "m": 1}]
)
def test_values_that_do_not_fit(given: dict[str, Any]) -> None:
    """Missing, unknown and of another type."""
    with pytest.raises(InvalidError):
        bind(read(OWN), given)
    assert bind(read(OWN), {"who": "x", "n": None}) == {"who": "x", "n": None}


@pytest.mark.parametrize(
    ("slot", "wanted"),
    [
        ("2026-03-02T00:00:00Z", ["hourly", "daily", "weekly"]),
        ("2026-03-03T00:00:00Z", ["hourly", "daily"]),
        ("2026-03-02T07:00:00Z", ["hourly"]),
    ],
)
def test_what_is_due_at_an_hour(slot: str, wanted: list[str]) -> None:
    """A Monday's midnight is due for all, another one for the days, any other hour for hours."""
    assert rhythms(parse_instant(slot) or 0) == wanted
